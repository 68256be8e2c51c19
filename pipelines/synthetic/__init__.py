"""The synthetic signer: lexicon (what a sign is), motion (how it moves), picture (how it looks)."""
