import pytest

from asl.pipelines.workspace.counts import counted


@pytest.mark.parametrize(
    ("count", "words", "said"),
    [
        (0, ("clip",), "0 clips"),
        (1, ("clip",), "1 clip"),
        (1200, ("clip is", "clips are"), "1,200 clips are"),
        (1, ("gloss has", "glosses have"), "1 gloss has"),
    ],
)
def test_a_count_agrees_with_its_noun_and_verb(count, words, said):
    assert counted(count, *words) == said
