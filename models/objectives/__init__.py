"""Training objectives: CTC, contrastive and discriminative losses, and the scores that they share."""
