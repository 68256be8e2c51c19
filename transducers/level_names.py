"""Names of the levels of the cascade, and of their files (SPEC §10)."""

#: From frames to words.
LEVELS = ("H", "C", "M", "D", "L", "G")
LEXICON_GRAMMAR, FULL_CASCADE = "L∘G", "H∘C∘M∘D∘L∘G"
#: The levels above H that a path is explained by, from frames to words.
EXPLAINED = ("C", "M", "D", LEXICON_GRAMMAR)


def file_name(name: str) -> str:
    """The file of a transducer, such as "LG.fst"."""
    return {LEXICON_GRAMMAR: "LG", FULL_CASCADE: "HCMDLG"}.get(name, name) + ".fst"
