"""The six nets of MediaPipe Holistic on ONNX Runtime (SPEC §1a). Converted by benchmarks/convert_nets.py."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import onnxruntime

from asl.models.tracking.crops import letterboxed
from asl.models.tracking.regions import Region
from asl.pipelines.media.tracker.cropping import crop, use_one_thread
from asl.pipelines.workspace.errors import AslError

WEIGHTS = Path(__file__).parent / "weights"

#: SHA-256 of the files.
DIGESTS = {
    "face_detector": "f60dc80b21d0e5b18819ab0180d581655ca282ae8b561f993676bbe02ce62357",
    "face_mesh": "4bcb7bd810f67714ae4579a048fce157e2c2068de235181db4c822be479775e9",
    "hand": "cbefdfbe7d41fc4d1fc7f6de31102686e072f72a9e865e3f843e47c088acd32a",
    "hand_recrop": "5355acbb7d6fbd5c57813a3ae173b586c28fa06f2c0932c27a0b365bd2d21d3d",
    "person_detector": "938fe3462dc611a16bafe94262b73527291e1f50cfd5d35e25a0e05f76fa2908",
    "pose": "47bc04731abbbf2897d3e580625f6a6839b46ab491739d92b86c40a32ceee8b6",
}


class Net:
    """A net that is loaded when it is first run.

    size: side of its pictures, pixels; threads: that it may use; draws_edges_out: whether it sees the edge of the picture drawn
    out beyond it, else black.
    """

    def __init__(self, name: str, size: int, threads: int, *, draws_edges_out: bool = True):
        self.name, self.size, self._threads, self._draws_edges_out = name, size, threads, draws_edges_out

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        path = WEIGHTS / f"{self.name}.onnx"
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != DIGESTS[self.name]:
            raise AslError(f"the tracker's net {path} is damaged or missing", "install asl again")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self._threads, 1
        # Threads of six nets that wait for work by spinning take the cores from each other: three times as slow as one thread.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def __call__(self, crops: Sequence[tuple[np.ndarray, Region]]) -> list[np.ndarray]:
        """The outputs (N, …) for N regions of pictures (H, W, 3), RGB."""
        pictures = np.empty((len(crops), self.size, self.size, 3), np.uint8)
        for target, (picture, region) in zip(pictures, crops, strict=True):
            crop(picture, region, target, draws_edges_out=self._draws_edges_out)
        if self._threads == 1 or len(crops) == 1:
            return self._run(pictures)
        # Two crops at once keep two cores busier than one crop on two threads.
        outputs = self._pool.map(self._run, np.split(pictures, len(pictures)))
        return [np.concatenate(parts) for parts in zip(*outputs, strict=True)]

    def _run(self, pictures: np.ndarray) -> list[np.ndarray]:
        return self._session.run(None, {"pictures": pictures})

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, "crops")


class Nets:
    """The six nets. threads: that each may use; the results do not depend on them."""

    def __init__(self, threads: int):
        if threads == 1:
            use_one_thread()
        self.person_detector = Net("person_detector", 224, threads, draws_edges_out=False)
        self.pose = Net("pose", 256, threads)
        self.hand_recrop = Net("hand_recrop", 256, threads)
        self.hand = Net("hand", 224, threads)
        self.face_detector = Net("face_detector", 128, threads, draws_edges_out=False)
        self.face_mesh = Net("face_mesh", 192, threads)

    def warm_up(self) -> None:
        """Loads all nets, which takes half a second, and runs them once."""
        picture = np.zeros((8, 8, 3), np.uint8)
        for net in vars(self).values():
            net([(picture, letterboxed(8, 8))])


@cache
def shared_nets(threads: int) -> Nets:
    """The nets of this process. They keep nothing of what they have seen, so that all its trackers share them."""
    return Nets(threads)
