"""Named arrays in a safetensors file; readable without torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
from asl.pipelines.workspace.errors import AslError
from asl.pipelines.workspace.files import write_atomically
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

Value = TypeVar("Value")


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Written whole or not at all."""
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_atomically(path, save(plain))


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file. Raises AslError if it is damaged."""
    try:
        with safe_open(path, framework="np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, ValueError, OSError, TypeError) as error:
        raise AslError(f"{path} is damaged: {error}", "delete it and run the stage again") from error


def part(tensors: Mapping[str, Value], prefix: str) -> dict[str, Value]:
    """What is below a prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
