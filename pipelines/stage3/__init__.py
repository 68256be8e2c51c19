"""Stage 3, discriminative training: competitor search, training cases, the loop, and validation."""
