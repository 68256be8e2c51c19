"""The synthetic signer: lexicons of signs, motion, detector errors, and rendered pictures."""
