"""What the cascade learns from aligned clips: segments, units, pronunciations, emissions."""
