"""Symbols: alphabets and the search for the best gloss sequence. No torch."""
