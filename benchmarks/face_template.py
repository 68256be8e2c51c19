"""Makes pipelines/synthetic/face.npy: the face of the synthetic signer, as detected by MediaPipe.

    python benchmarks/face_template.py

Renders a neutral face and each expression, runs MediaPipe on them, and stores the 468 points of the neutral face and their
displacement by each expression, in the body frame, in shoulder widths. It is not measured from any person.
"""

from pathlib import Path

import numpy as np

from asl.models.features.holistic import FACE
from asl.pipelines.media.tracker.extraction import Extractor
from asl.pipelines.media.video import Frame
from asl.pipelines.synthetic import skeleton
from asl.pipelines.synthetic.lexicon import handshapes
from asl.pipelines.synthetic.picture import Painter
from asl.pipelines.synthetic.signers import Camera, Signer
from asl.pipelines.workspace.settings.clips import LandmarkSettings

FRAMES, SIDE = 8, 768
NOSE_TIP, NOSE_TIP_DEPTH = 1, -0.40
TARGET = Path(skeleton.__file__).parent / "face.npy"


def main() -> None:
    signer = Signer("template", camera=Camera(distance=9.0, zoom=0.34))
    tracks = resting(signer, np.vstack([np.zeros(4), np.eye(4)]).repeat(FRAMES, axis=0))
    pictures = Painter(signer, SIDE).pictures(skeleton.body_of(tracks, signer))
    extractor = Extractor(LandmarkSettings())
    tracked = extractor.extract(Frame(i / 25, picture) for i, picture in enumerate(pictures)).landmarks.points[:, FACE]
    extractor.close()
    faces = np.median(tracked.reshape(5, FRAMES, 468, 3)[:, 2:], axis=1)
    faces = in_body_frame(faces, signer.camera)
    faces = (faces + faces[:, mirror_of(faces[0])] * [-1, 1, 1]) / 2
    faces[1:] -= faces[0]
    np.save(TARGET, faces.astype(np.float16))
    print(f"{TARGET}: face {np.ptp(faces[0], axis=0).round(3)}; moves up to {np.abs(faces[1:]).max(axis=(1, 2)).round(3)}")


def resting(signer: Signer, face: np.ndarray) -> skeleton.Tracks:
    """A signer who stands still and only moves the face."""
    frames = len(face)
    rotation = np.broadcast_to(np.array([(0.0, 1, 0), (1, 0, 0), (0, 0, -1)]).T, (frames, 2, 3, 3))
    wrist = np.broadcast_to(np.array(signer.rest), (frames, 2, 3))
    shape = np.broadcast_to(handshapes()["open-B"], (frames, 2, 25))
    return skeleton.Tracks(wrist, rotation, shape, face, np.zeros((frames, 3)))


def in_body_frame(points: np.ndarray, camera: Camera) -> np.ndarray:
    """Image widths → shoulder widths, with the nose tip at NOSE_TIP_DEPTH."""
    depth = points[..., 2] / camera.zoom
    depth += NOSE_TIP_DEPTH - depth[..., NOSE_TIP : NOSE_TIP + 1]
    centre = np.array([0.5 + camera.shift[0], 0.5 / camera.aspect + camera.shift[1]])
    flat = (points[..., :2] - centre) / camera.zoom * ((camera.distance + depth) / camera.distance)[..., None]
    return np.concatenate([flat, depth[..., None]], axis=-1)


def mirror_of(face: np.ndarray) -> np.ndarray:
    """(468, 3) → (468,) index of the point nearest to the mirror image of each."""
    distance = np.linalg.norm(face[:, None] - face[None] * [-1, 1, 1], axis=-1)
    return distance.argmin(axis=1)


if __name__ == "__main__":
    main()
