"""Every reader of external files, as a function of the bytes of a file, for the fuzzer and for tests of its findings.

A reader may raise AslError or BadClip. Any other exception is a bug.
"""

import io
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from asl.models.features.feature_sets import FEATURE_SETS
from asl.models.features.holistic import Landmarks
from asl.pipelines.cascade.graph_folder import Graph
from asl.pipelines.cascade.language import read_text, train_language
from asl.pipelines.corpus.clips import ClipSource, read_clips
from asl.pipelines.corpus.feature_store import compute_features
from asl.pipelines.corpus.labels import label_table
from asl.pipelines.corpus.sources import arrays, elan, manifest, poses, wlasl
from asl.pipelines.corpus.sources.elan_signs import TierNames
from asl.pipelines.media.pose_files import parse_pose
from asl.pipelines.recogniser.bundle import Bundle, default_bundle, load_bundle
from asl.pipelines.recogniser.model import read_card
from asl.pipelines.synthetic import performances
from asl.pipelines.workspace import status
from asl.pipelines.workspace.errors import AslError, BadClip
from asl.pipelines.workspace.folder import MODEL_STAGES, open_workspace
from asl.pipelines.workspace.plans import Plan
from asl.pipelines.workspace.settings.clips import FeatureSettings, SourceSettings
from asl.pipelines.workspace.settings.reading import GraphSettings
from asl.pipelines.workspace.settings.sections import SECTIONS
from asl.pipelines.workspace.tensor_files import load_arrays, save_arrays
from asl.transducers.alphabet import Alphabet
from asl.transducers.glossing import normalise_gloss

#: Separates the arrays of an .npz. The fuzzer mutates arrays, not the zip file, whose checksums it would break.
BETWEEN_ARRAYS = b"\0NPY\0"
MAX_FRAMES = 2_000


def read_workspace(data: bytes, folder: Path) -> None:
    (folder / "asl.toml").write_bytes(data)
    workspace = open_workspace(folder)
    for section in SECTIONS:
        workspace.settings(section)
    status.next_command(workspace, status.stages(workspace))
    workspace.newest(MODEL_STAGES, "model")
    plan = Plan("extract", {"a": 1}, {"clips": "x"})
    workspace.decide(plan)
    workspace.record(plan, datetime(2026, 1, 1).astimezone(), {}, {"clips": 3})
    assert open_workspace(folder).state("extract")["metrics"]["clips"] == 3


def read_manifest(data: bytes, folder: Path) -> None:
    file = folder / ("clips.jsonl" if data[:1] == b"{" else "clips.csv")
    file.write_bytes(data)
    clips, _ = manifest.read(file)
    assert all(clip.start >= 0 for clip in clips)


def read_wlasl(data: bytes, folder: Path) -> None:
    (folder / "wlasl.json").write_bytes(data)
    if not (folder / "videos").is_dir():
        (folder / "videos").mkdir()
        (folder / "videos" / "1.mp4").touch()
        (folder / wlasl.CLASS_LIST).write_text("0\tbook\n1\tdrink\n")
    wlasl.read(folder / "wlasl.json", SourceSettings(video_root=str(folder / "videos")))


def read_pose(data: bytes, folder: Path) -> None:
    landmarks = parse_pose(data)
    assert isinstance(landmarks, Landmarks)
    landmarks = landmarks.between(0.1, 0.5)
    if 0 < len(landmarks) <= MAX_FRAMES and np.isfinite(landmarks.points).any() and landmarks.seconds < MAX_FRAMES / 25:
        compute_features(landmarks, FeatureSettings())


def read_npz(data: bytes, folder: Path) -> None:
    file = folder / "clips.npz"
    if not data.startswith(b"PK"):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, member in zip(("landmarks", "gloss", "split", "group"), data.split(BETWEEN_ARRAYS), strict=False):
                archive.writestr(f"{name}.npy", member)
        data = buffer.getvalue()
    file.write_bytes(data)
    for clip in arrays.read(file, "")[:2]:
        arrays.landmarks_of(clip.path, clip.row, clip.layout)


def read_layout(data: bytes, folder: Path) -> None:
    (folder / "layout.toml").write_bytes(data)
    arrays.find_layout(str(folder / "layout.toml"), 170)


def read_eaf(data: bytes, folder: Path) -> None:
    (folder / "clip.eaf").write_bytes(data)
    names = TierNames(["gloss"], ["utterance"], normalise_gloss)
    elan.annotate([ClipSource(folder / "clip.mp4", "video", "clip")], folder, names)


