"""Which landmarks are stored. Faces and signing style are biometric data, so users may store less than MediaPipe detects."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from asl.models.features.feature_sets import FEATURE_SETS
from asl.models.features.holistic import FACE, POINT_COUNT, Landmarks
from asl.pipelines.workspace.settings.clips import LandmarkSettings


def without_private_points(landmarks: Landmarks, settings: LandmarkSettings) -> Landmarks:
    """The landmarks with every point that is not to be stored set to NaN."""
    is_stored = _stored_points(settings.face_mesh, settings.anonymise)
    if is_stored.all():
        return landmarks
    return replace(landmarks, points=np.where(is_stored[:, None], landmarks.points, np.float32(np.nan)))


@lru_cache
def _stored_points(face_mesh: bool, anonymise: bool) -> np.ndarray:
    """(543,) bool: which points are stored."""
    is_stored = np.full(POINT_COUNT, not anonymise)
    if anonymise:
        is_stored[np.concatenate([feature_set.points for feature_set in FEATURE_SETS.values()])] = True
    if not face_mesh:
        is_stored[FACE] = False
    return is_stored


def restrictions(settings: LandmarkSettings) -> Mapping[str, Any]:
    """The privacy settings, which are part of a clip's id; empty if every point is stored."""
    privacy = {"face_mesh": settings.face_mesh, "anonymise": settings.anonymise}
    return {} if privacy == {"face_mesh": True, "anonymise": False} else privacy
