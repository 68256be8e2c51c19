"""Stage 3, discriminative training: competitors, cases, the loop, and validation."""
