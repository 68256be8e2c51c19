"""The names of the cascade's levels, and of their files (SPEC §10)."""

#: From the frames to the words; H∘C∘M∘D∘L∘G is the whole.
LEVELS = ("H", "C", "M", "D", "L", "G")
LEXICON_GRAMMAR, FULL_CASCADE = "L∘G", "H∘C∘M∘D∘L∘G"
#: The levels above H, as a path goes up through them.
EXPLAINED = ("C", "M", "D", LEXICON_GRAMMAR)


def file_name(name: str) -> str:
    return {LEXICON_GRAMMAR: "LG", FULL_CASCADE: "HCMDLG"}.get(name, name) + ".fst"
