"""`--landmarks FILE.npz`: landmark arrays of many clips, split into points by a layout.

The file contains `landmarks` (clips, frames, values) and `gloss` (clips,), and optionally one of `group`, `collector`,
`signer` or `source`, and `split`. Layouts are tables as in layouts.toml beside this module.
"""

import sys
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
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
#: The exceptions that a damaged or hostile .npz file may raise.
DAMAGED = (
    ValueError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError, MemoryError, OverflowError,
    TypeError, AttributeError, IndexError, SyntaxError, tokenize.TokenError,
)  # fmt: skip
GROUP_KEYS = ("group", "collector", "signer", "source")
#: Arrays have no picture size; `.pose` files are written with this width, in pixels.
NOMINAL_WIDTH = 640


@dataclass(frozen=True)
class Component:
    """The values of a component among those of a frame, and its points among the K points of the layout."""

    values: slice
    points: slice


@dataclass(frozen=True)
class Layout:
    """A layout of K points. width: values per frame. point: (K,) index among the 543. column: (K, 3) columns of x, y and z."""

    name: str
    fps: float
    aspect: float
    width: int
    point: np.ndarray
    column: np.ndarray
    components: tuple[Component, ...]


def read(file: Path, layout: str) -> list[ClipSource]:
    """One clip per row. Raises BadInput if the file has no plain arrays, misses a key, or does not fit the layout."""
    arrays = _arrays(file)
    resolved = find_layout(layout, arrays["landmarks"].shape[-1])
    glosses, groups, splits = arrays["gloss"], _groups(arrays), arrays.get("split")
    if splits is not None and any(split_name(str(split)) is None for split in splits):
        raise BadInput(f"{file}: 'split' has values other than train, validation, test", "correct the array")
    return [
        ClipSource(
            file, "array", f"{file.stem}/{row:06d}", (normalise_gloss(str(glosses[row])),), str(groups[row]),
            split=split_name(str(splits[row])) if splits is not None else "", row=row, layout=layout or resolved.name,
        )
        for row in range(len(glosses))
    ]  # fmt: skip


def landmarks_of(file: Path, row: int, layout: str) -> Landmarks:
    """A row as landmarks. Frames without landmarks at the end are padding and are dropped.

    Raises BadClip if no frame has landmarks.
    """
    values = np.asarray(_arrays(file)["landmarks"][row], dtype=np.float32)
    resolved = find_layout(layout, values.shape[-1])
    points = empty_points(len(values))
    coordinates = values[:, resolved.column]  # (T, K, 3)
    coordinates[..., 1] /= resolved.aspect
    for component in resolved.components:
        block = values[:, component.values]
        absent = ~np.isfinite(block).all(axis=1) | (block == 0).all(axis=1)
        coordinates[absent, component.points] = np.nan
    points[:, resolved.point] = coordinates
    seen = np.flatnonzero(np.isfinite(points[..., 0]).any(axis=1))
    if len(seen) == 0:
        raise BadClip("no-signer", "there are no landmarks in any frame")
    return Landmarks(points[: seen[-1] + 1], resolved.fps, resolved.aspect, NOMINAL_WIDTH)


def find_layout(name: str, width: int) -> Layout:
    """A built-in layout, that of a file, or (empty name) the built-in layout of this width. Raises BadInput if none fits."""
    layouts = _layouts(_BUILT_IN)
    if name and name not in layouts:
        path = Path(name)
        if path.suffix != ".toml":
            raise BadInput(f"--layout: there is no layout '{name}'", nearest_hint(name, layouts))
        layouts = _layouts(path)
        name = next(iter(layouts), "")
    fitting = {key: value for key, value in layouts.items() if value.width == width and name in ("", key)}
    if not fitting:
        sizes = ", ".join(f"{key} ({value.width})" for key, value in layouts.items())
        hint = f"define one with --layout FILE.toml; built-in layouts: {sizes}"
        raise BadInput(f"there is no layout for arrays with {width} values per frame", hint)
    return next(iter(fitting.values()))


_BUILT_IN = Path(str(files("asl.pipelines.corpus.sources") / "layouts.toml"))


def _layouts(file: Path) -> dict[str, Layout]:
    return _layouts_as_of(file, _stamp(file))


