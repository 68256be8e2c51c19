"""`asl export --web`: a static page that reads .pose files with a bundle, in the browser, sending nothing anywhere."""

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
from asl.pipelines.media.pose_files import known_points
from asl.pipelines.recogniser.bundle import ENCODER, Bundle
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.files import write_atomically, write_json
from asl.pipelines.workspace.settings.reading import DecodeSettings

#: The version that the page was tried with, and the files of it that a page needs: one thread, on the processor.
RUNTIME = "onnxruntime-web@1.22.0"
RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
MAX_PACKAGE_BYTES = 256 << 20
PAGE = ("index.html", "app.js", "features.js", "ctc.js", "pose.js")


def write_web(folder: Path, bundle: Bundle, runtime: Path | None = None) -> int:
    """Writes the page into a new folder, or that of an earlier page; its size in bytes.

    runtime: a folder with RUNTIME_FILES somewhere below it; npm fetches them otherwise. Raises BadInput: the folder holds
    something else; AslError: no runtime to be had.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "web.json").is_file():
        raise BadInput(f"{folder} is there and holds something else", "name a new folder with --web")
    folder.mkdir(parents=True, exist_ok=True)
    _vendor(folder / "ort", runtime)
    with as_file(files("asl.pipelines.deployment") / "web") as source:
        for name in PAGE:
            shutil.copyfile(source / name, folder / name)
    shutil.copyfile(bundle.folder / ENCODER, folder / ENCODER)
    write_json(folder / "web.json", page_settings(bundle, DecodeSettings()))
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _vendor(target: Path, runtime: Path | None) -> None:
    """onnxruntime-web's files, from a folder or from npm's package."""
    target.mkdir(exist_ok=True)
    if all((target / name).is_file() for name in RUNTIME_FILES):
        return
    if runtime:
        for name in RUNTIME_FILES:
            found = next(iter(sorted(runtime.rglob(name))), None)
            if found is None:
                raise BadInput(f"there is no {name} below {runtime}", f"unpack npm's package {RUNTIME} there")
            shutil.copyfile(found, target / name)
        return
    with tempfile.TemporaryDirectory() as place:
        try:
            done = subprocess.run(["npm", "pack", RUNTIME, "--silent"], cwd=place, capture_output=True, timeout=600, check=True)
            package = Path(place) / done.stdout.decode().split()[-1]
            _unpack(package, target)
        except (OSError, subprocess.SubprocessError, IndexError, tarfile.TarError) as error:
            hint = f"unpack npm's package {RUNTIME} anywhere, and name its folder with --web-runtime"
            raise AslError(f"npm could not fetch {RUNTIME}: {error}", hint) from error


def _unpack(package: Path, target: Path) -> None:
    """The files that are needed, by name: no path of the archive is followed."""
    if package.stat().st_size > MAX_PACKAGE_BYTES:
        raise tarfile.TarError("the package is too large")
    with tarfile.open(fileobj=io.BytesIO(package.read_bytes())) as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            if name in RUNTIME_FILES and member.isfile() and member.size < MAX_PACKAGE_BYTES:
                write_atomically(target / name, archive.extractfile(member).read())
    missing = [name for name in RUNTIME_FILES if not (target / name).is_file()]
    if missing:
        raise tarfile.TarError(f"no {missing[0]} in it")


def page_settings(bundle: Bundle, decode: DecodeSettings) -> dict[str, Any]:
    """web.json: everything about features, decoding and the model that the page's programs need to know."""
    features, feature_set, card = bundle.features, bundle.feature_set, bundle.card
    every = np.arange(feature_set.size, dtype=float)[None] + 1
    shown = feature_set.keep_modalities(every, features.parts.split("+"))[0]
    turned = feature_set.mirror(every)[0]
    return {
        "name": card["name"],
        "glosses": list(bundle.alphabet.glosses),
        "accuracy": card["accuracy"],
        "limits": card["limits"],
        "misuse": card["misuse"],
        "fps": features.fps,
        "depth": features.depth,
        "causal": features.causal_features,
        "places": {f"{component}/{point}": index for (component, point), index in known_points().items()},
        "bones": FRAME_BONES,
        "points": feature_set.points.tolist(),
        "shoulders": list(shoulder_indices(feature_set)),
        "hands": [[one.start, one.stop] for one in hand_slices(feature_set.points)],
        "sets": [_set(FEATURE_SETS[name], feature_set) for name in feature_set.name.split("+")],
        "hidden": np.flatnonzero(np.isnan(shown)).tolist(),
        "mirror_source": (np.abs(turned) - 1).round().astype(int).tolist(),
        "mirror_sign": np.sign(turned).astype(int).tolist(),
        "lagged": feature_set.lagged.tolist(),
        "hand_columns": list(feature_set.hands),
        "mean": bundle.mean.tolist(),
        "deviation": bundle.deviation.tolist(),
        "mirror_average": decode.mirror_average,
        "beam": decode.beam,
        "insertion_penalty": decode.insertion_penalty,
        "runners_up": decode.runners_up,
    }


def _set(one: FeatureSet, whole: FeatureSet) -> Mapping[str, Any]:
    """A feature set by where its points stand among those of the whole."""
    order = {int(point): place for place, point in enumerate(whole.points)}
    made = {"name": one.name, "points": [order[int(point)] for point in one.points]}
    return made | (landmark_features.relative_parts() if one.name == "landmarks" else {})
