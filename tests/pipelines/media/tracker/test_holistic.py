"""The tracker on a picture that moves, and beside MediaPipe on a real clip."""

from itertools import islice

import numpy as np
import pytest
from PIL import Image

from asl.models.features.holistic import COMPONENTS
from asl.pipelines.media.tracker.holistic import MIN_WRIST_VISIBILITY, HolisticTracker, Signer, Tracker
from asl.pipelines.media.video import frames
from asl.pipelines.workspace.settings.clips import LandmarkSettings
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """Five pictures of a synthetic signer who moves to the side."""
    picture = np.asarray(Image.open(ROOT / "tests" / "golden" / "signer.png").convert("RGB"))
    return [np.roll(picture, 3 * number, axis=1) for number in range(5)]


@pytest.fixture(scope="module")
def tracker() -> HolisticTracker:
    return HolisticTracker()


def points_of(tracker: HolisticTracker, pictures) -> np.ndarray:
    tracker.reset()
    return np.stack([tracker.track(picture).points for picture in pictures])


def test_a_clip_depends_on_nothing_but_the_clip(tracker, pictures):
    first = points_of(tracker, pictures)
    points_of(tracker, pictures[::-1])
    assert np.array_equal(points_of(tracker, pictures), first, equal_nan=True)
    assert np.isfinite(first[:, COMPONENTS["pose"]]).all()
    assert np.isfinite(first[:, COMPONENTS["face"]]).all()


def test_points_do_not_depend_on_the_number_of_threads(tracker, pictures):
    assert np.array_equal(points_of(HolisticTracker(threads=2), pictures), points_of(tracker, pictures), equal_nan=True)


def test_warming_up_leaves_no_trace(tracker, pictures):
    warm = HolisticTracker()
    warm.warm_up()
    assert np.array_equal(points_of(warm, pictures), points_of(tracker, pictures), equal_nan=True)


def test_points_move_with_the_signer(tracker, pictures):
    points = points_of(tracker, pictures)
    width = pictures[0].shape[1]
    moved = (points[4] - points[0])[COMPONENTS["face"], 0] * width
    assert moved == pytest.approx(12, abs=2)


def test_clips_that_are_tracked_together_do_not_touch(pictures):
    together, empty = Tracker(), np.zeros((120, 160, 3), np.uint8)
    clips = [pictures, pictures[::-1], [empty] * 5]
    signers = [Signer() for _ in clips]
    tracked = [together(step, signers) for step in zip(*clips, strict=True)]
    for number, clip in enumerate(clips):
        alone, signer = Tracker(), Signer()
        for step, picture in enumerate(clip):
            expected, found = alone([picture], [signer])[0].points, tracked[step][number].points
            assert np.array_equal(np.isnan(found), np.isnan(expected))
            assert np.nanmax(np.abs(found - expected), initial=0) < 1e-4


def test_without_a_person_there_are_no_points_and_no_visibility(tracker):
    tracker.reset()
    frame = tracker.track(np.full((48, 64, 3), 127, np.uint8))
    assert np.isnan(frame.points).all()
    assert (frame.visibility == 0).all()
    assert set(tracker.part_seconds()) == {"body", "hands", "face"}


def test_a_signer_who_leaves_is_found_again(tracker, pictures):
    gone = np.full_like(pictures[0], 127)
    points = points_of(tracker, [*pictures[:2], gone, gone, *pictures[:2]])
    seen = np.isfinite(points[:, 0, 0])
    assert seen.tolist() == [True, True, False, False, True, True]
    assert np.allclose(points[4], points[0], equal_nan=True, atol=1e-4)


class Counted:
    """A net that counts the pictures it is shown."""

    def __init__(self, net):
        self.net, self.size, self.shown = net, net.size, []

    def __call__(self, crops):
        self.shown[-1] += len(crops)
        return self.net(crops)


def shown_to(tracker: HolisticTracker, name: str, pictures, monkeypatch) -> list[int]:
    """How many crops of each picture the net of this name is shown."""
    nets = tracker._tracker._nets
    counted = Counted(getattr(nets, name))
    monkeypatch.setattr(nets, name, counted)
    tracker.reset()
    for picture in pictures:
        counted.shown.append(0)
        tracker.track(picture)
    return counted.shown


def test_a_face_is_detected_when_it_appears_and_then_in_every_fourth_frame(tracker, pictures, monkeypatch):
    gone = np.full_like(pictures[0], 127)
    clip = [pictures[0]] * 6 + [gone] + [pictures[0]] * 5
    assert shown_to(tracker, "face_detector", clip, monkeypatch) == [1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1]


def test_a_hand_outside_the_picture_is_not_looked_for(tracker, pictures, monkeypatch):
    height = pictures[0].shape[0]
    bust = pictures[0][: height * 7 // 10]  # its left hand lies below it
    tracker.reset()
    assert tracker.track(bust).visibility[15] > MIN_WRIST_VISIBILITY
    assert shown_to(tracker, "hand_recrop", [pictures[0]], monkeypatch) == [2]
    assert shown_to(tracker, "hand_recrop", [bust], monkeypatch) == [1]


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2, 2), (7, 8000)])
def test_pictures_of_any_shape_are_tracked(tracker, shape):
    tracker.reset()
    for seed in range(3):
        tracker.track(np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8))


def test_pictures_may_be_views(tracker, pictures):
    flipped = [picture[:, ::-1] for picture in pictures[:2]]
    copies = [np.ascontiguousarray(picture) for picture in flipped]
    assert np.array_equal(points_of(tracker, flipped), points_of(tracker, copies), equal_nan=True)


def test_the_tracker_agrees_with_mediapipe_on_a_real_clip(tracker, real_data):
    mediapipe = pytest.importorskip("asl.pipelines.media.tracker.mediapipe_holistic")
    pytest.importorskip("mediapipe", reason="the reference tracker is not installed")
    clip = [frame.picture for frame in islice(frames(real_data / "videos" / "words" / "brother.mp4", max_side=1280), 40)]
    reference = mediapipe.MediapipeTracker(LandmarkSettings())
    try:
        expected = np.stack([reference.track(picture).points for picture in clip])
    finally:
        reference.close()
    found = points_of(tracker, clip)
    for name, part in COMPONENTS.items():
        both = np.isfinite(expected[:, part, 0]).any(axis=1) & np.isfinite(found[:, part, 0]).any(axis=1)
        agree = np.isfinite(expected[:, part, 0]).any(axis=1) == np.isfinite(found[:, part, 0]).any(axis=1)
        assert agree.mean() >= 0.95, name
        if both.any():
            pixels = clip[0].shape[1] * np.linalg.norm((found - expected)[both][:, part, :2], axis=-1)
            assert np.median(pixels) < 0.5, name
            assert np.percentile(pixels, 95) < 3, name
