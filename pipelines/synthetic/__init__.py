"""A signer made of numbers: lexicon (what a sign is), motion (how it moves), picture (how it looks)."""
