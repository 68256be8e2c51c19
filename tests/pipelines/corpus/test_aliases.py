"""Tables of aliases of glosses."""

from pathlib import Path

import pytest

from asl.pipelines.corpus.aliases import read_aliases
from asl.pipelines.corpus.sources.gather import gather
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.clips import SourceSettings, SyntheticSettings
from tests.pipelines.corpus.test_elan import eaf, touch

TABLE = "alias,gloss\nTHANKYOU,thank you\nthanks,THANK-YOU\nthank_you,THANK-YOU\nthanks,THANK-YOU\nfs-Pal,FRIEND\n"


def table(folder: Path, text: str = TABLE) -> str:
    return str(touch(folder / "aliases.csv", text))


def test_aliases_stand_for_their_gloss(tmp_path):
    aliases = read_aliases(table(tmp_path))
    assert [aliases.spelled(text) for text in ("Thanks", "thankyou", "thank you", "fs-pal", "BOOK")] == [
        "THANK-YOU", "THANK-YOU", "THANK-YOU", "FRIEND", "BOOK"
    ]  # fmt: skip
    assert read_aliases("").all(("THANKS",)) == ("THANKS",)


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("alias,gloss\nA,B\nA,C\n", "line 3: 'A' is an alias of 'C', but of 'B' in line 2", "delete one"),
        ("alias,gloss\nA,B\nB,C\nC,D\n", "line 2: 'A' is an alias of 'B', which is an alias itself (line 3)", "write A,D"),
        ("alias,gloss\nA,B\nB,A\n", "in a circle", "choose one spelling"),
        ("alias,gloss\nA,\n", "line 2: it needs an alias and a gloss", "THANKS,THANK-YOU"),
        ("alias,gloss\nA,B,C\n", "line 2: it needs an alias and a gloss", "THANKS,THANK-YOU"),
        ("from,to\nA,B\n", "has not the columns alias and gloss", "first line"),
        ("", "has not the columns alias and gloss", "first line"),
        ('alias,gloss\n"A,B\n', "is not a table in UTF-8", "CSV"),
    ],
)
def test_contradictory_tables_are_refused(tmp_path, text, words, hint):
    with pytest.raises(BadInput) as caught:
        read_aliases(table(tmp_path, text))
    assert words in caught.value.message
    assert hint in caught.value.hint


def test_labels_of_every_source_are_read_with_their_aliases(tmp_path):
    touch(tmp_path / "v" / "Thank You" / "1.mp4")
    touch(tmp_path / "v" / "THANKS" / "2.mp4")
    touch(tmp_path / "w" / "3.mp4")
    manifest = touch(tmp_path / "m.csv", "path,gloss\nw/3.mp4,thankyou friend\n")
    eaf(tmp_path / "e" / "3.eaf", {"RH": [(0, 500, "THANKS"), (500, 900, "FRIEND")], "LH": [(100, 500, "thankyou")]})
    sources = {"videos": [str(tmp_path / "v")], "manifest": [str(manifest)], "aliases": table(tmp_path)}
    found = gather(SourceSettings(**sources), SyntheticSettings(), tmp_path)
    assert {clip.glosses for clip in found.clips} == {("THANK-YOU",), ("THANK-YOU", "FRIEND")}
    annotated = SourceSettings(**sources, annotations=str(tmp_path / "e"), gloss_tier=["RH", "LH"])
    clip = gather(annotated, SyntheticSettings(), tmp_path).clips[-1]
    assert clip.glosses == ("THANK-YOU", "FRIEND"), "one sign of two hands, whatever its spelling"
    assert [segment.value for segment in clip.segments] == ["THANK-YOU", "FRIEND"]
