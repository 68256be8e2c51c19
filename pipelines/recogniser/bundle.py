"""A bundle: everything that is needed to translate, without torch and Pynini.

It is a folder with bundle.json (the model card and the hash of every other file), encoder.onnx, for causal encoders stream.onnx
with explicit state tensors, arrays.safetensors with the standardisation, README.md, and the cascade in graph/.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from asl.pipelines.recogniser.model import CARD as MODEL_CARD
from asl.pipelines.recogniser.model import SHIPPED, Model, Output, chosen_model, find_model, nothing_made
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.files import file_hash
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.names import is_path
from asl.pipelines.workspace.records import read_record
from asl.pipelines.workspace.settings.clips import FeatureSettings
from asl.pipelines.workspace.tensor_files import load_arrays
from asl.transducers.alphabet import Alphabet

CARD, README, GRAPH = "bundle.json", "README.md", "graph"
ENCODER, STREAM, ARRAYS = "encoder.onnx", "stream.onnx", "arrays.safetensors"
FORMAT_VERSION = 1
MAX_CARD_BYTES, MAX_FILE_BYTES = 64 << 20, 4 << 30
MAX_STATE_VALUES = 1 << 24
EXPORT_AGAIN = "export it again: asl export"


@dataclass(frozen=True)
class Bundle(Model):
    """A model that ONNX Runtime runs. threads: per inference; 0 leaves the number to ONNX Runtime."""

    threads: int = 0

    @property
    def tiers(self) -> dict[str, tuple[str, ...]]:
        return {str(name): tuple(classes) for name, classes in self.card["tiers"].items()}

    @property
    def weights_hash(self) -> str:
        return str(self.card["model"])

    @property
    def graph(self) -> Path | None:
        """The folder of its cascade, None if it has none."""
        return self.folder / GRAPH if self.card.get("graph") else None

    def read(self, inputs: np.ndarray) -> Output:
        lengths = np.full(len(inputs), inputs.shape[1], dtype=np.int64)
        views, *tiers = self._encoder.run(None, {"features": inputs, "lengths": lengths})
        return Output(tuple(views.reshape(-1, *views.shape[2:])), self._by_tier(tiers))

    @property
    def streams(self) -> bool:
        return bool(self.card["stream"])

    def _stream(self, count: int) -> "OnnxStream":
        return OnnxStream(self, count)

    def _by_tier(self, tiers: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        names = [name for name in self.tiers if name in self.card["outputs"]]
        return {name: values.mean(axis=0) for name, values in zip(names, tiers, strict=True)}

    @cached_property
    def _encoder(self):
        return session(self.folder / ENCODER, self.threads)

    @cached_property
    def _streaming(self):
        return session(self.folder / STREAM, self.threads)


class OnnxStream:
    """A bundle's encoder, applied to frames as they arrive."""

    def __init__(self, bundle: Bundle, count: int):
        self._bundle = bundle
        shapes = bundle.card["stream"]["states"]
        if sum(int(np.prod(shape)) for _, shape in shapes) > MAX_STATE_VALUES:
            raise BadInput(f"the states of {bundle.folder.name} are too large", EXPORT_AGAIN)
        self._states = {name: np.zeros((count, *shape), dtype=np.float32) for name, shape in shapes}

    def read(self, inputs: np.ndarray) -> Output:
        """Output for the next t frames, from (N, t, D) encoder inputs."""
        outputs = self._bundle._streaming.run(None, {"features": inputs} | self._states)
        tiers = len(outputs) - 1 - len(self._states)
        self._states = dict(zip(self._states, outputs[1 + tiers :], strict=True))
        views = outputs[0].reshape(-1, *outputs[0].shape[2:])
        return Output(tuple(views), self._bundle._by_tier(outputs[1 : 1 + tiers]))


