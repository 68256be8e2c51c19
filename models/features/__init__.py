"""What is visible of a signer, as numbers: landmarks, signer frame, feature sets, augmentation, and annotation tiers."""
