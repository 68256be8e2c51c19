"""`--landmarks FILE.npz`: landmark arrays of many clips, cut into points by a declared layout.

The file holds `landmarks` (clips, frames, values) and `gloss` (clips,), and optionally one of `group`, `collector`,
`signer` or `source`, and `split`. Layouts are tables like those of layouts.toml beside this module.
"""

import sys
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import tomli

from asl.models.features.holistic import COMPONENTS, Landmarks, empty_points
from asl.pipelines.corpus.clips import ClipSource, split_name
from asl.pipelines.workspace.errors import BadClip, BadInput
from asl.pipelines.workspace.settings.fields import nearest_hint
from asl.transducers.glossing import normalise_gloss

MAX_ARRAY_BYTES = 8 << 30
MAX_LAYOUT_BYTES = 1 << 20
#: What a damaged or hostile .npz raises, one or the other.
DAMAGED = (
    ValueError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError, MemoryError, OverflowError,
    TypeError, AttributeError, IndexError, SyntaxError, tokenize.TokenError,
)  # fmt: skip
GROUP_KEYS = ("group", "collector", "signer", "source")
#: Stored pictures have no size; files are written as if they had been this wide, in pixels.
NOMINAL_WIDTH = 640


@dataclass(frozen=True)
class Component:
    """Where one component's values stand in a frame's, and its points among the layout's K."""

    values: slice
    points: slice


@dataclass(frozen=True)
class Layout:
    """point: (K,) which of the 543; column: (K, 3) where its x, y, z stand in a frame's `width` values."""

    name: str
    fps: float
    aspect: float
    width: int
    point: np.ndarray
    column: np.ndarray
    components: tuple[Component, ...]


def read(file: Path, layout: str) -> list[ClipSource]:
    """One clip a row. Raises BadInput: not an .npz of plain arrays, missing keys, or a layout that does not fit."""
    arrays = _arrays(str(file))
    chosen = find_layout(layout, arrays["landmarks"].shape[-1])
    words, groups, splits = arrays["gloss"], _groups(arrays), arrays.get("split")
    if splits is not None and any(split_name(str(split)) is None for split in splits):
        raise BadInput(f"{file}: 'split' has values other than train, validation, test", "correct the array")
    return [
        ClipSource(
            file, "array", f"{file.stem}/{row:06d}", (normalise_gloss(str(words[row])),), str(groups[row]),
            split=split_name(str(splits[row])) if splits is not None else "", row=row, layout=layout or chosen.name,
        )
        for row in range(len(words))
    ]  # fmt: skip


def landmarks_of(file: Path, row: int, layout: str) -> Landmarks:
    """One row as landmarks; frames in which nothing was found are dropped from the end (padding).

    Raises BadClip: nothing found in any frame.
    """
    values = np.asarray(_arrays(str(file))["landmarks"][row], dtype=np.float32)
    chosen = find_layout(layout, values.shape[-1])
    points = empty_points(len(values))
    found = values[:, chosen.column]  # (T, K, 3)
    found[..., 1] /= chosen.aspect
    for component in chosen.components:
        block = values[:, component.values]
        absent = ~np.isfinite(block).all(axis=1) | (block == 0).all(axis=1)
        found[absent, component.points] = np.nan
    points[:, chosen.point] = found
    seen = np.flatnonzero(np.isfinite(points[..., 0]).any(axis=1))
    if len(seen) == 0:
        raise BadClip("no-signer", "no landmark was found in any frame")
    return Landmarks(points[: seen[-1] + 1], chosen.fps, chosen.aspect, NOMINAL_WIDTH)


def find_layout(name: str, width: int) -> Layout:
    """A built-in layout, a layout file, or (empty name) the built-in one of this width. Raises BadInput."""
    known = _layouts(_BUILT_IN)
    if name and name not in known:
        path = Path(name)
        if path.suffix != ".toml":
            raise BadInput(f"--layout: no layout '{name}'", nearest_hint(name, known))
        known = _layouts(path)
        name = next(iter(known), "")
    fitting = {key: value for key, value in known.items() if value.width == width and name in ("", key)}
    if not fitting:
        sizes = ", ".join(f"{key} ({value.width})" for key, value in known.items())
        raise BadInput(f"no layout for arrays of {width} values a frame", f"declare one with --layout FILE.toml; known: {sizes}")
    return next(iter(fitting.values()))


