"""`asl export --web`: a static page that translates .pose files with a bundle, in the browser; it sends nothing anywhere."""

import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from asl.models.features import landmark_features
from asl.models.features.feature_sets import FEATURE_SETS, FeatureSet, hand_slices, shoulder_indices
from asl.models.features.holistic import FRAME_BONES
from asl.pipelines.media.pose_files import point_indices
from asl.pipelines.recogniser.bundle import ENCODER, Bundle
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.files import write_atomically, write_json
from asl.pipelines.workspace.settings.reading import DecodeSettings

#: The version that the page was tested with, and those of its files that the page needs: one thread, on the CPU.
RUNTIME = "onnxruntime-web@1.22.0"
RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
MAX_PACKAGE_BYTES = 256 << 20
PAGE_FILES = ("index.html", "app.js", "features.js", "ctc.js", "pose.js")


def write_web(folder: Path, bundle: Bundle, runtime: Path | None = None) -> int:
    """Writes the page into a new folder, or over an earlier page. Returns its size in bytes.

    runtime: a folder with RUNTIME_FILES anywhere below it; by default npm fetches them. Raises BadInput if the folder holds
    something else, AslError if npm cannot fetch the runtime.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "web.json").is_file():
        raise BadInput(f"{folder} exists and holds something else", "name a new folder with --web")
    folder.mkdir(parents=True, exist_ok=True)
    _vendor(folder / "ort", runtime)
    with as_file(files("asl.pipelines.deployment") / "web") as source:
        for name in PAGE_FILES:
            shutil.copyfile(source / name, folder / name)
    shutil.copyfile(bundle.folder / ENCODER, folder / ENCODER)
    write_json(folder / "web.json", page_settings(bundle, DecodeSettings()))
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _vendor(target: Path, runtime: Path | None) -> None:
    """Copies the files of onnxruntime-web, from a folder or from npm's package."""
    target.mkdir(exist_ok=True)
    if all((target / name).is_file() for name in RUNTIME_FILES):
        return
    if runtime:
        for name in RUNTIME_FILES:
            file = next(iter(sorted(runtime.rglob(name))), None)
            if file is None:
                raise BadInput(f"there is no {name} below {runtime}", f"unpack npm's package {RUNTIME} there")
            shutil.copyfile(file, target / name)
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(["npm", "pack", RUNTIME, "--silent"], cwd=folder, capture_output=True, timeout=600, check=True)
            package = Path(folder) / done.stdout.decode().split()[-1]
            _unpack(package, target)
        except (OSError, subprocess.SubprocessError, IndexError, tarfile.TarError) as error:
            hint = f"unpack npm's package {RUNTIME} somewhere, and name its folder with --web-runtime"
            raise AslError(f"npm could not fetch {RUNTIME}: {error}", hint) from error


def _unpack(package: Path, target: Path) -> None:
    """Extracts the files that are needed, by name only: paths of the archive are ignored."""
    if package.stat().st_size > MAX_PACKAGE_BYTES:
        raise tarfile.TarError("the package is too large")
    with tarfile.open(fileobj=io.BytesIO(package.read_bytes())) as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            if name in RUNTIME_FILES and member.isfile() and member.size < MAX_PACKAGE_BYTES:
                write_atomically(target / name, archive.extractfile(member).read())
    missing = [name for name in RUNTIME_FILES if not (target / name).is_file()]
    if missing:
        raise tarfile.TarError(f"the package has no {missing[0]}")


def page_settings(bundle: Bundle, decode: DecodeSettings) -> dict[str, Any]:
    """The content of web.json: what the page's scripts need to know of features, decoding and the model."""
    features, feature_set, card = bundle.features, bundle.feature_set, bundle.card
    # Numbered features show which ones are hidden, and which one each comes from when mirrored.
    numbered = np.arange(feature_set.size, dtype=float)[None] + 1
    visible = feature_set.keep_modalities(numbered, features.parts.split("+"))[0]
    mirrored = feature_set.mirror(numbered)[0]
    return {
        "name": card["name"],
        "glosses": list(bundle.alphabet.glosses),
        "accuracy": card["accuracy"],
        "limits": card["limits"],
        "misuse": card["misuse"],
        "fps": features.fps,
        "depth": features.depth,
        "causal": features.causal_features,
        "places": {f"{component}/{point}": index for (component, point), index in point_indices().items()},
        "bones": FRAME_BONES,
        "points": feature_set.points.tolist(),
        "shoulders": list(shoulder_indices(feature_set)),
        "hands": [[hand.start, hand.stop] for hand in hand_slices(feature_set.points)],
        "sets": [_set(FEATURE_SETS[name], feature_set) for name in feature_set.name.split("+")],
        "hidden": np.flatnonzero(np.isnan(visible)).tolist(),
        "mirror_source": (np.abs(mirrored) - 1).round().astype(int).tolist(),
        "mirror_sign": np.sign(mirrored).astype(int).tolist(),
        "lagged": feature_set.lagged.tolist(),
        "hand_columns": list(feature_set.hands),
        "mean": bundle.mean.tolist(),
        "deviation": bundle.deviation.tolist(),
        "mirror_average": decode.mirror_average,
        "beam": decode.beam,
        "insertion_penalty": decode.insertion_penalty,
        "runners_up": decode.runners_up,
    }


def _set(part: FeatureSet, combined: FeatureSet) -> Mapping[str, Any]:
    """A part of a combined feature set, with the positions of its points among those of the combined set."""
    position = {int(point): index for index, point in enumerate(combined.points)}
    settings = {"name": part.name, "points": [position[int(point)] for point in part.points]}
    return settings | (landmark_features.relative_parts() if part.name == "landmarks" else {})
