"""What the cascade learns from aligned clips: sign segments, phonological units, pronunciations and emissions."""