_BUILT_IN = Path(__file__).parent / "layouts.toml"


@lru_cache(maxsize=16)
def _layouts(file: Path) -> dict[str, Layout]:
    try:
        if file.stat().st_size > MAX_LAYOUT_BYTES:
            raise BadInput(f"{file} is too large for a layout", "see layouts.toml in the package")
        tables = tomli.loads(file.read_text(encoding="utf-8"))
        return {name: _layout(name, table) for name, table in tables.items()}
    except OSError as error:
        raise BadInput(f"--layout: cannot read {file}: {error.strerror}", "name a TOML file") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{file} is not a layout: {error}", "see layouts.toml in the package") from error


def _layout(name: str, table: dict[str, Any]) -> Layout:
    points, columns, components, at = [], [], [], 0
    for part in table["parts"]:
        span, dims = COMPONENTS[part["component"]], part["dims"]
        size = span.stop - span.start
        chosen = range(size) if part["points"] == "all" else part["points"]
        if any(not 0 <= i < size for i in chosen):
            raise ValueError(f"{part['component']} has points 0 to {size - 1}")
        places = [dims.index(axis) for axis in "xyz"]
        for i, point in enumerate(chosen):
            points.append(span.start + point)
            columns.append([at + i * len(dims) + place for place in places])
        end = at + len(chosen) * len(dims)
        components.append(Component(slice(at, end), slice(len(points) - len(chosen), len(points))))
        at = end
    fps, aspect = float(table["fps"]), float(table["aspect"])
    if not (0 < fps <= 1000 and 0 < aspect <= 100):
        raise ValueError("fps and aspect must be positive")
    return Layout(name, fps, aspect, at, np.array(points), np.array(columns), tuple(components))


@lru_cache(maxsize=2)
def _arrays(name: str) -> dict[str, np.ndarray]:
    file = Path(name)
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_ARRAY_BYTES:
            raise BadInput(f"{file} unpacks to {size >> 30} GiB", f"at most {MAX_ARRAY_BYTES >> 30} GiB; cut it into several")
        with np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("it holds other files than arrays")
        if not all(_is_text(array) for array in arrays.values() if array.dtype.kind == "U"):
            raise ValueError("it holds characters that there are not")
    except OSError as error:
        raise BadInput(f"--landmarks: cannot read {file}: {error.strerror or error}", "name an .npz file") from error
    except DAMAGED as error:
        raise BadInput(
            f"{file} is not an .npz of plain arrays: {error}", "write it with numpy.savez; pickled objects are refused"
        ) from error
    return _checked(file, arrays)


def _is_text(array: np.ndarray) -> bool:
    """NumPy takes any number for a character, and Python then trips over it."""
    native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    return bool((native.view(np.uint32) <= sys.maxunicode).all()) if native.size and native.itemsize else True


def _checked(file: Path, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    for key in ("landmarks", "gloss"):
        if key not in arrays:
            raise BadInput(f"{file} has no array '{key}'", f"it has: {', '.join(arrays) or 'nothing'}")
    landmarks = arrays["landmarks"]
    if landmarks.ndim != 3 or landmarks.dtype.kind != "f":
        raise BadInput(f"{file}: 'landmarks' is {landmarks.dtype} {landmarks.shape}", "it must be floats (clips, frames, values)")
    for key in ("gloss", "split", *GROUP_KEYS):
        if key in arrays and arrays[key].shape != (len(landmarks),):
            raise BadInput(f"{file}: '{key}' is {arrays[key].shape}", f"one value a clip: ({len(landmarks)},)")
    return arrays


def _groups(arrays: dict[str, np.ndarray]) -> np.ndarray:
    key = next((key for key in GROUP_KEYS if key in arrays), None)
    return arrays[key] if key else np.full(len(arrays["gloss"]), "")
