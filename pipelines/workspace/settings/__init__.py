"""Every setting: one frozen dataclass for each section of asl.toml, and how a value is found."""