def session(path: Path, threads: int = 0):
    """An ONNX Runtime session on the CPU. Raises BadInput if it cannot run the model, for example for unknown operators."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no common base class
        raise BadInput(f"ONNX Runtime cannot run {path}: {_first_line(error)}", "update asl, or " + EXPORT_AGAIN) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def is_bundle(folder: Path) -> bool:
    return (folder / CARD).is_file()


def load_bundle(folder: Path, threads: int = 0) -> Bundle:
    """Loads a bundle. Raises BadInput if the folder is not a bundle, is damaged, or was written by a newer asl."""
    card = read_record(folder / CARD, newest=FORMAT_VERSION, max_bytes=MAX_CARD_BYTES, hint=EXPORT_AGAIN)
    try:
        for name, digest in card["files"].items():
            path = (folder / name).resolve()
            if not path.is_relative_to(folder.resolve()):
                raise ValueError(f"'{name}' is outside the bundle")
            if path.stat().st_size > MAX_FILE_BYTES or file_hash(path) != digest:
                raise ValueError(f"{name} has changed since the export")
        if ENCODER not in card["files"] or ARRAYS not in card["files"] or (card["stream"] and STREAM not in card["files"]):
            raise ValueError("it has no encoder")
        arrays = load_arrays(folder / ARRAYS)
        features = FeatureSettings(**card["features"])
        alphabet = Alphabet(tuple(map(str, card["glosses"])))
        _check_outputs(card)
        bundle = Bundle(alphabet, features, arrays["mean"], arrays["deviation"], folder, card, threads)
        if bundle.mean.shape != (bundle.feature_set.expanded,) or bundle.deviation.shape != bundle.mean.shape:
            raise ValueError(f"a standardisation of {bundle.mean.shape} does not fit {features.features}")
        return bundle
    except OSError as error:
        raise BadInput(f"the bundle {folder} is damaged: {error.strerror}: {error.filename}", EXPORT_AGAIN) from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadInput(f"the bundle {folder} is damaged: {error}", EXPORT_AGAIN) from error
    except AslError as error:
        raise BadInput(error.message, EXPORT_AGAIN) from error


def _check_outputs(card: Mapping[str, Any]) -> None:
    """Raises ValueError, TypeError, AttributeError or KeyError if the card does not describe the encoder's outputs correctly."""
    if not all(isinstance(name, str) for classes in card["tiers"].values() for name in classes):
        raise ValueError("tiers with classes that are not names")
    if not set(card["outputs"]) <= set(card["tiers"]):
        raise ValueError("outputs that are not tiers")
    states = card["stream"]["states"] if card["stream"] else []
    if not all(isinstance(name, str) and all(isinstance(size, int) and size > 0 for size in shape) for name, shape in states):
        raise ValueError("states without names or sizes")


def default_bundle() -> Path:
    """The bundle shipped with the package."""
    with as_file(files("asl.pipelines.recogniser") / "shipped_bundle") as folder:
        return folder


def model_name(folder: Path) -> str:
    """The name by which a model or bundle is chosen."""
    return SHIPPED if folder == default_bundle() else folder.name


def find_model_or_bundle(workspace: Workspace | None, given: str | None) -> Path:
    """Folder of a model or bundle: the given one, else the default or newest model of the workspace, else the shipped bundle.

    given: a path, a name below models/ or bundles/, or SHIPPED. Raises BadInput if it does not exist.
    """
    given = chosen_model(workspace, given)
    if given == SHIPPED:
        return default_bundle()
    if given and is_bundle(Path(given)):
        return Path(given)
    if given and workspace and not is_path(given) and is_bundle(workspace.bundles / given):
        return workspace.bundles / given
    if not given and (workspace is None or not workspace.has_model):
        return default_bundle()
    try:
        return find_model(workspace, given or None)
    except BadInput as error:
        raise nothing_made(str(given), _names(workspace), "model", "") from error


def _names(workspace: Workspace | None) -> list[str]:
    """The names of the models and bundles that there are."""
    files = [*workspace.models.glob(f"*/{MODEL_CARD}"), *workspace.bundles.glob(f"*/{CARD}")] if workspace else []
    return [*(file.parent.name for file in files), SHIPPED]


def load_model_or_bundle(folder: Path) -> Model:
    """Loads a bundle, or a trained model, which needs torch."""
    if is_bundle(folder) and not (folder / MODEL_CARD).is_file():
        return load_bundle(folder)
    from asl.pipelines.recogniser.torch_model import load_model

    return load_model(folder)
