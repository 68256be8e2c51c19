import re

import numpy as np
import pytest

from asl.pipelines.synthetic.invented_signs import UNMARKED, invent, signature
from asl.pipelines.synthetic.lexicon import direction, everyday_signs, handshapes, locations, read_table
from asl.pipelines.synthetic.motion import MAX_WRIST_BEND, realise, rotations
from asl.pipelines.synthetic.performances import read_lexicon
from asl.pipelines.synthetic.signers import Signer
from asl.pipelines.synthetic.skeleton import elbows
from asl.pipelines.workspace.errors import BadInput

TWENTY = "book dad drink eat finish food hello help hungry milk mom more no play please sleep sorry stop thankyou water yes"
HEADER = "gloss,hands,handshape,location,fingers,palm,movement,size,repeat\n"


def write(folder, *rows, header=HEADER):
    file = folder / "mine.csv"
    file.write_text(header + "".join(row + "\n" for row in rows), encoding="utf-8")
    return file


def test_the_built_in_lexicon_has_sixty_distinct_signs():
    signs = everyday_signs()
    assert len(signs) >= 60
    assert len(handshapes()) >= 30
    assert {gloss.upper() for gloss in TWENTY.split()} <= {sign.gloss for sign in signs}
    assert len({(sign.start, sign.end, sign.movement, sign.repeats, sign.hands) for sign in signs}) == len(signs)


def test_handshapes_differ_from_each_other():
    shapes = np.stack(list(handshapes().values()))
    distances = np.abs(shapes[:, None] - shapes[None]).max(axis=-1) + np.eye(len(shapes))
    assert distances.min() > 0.05


@pytest.mark.parametrize("name", ["up", "up-in", "forward-in-down", "down-forward"])
def test_directions_are_unit_vectors(name):
    assert np.linalg.norm(direction(name)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("row", "value", "hint"),
    [
        ("TEA,one,baby-0,chin,up,back,tap,0.1,2", "unknown handshape 'baby-0'", "baby-O"),
        ("TEA,one,F,forhead,up,back,tap,0.1,2", "unknown location 'forhead'", "forehead"),
        ("TEA,one,F,chin,upp,back,tap,0.1,2", "unknown direction of the fingers 'upp'", "up"),
        ("TEA,one,F,chin,up,back,tapp,0.1,2", "unknown movement 'tapp'", "tap"),
        ("TEA,two,F,chin,up,back,tap,0.1,2", "unknown hands 'two'", ""),
        ("TEA,one,F,palm,up,back,tap,0.1,2", "is on the base hand", "base"),
        ("TEA,one,F,chin,up,down,tap,0.1,2", "exclude each other", "palm"),
        ("TEA,one,F,chin,up,back,tap,huge,2", "size is 'huge'", "number"),
        ("TEA,one,F,chin,up,back,tap,nan,2", "size is 'nan'", "number"),
        ("TEA,one,F,chin,up,back,tap,0.1,99", "repeat is '99'", "between 1 and 8"),
        (",one,F,chin,up,back,tap,0.1,2", "no gloss", "gloss"),
        ("TEA,one,,chin,up,back,tap,0.1,2", "no handshape", "handshape"),
    ],
)
def test_errors_name_the_line_the_value_and_the_nearest_name(tmp_path, row, value, hint):
    file = write(tmp_path, "CUP,one,C,chin,up,back,tap,0.1,2", row)
    with pytest.raises(BadInput, match=r"line 3") as caught:
        read_lexicon(file)
    assert value in caught.value.message
    assert hint in caught.value.hint


def test_files_that_are_not_a_lexicon_are_refused(tmp_path):
    for content, message in ((b"\xff\xfe\x00", "not a CSV"), (b"a,b\n1,2\n", "no column 'gloss'"), (HEADER.encode(), "no signs")):
        file = tmp_path / "x.csv"
        file.write_bytes(content)
        with pytest.raises(BadInput, match=re.escape(message)):
            read_lexicon(file)
    with pytest.raises(BadInput, match="cannot read"):
        read_lexicon(tmp_path / "nowhere.csv")
    with pytest.raises(BadInput, match=r"line 3.*already defined in line 2"):
        read_lexicon(write(tmp_path, "CUP,one,C,chin,up,back,tap,0.1,2", "cup,one,F,chin,up,back,tap,0.1,2"))


def test_asl_lex_rows_become_signs(tmp_path):
    columns = "EntryID,Handshape.2.0,SelectedFingers.2.0,MajorLocation.2.0,MinorLocation.2.0,SecondMinorLocation.2.0,Movement.2.0"
    columns += ",SignType.2.0,RepeatedMovement.2.0,NonDominantHandshape.2.0,FlexionChange.2.0,UlnarRotation.2.0\n"
    rows = (
        "tea_1,f,i,Hand,FingerFront,NA,Circular,AsymmetricalDifferentHandshape,1,o,0,0",
        "think,1,i,Head,Forehead,HeadAway,Straight,OneHanded,0,NA,0,0",
    )
    signs = read_lexicon(write(tmp_path, *rows, header=columns))
    assert [sign.gloss for sign in signs] == ["TEA-1", "THINK"]
    assert signs[0].base is not None
    assert signs[0].base.handshape == "O"
    assert signs[1].end.location == "face"
    with pytest.raises(BadInput, match=r"line 2: unknown Handshape.2.0 'ff'") as caught:
        read_lexicon(write(tmp_path, rows[0].replace(",f,", ",ff,"), header=columns))
    assert "'f'" in caught.value.hint


def test_all_signs_of_asl_lex_can_be_performed(real_data):
    signs = read_lexicon(next((real_data / "asl-lex").glob("*.csv")))
    assert len(signs) == 2723
    for sign in signs[::7]:
        assert np.isfinite(realise(sign, Signer("s")).start.wrist).all()


def test_every_handshape_of_asl_lex_is_known():
    aliases = [alias for row in read_table("handshapes.csv") for alias in row["asl_lex"].split()]
    assert len(aliases) == len(set(aliases)) >= 55


def test_invented_signs_are_legal_distinct_and_independent_of_the_count():
    signs = invent(10_000, 0)
    assert len({signature(sign) for sign in signs}) == 10_000
    assert invent(50, 0) == signs[:50]
    assert invent(50, 1) != signs[:50]
    for sign in signs:
        assert sign.base is None or sign.base.handshape in UNMARKED
        if sign.hands in ("one", "both", "alternating"):
            assert locations()[sign.start.location].position is not None
    with pytest.raises(ValueError, match="at most"):
        invent(10_001, 0)


def test_wrists_do_not_bend_beyond_their_limit():
    signer = Signer("s")
    for sign in everyday_signs():
        pose = realise(sign, signer).start
        forearm = pose.wrist - elbows(pose.wrist, signer)
        forearm /= np.linalg.norm(forearm, axis=-1, keepdims=True)
        fingers = rotations(pose.turn)[..., 1]
        bend = np.arccos(np.clip((forearm * fingers).sum(axis=-1), -1, 1))
        assert bend[0] < MAX_WRIST_BEND + 0.35, sign.gloss