def _stamp(file: Path) -> tuple[int, int] | None:
    """Time and size of a file, by which a changed file is read again; None if there is no such file."""
    try:
        return file.stat().st_mtime_ns, file.stat().st_size
    except OSError:
        return None


@lru_cache(maxsize=16)
def _layouts_as_of(file: Path, stamp: tuple[int, int] | None) -> dict[str, Layout]:
    try:
        if file.stat().st_size > MAX_LAYOUT_BYTES:
            raise BadInput(f"{file} is too large for a layout file", "see layouts.toml in the package")
        tables = tomli.loads(file.read_text(encoding="utf-8"))
        return {name: _layout(name, table) for name, table in tables.items()}
    except OSError as error:
        raise BadInput(f"--layout: cannot read {file}: {error.strerror}", "name a TOML file") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{file} is not a layout file: {error}", "see layouts.toml in the package") from error


def _layout(name: str, table: dict[str, Any]) -> Layout:
    points, columns, components, offset = [], [], [], 0
    for part in table["parts"]:
        span, dims = COMPONENTS[part["component"]], part["dims"]
        size = span.stop - span.start
        selected = range(size) if part["points"] == "all" else part["points"]
        if any(not 0 <= i < size for i in selected):
            raise ValueError(f"{part['component']} has points 0 to {size - 1}")
        axes = [dims.index(axis) for axis in "xyz"]
        for i, point in enumerate(selected):
            points.append(span.start + point)
            columns.append([offset + i * len(dims) + axis for axis in axes])
        end = offset + len(selected) * len(dims)
        components.append(Component(slice(offset, end), slice(len(points) - len(selected), len(points))))
        offset = end
    fps, aspect = float(table["fps"]), float(table["aspect"])
    if not (0 < fps <= 1000 and 0 < aspect <= 100):
        raise ValueError("fps and aspect must be positive")
    return Layout(name, fps, aspect, offset, np.array(points), np.array(columns), tuple(components))


def _arrays(file: Path) -> dict[str, np.ndarray]:
    return _arrays_as_of(file, _stamp(file))


@lru_cache(maxsize=2)
def _arrays_as_of(file: Path, stamp: tuple[int, int] | None) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_ARRAY_BYTES:
            hint = f"the maximum is {MAX_ARRAY_BYTES >> 30} GiB; split it into several files"
            raise BadInput(f"{file} unpacks to {size >> 30} GiB", hint)
        with np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("it contains files that are not arrays")
        if not all(_is_text(array) for array in arrays.values() if array.dtype.kind == "U"):
            raise ValueError("it contains invalid characters")
    except OSError as error:
        raise BadInput(f"--landmarks: cannot read {file}: {error.strerror or error}", "name an .npz file") from error
    except DAMAGED as error:
        raise BadInput(
            f"{file} is not an .npz file of plain arrays: {error}", "write it with numpy.savez; pickled objects are not loaded"
        ) from error
    return _checked(file, arrays)


def _is_text(array: np.ndarray) -> bool:
    """Whether all characters are valid. NumPy accepts any number as a character, but Python does not."""
    native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    return bool((native.view(np.uint32) <= sys.maxunicode).all()) if native.size and native.itemsize else True


def _checked(file: Path, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    for key in ("landmarks", "gloss"):
        if key not in arrays:
            raise BadInput(f"{file} has no array '{key}'", f"it has: {', '.join(arrays) or 'no arrays'}")
    landmarks = arrays["landmarks"]
    if landmarks.ndim != 3 or landmarks.dtype.kind != "f":
        raise BadInput(
            f"{file}: 'landmarks' is {landmarks.dtype} {landmarks.shape}",
            "it must be a float array of shape (clips, frames, values)",
        )
    for key in ("gloss", "split", *GROUP_KEYS):
        if key in arrays and arrays[key].shape != (len(landmarks),):
            raise BadInput(f"{file}: '{key}' has shape {arrays[key].shape}", f"it needs one value per clip: ({len(landmarks)},)")
    return arrays


def _groups(arrays: dict[str, np.ndarray]) -> np.ndarray:
    key = next((key for key in GROUP_KEYS if key in arrays), None)
    return arrays[key] if key else np.full(len(arrays["gloss"]), "")
