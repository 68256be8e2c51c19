"""Named arrays and tensors in safetensors files: weights, tables and training states. Nothing is pickled.

Functions for arrays work without torch; functions for tensors import it.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from asl.pipelines.workspace.errors import AslError
from asl.pipelines.workspace.files import write_atomically

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Value = TypeVar("Value")


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays to a safetensors file, atomically."""
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_atomically(path, save(plain))


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file. Raises AslError if it is damaged."""
    try:
        with safe_open(path, framework="np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, ValueError, OSError, TypeError) as error:
        raise AslError(f"{path} is damaged: {error}", "delete it and run the stage again") from error


def with_prefix(tensors: Mapping[str, Value], prefix: str) -> dict[str, Value]:
    """The entries whose names start with a prefix, with the prefix removed."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def save_tensors(path: Path, tensors: dict[str, "Tensor"], record: dict[str, Any]) -> None:
    """Writes tensors, a JSON record and their hash to one file, atomically."""
    from safetensors.torch import save

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(record)
    # One metadata entry: safetensors writes several in arbitrary order, but equal contents must give equal files.
    write_atomically(path, save(plain, {"written": json.dumps([_digest(plain, text), text])}))


def load_tensors(path: Path) -> tuple[dict[str, "Tensor"], dict[str, Any]]:
    """Reads what `save_tensors` wrote. Raises AslError if its hash does not match."""
    try:
        with safe_open(path, framework="pt") as file:
            digest, record = json.loads((file.metadata() or {})["written"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        if _digest(tensors, record) != digest:
            raise ValueError("its hash does not match")
        return tensors, json.loads(record)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise AslError(f"{path} is damaged: {error}", "delete it and run the stage again") from error


def _digest(tensors: dict[str, "Tensor"], record: str) -> str:
    import torch

    digest = hashlib.sha256(record.encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {list(tensors[name].shape)}".encode())
        digest.update(tensors[name].flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def optimiser_tensors(optimiser: "torch.optim.Optimizer") -> dict[str, "Tensor"]:
    """The state of an optimiser as named tensors."""
    import torch

    state = optimiser.state_dict()["state"]
    return {f"optimiser.{index}.{key}": torch.as_tensor(value) for index, entry in state.items() for key, value in entry.items()}


def restore_optimiser(optimiser: "torch.optim.Optimizer", tensors: dict[str, "Tensor"]) -> None:
    """Restores the state returned by `optimiser_tensors`. Parameter groups are left unchanged."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimiser."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