def read_arpa(data: bytes, folder: Path) -> None:
    from asl.transducers.levels.grammar import grammar

    (folder / "g.arpa").write_bytes(data)
    words = ["BOOK", "DRINK"]
    grammar(train_language(GraphSettings(arpa=str(folder / "g.arpa")), words, [words], [words[::-1]]).model, words)


def read_glosses(data: bytes, folder: Path) -> None:
    (folder / "text.txt").write_bytes(data)
    if len(read_text(folder / "text.txt")) < MAX_FRAMES:
        train_language(GraphSettings(text=[str(folder / "text.txt")], order=2), ["BOOK", "DRINK"], [["BOOK", "DRINK"]], [])


def read_bundle(data: bytes, folder: Path) -> None:
    """Reads the card of a bundle whose other files exist."""
    bundle_folder = folder / "bundle"
    if not bundle_folder.is_dir():
        shutil.copytree(default_bundle(), bundle_folder)
    (bundle_folder / "bundle.json").write_bytes(data)
    bundle = load_bundle(bundle_folder)
    assert bundle.feature_set.inputs
    assert bundle.streams in (True, False)
    assert all(isinstance(name, str) for name in bundle.tiers)


def read_model_card(data: bytes, folder: Path) -> None:
    from asl.pipelines.recogniser.torch_model import load_model

    if not (folder / "model.safetensors").is_file():
        write_model(folder)
    (folder / "model.json").write_bytes(data)
    assert isinstance(read_card(folder), dict)
    load_model(folder)


def read_graph_card(data: bytes, folder: Path) -> None:
    from asl.pipelines.cascade.graph_folder import load_graph

    if not (folder / "tables.safetensors").is_file():
        save_arrays(folder / "tables.safetensors", {"bias": np.zeros(2, np.float32)})
    (folder / "graph.json").write_bytes(data)
    assert isinstance(load_graph(folder, _bundle()), Graph)


def read_tensors(data: bytes, folder: Path) -> None:
    from asl.pipelines.workspace.tensor_files import load_tensors

    (folder / "model.safetensors").write_bytes(data)
    load_arrays(folder / "model.safetensors")
    load_tensors(folder / "model.safetensors")


def read_clip_list(data: bytes, folder: Path) -> None:
    (folder / "clips.jsonl").write_bytes(data)
    for clip in read_clips(folder / "clips.jsonl"):
        assert {field.name for field in fields(clip)}
        assert clip.frames >= 0


def read_asl_lex(data: bytes, folder: Path) -> None:
    (folder / "asl-lex.csv").write_bytes(data)
    label_table([], str(folder / "asl-lex.csv"))


def read_lexicon(data: bytes, folder: Path) -> None:
    (folder / "signs.csv").write_bytes(data)
    performances.read_lexicon(folder / "signs.csv")


def read_pattern(data: bytes, folder: Path) -> None:
    pattern = poses.compile_pattern(data.decode(errors="replace"))
    pattern.fullmatch("a__book__1")


def write_model(folder: Path) -> None:
    """Writes a small untrained recogniser."""
    from asl.models.networks.encoders import EncoderSpec
    from asl.models.networks.recogniser import RecogniserNetwork
    from asl.pipelines.recogniser.torch_model import save_model

    features = FeatureSettings()
    size = FEATURE_SETS[features.features]
    recogniser = RecogniserNetwork(EncoderSpec("bilstm", size.inputs, 2, 1, 0.0, 0.0, False), 2, 0.0, {})
    mean = np.zeros(size.expanded, np.float32)
    save_model(folder, [recogniser], Alphabet(("BOOK", "DRINK")), features, mean, mean + 1, {"stage": "train-ctc"})


@lru_cache(maxsize=1)
def _bundle() -> Bundle:
    return load_bundle(default_bundle())


READERS: dict[str, Callable[[bytes, Path], None]] = {
    "workspace": read_workspace,
    "manifest": read_manifest,
    "wlasl": read_wlasl,
    "pose": read_pose,
    "npz": read_npz,
    "layout": read_layout,
    "eaf": read_eaf,
    "arpa": read_arpa,
    "text": read_glosses,
    "bundle": read_bundle,
    "model": read_model_card,
    "graph": read_graph_card,
    "tensors": read_tensors,
    "clips": read_clip_list,
    "asl-lex": read_asl_lex,
    "lexicon": read_lexicon,
    "pattern": read_pattern,
}


def accepts(reader: str, data: bytes, folder: Path) -> bool:
    """Whether a reader accepts the bytes, or raises AslError or BadClip. Other exceptions are not caught."""
    try:
        READERS[reader](data, folder)
        return True
    except (AslError, BadClip):
        return False
