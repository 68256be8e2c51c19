"""What is seen of a signer, as numbers: points, signer frame, feature sets, their variation, and labels on tiers."""
