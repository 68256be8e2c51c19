"""The six transducers, one module each: H observation, C context, M morphology, D discourse, L lexicon, G grammar."""
