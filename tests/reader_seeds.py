"""One or two small valid files for every reader of external files, from which the fuzzer starts."""

import io
import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from asl.models.features.holistic import FACE
from asl.pipelines.media.pose_files import write_pose
from asl.pipelines.recogniser.bundle import default_bundle, load_bundle
from asl.pipelines.synthetic.lexicon import read_table
from asl.pipelines.workspace.settings.sections import example_toml
from asl.transducers.levels.ngram import to_arpa, train_ngram
from tests.foreign_readers import BETWEEN_ARRAYS, write_model
from tests.made_up_signing import signing

PACKAGE = Path(__file__).parent.parent / "pipelines"

WORKSPACE = """
[train]
epochs = 3
[sources]
videos = ["a"]
[state.extract]
fingerprint = "x"
code = 1
number = 1
finished = "2026-01-01T00:00:00+00:00"
[state.extract.settings]
a = 1
[state.extract.outputs]
"clips.jsonl" = "00"
[state.extract.metrics]
clips = 3
[state.train-ctc.metrics]
model = "m"
"""

EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2026-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="100"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="900"/></TIME_ORDER>
<TIER LINGUISTIC_TYPE_REF="t" TIER_ID="gloss"><ANNOTATION>
<ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2"><ANNOTATION_VALUE>BOOK</ANNOTATION_VALUE>
</ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER LINGUISTIC_TYPE_REF="r" PARENT_REF="gloss" TIER_ID="note"><ANNOTATION>
<REF_ANNOTATION ANNOTATION_ID="a2" ANNOTATION_REF="a1"><ANNOTATION_VALUE>x</ANNOTATION_VALUE></REF_ANNOTATION>
</ANNOTATION></TIER>
<LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="t" TIME_ALIGNABLE="true"/>
</ANNOTATION_DOCUMENT>
"""

CLIP = {
    "id": "a-1",
    "pose": "landmarks/aa/a.pose",
    "digest": "00",
    "name": "a",
    "kind": "pose",
    "glosses": ["BOOK"],
    "group": "g",
    "signer": "s",
    "split": "train",
    "fps": 25.0,
    "frames": 30,
    "seen": [1, 1, 0.5, 0.5],
    "segments": [{"tier": "gloss", "value": "BOOK", "start": 0.1, "end": 0.5}],
}

WLASL = [{"gloss": "book", "instances": [{"video_id": "1", "split": "train", "signer_id": 4, "fps": 25, "frame_end": -1}]}]
WLASL_SUBSET = {"1": {"subset": "train", "action": [0, 1, 50]}, "2": {"subset": "val", "action": [1, 1, -1]}}

ASL_LEX = """EntryID,LemmaID,Handshape.2.0,MajorLocation.2.0,MinorLocation.2.0,Movement.2.0,SignType.2.0
book,book,1,Neutral,Neutral,Straight,OneHanded
"""


def seeds(reader: str) -> list[bytes]:
    """The valid files of a reader."""
    return [file if isinstance(file, bytes) else file.encode() for file in _SEEDS[reader]()]


def _bytes_of(write: Callable[[Path], None], name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        return (Path(folder) / name).read_bytes()


def _pose(folder: Path) -> None:
    clip = signing(1, seconds=0.3)
    clip.points[:, FACE] = np.nan
    write_pose(folder / "a.pose", clip)


def _arrays() -> bytes:
    parts = []
    for values in (np.ones((1, 3, 170), np.float32), np.array(["BOOK"]), np.array(["train"]), np.array(["g"])):
        buffer = io.BytesIO()
        np.save(buffer, values)
        parts.append(buffer.getvalue())
    return BETWEEN_ARRAYS.join(parts)


def _layout() -> str:
    layouts = (PACKAGE / "corpus" / "sources" / "layouts.toml").read_text()
    return re.search(r"\[upper-170\].*?\n\]\n", layouts, re.DOTALL)[0]


def _graph() -> str:
    columns = {"rows": [[], []], "gloss": [0, 1], "peak": [False, True], "unit": [0, 0]}
    weights = {"encoder_weight": 1.0, "code_weight": 0.0, "density_weight": 0.0, "gate_weight": 0.0}
    card = {"version": 2, "model": load_bundle(default_bundle()).weights_hash, "glosses": ["BOOK", "DRINK"], "rest": 1}
    return json.dumps(card | weights | {"parts": [], "fused": [2], "densities": False, "columns": columns, "files": {}})


def _lexicon() -> str:
    rows = read_table("signs.csv")[:3]
    return "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)])


_SEEDS: dict[str, Callable[[], list[bytes | str]]] = {
    "workspace": lambda: [example_toml(), WORKSPACE],
    "manifest": lambda: [
        "path,gloss,signer,group,split,start,end\na.mp4,book,s,g,train,0,1.5\nb.mp4,drink milk,s,g,test,,\n",
        '{"path": "a.mp4", "gloss": ["book", "drink"], "split": "val", "start": 0.5}\n{"path": "b.pose", "gloss": "x"}\n',
    ],
    "wlasl": lambda: [json.dumps(WLASL), json.dumps(WLASL_SUBSET)],
    "pose": lambda: [_bytes_of(_pose, "a.pose")],
    "npz": lambda: [_arrays()],
    "layout": lambda: [_layout()],
    "eaf": lambda: [EAF],
    "arpa": lambda: [to_arpa(train_ngram([["BOOK", "DRINK"], ["DRINK"]], 2, ["BOOK", "DRINK"]))],
    "text": lambda: ["BOOK DRINK\ndrink fs-john\n"],
    "bundle": lambda: [(default_bundle() / "bundle.json").read_bytes()],
    "model": lambda: [_bytes_of(write_model, "model.json")],
    "graph": lambda: [_graph()],
    "tensors": lambda: [_bytes_of(write_model, "model.safetensors")],
    "clips": lambda: [json.dumps(CLIP) + "\n"],
    "asl-lex": lambda: [ASL_LEX],
    "lexicon": lambda: [_lexicon(), ASL_LEX],
    "pattern": lambda: ["{group}__{gloss}__{clip}"],
}
