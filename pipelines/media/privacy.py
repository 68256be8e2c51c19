"""What of a signer is stored: faces and ways of signing are biometric, so one may keep less than MediaPipe sees."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from asl.models.features.feature_sets import FEATURE_SETS
from asl.models.features.holistic import FACE, POINT_COUNT, Landmarks
from asl.pipelines.workspace.settings.clips import LandmarkSettings


def stored(landmarks: Landmarks, settings: LandmarkSettings) -> Landmarks:
    """The landmarks with all that is not to be stored made absent."""
    kept = _kept(settings.face_mesh, settings.anonymise)
    return landmarks if kept.all() else replace(landmarks, points=np.where(kept[:, None], landmarks.points, np.float32(np.nan)))


@lru_cache
def _kept(face_mesh: bool, anonymise: bool) -> np.ndarray:
    """(543,) bool."""
    kept = np.full(POINT_COUNT, not anonymise)
    if anonymise:
        kept[np.concatenate([one.points for one in FEATURE_SETS.values()])] = True
    if not face_mesh:
        kept[FACE] = False
    return kept


def choices(settings: LandmarkSettings) -> Mapping[str, Any]:
    """What was chosen other than to store all, for a clip's identity."""
    chosen = {"face_mesh": settings.face_mesh, "anonymise": settings.anonymise}
    return {} if chosen == {"face_mesh": True, "anonymise": False} else chosen
