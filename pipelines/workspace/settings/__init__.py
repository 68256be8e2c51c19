"""Every setting: one frozen dataclass per section of asl.toml, and how its value is resolved."""
