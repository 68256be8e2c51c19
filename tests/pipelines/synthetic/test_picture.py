import hashlib
from dataclasses import replace

import numpy as np
import pytest

from asl.models.features.holistic import LEFT_HAND, LEFT_WRIST, RIGHT_HAND, RIGHT_WRIST
from asl.pipelines.media.video import frames, probe
from asl.pipelines.media.video_writer import VideoWriter
from asl.pipelines.reports.skeleton_player import ABSENT, POINTS, animation
from asl.pipelines.synthetic import performances, raymarch
from asl.pipelines.synthetic.picture import Painter
from asl.pipelines.synthetic.skeleton import body_of, landmarks_of

RECIPE = performances.Recipe("everyday", 0, "HELLO", 0, 1, 0, 25.0, False)


def test_a_rendered_ball_has_the_outline_of_a_ball():
    picture = np.zeros((200, 200, 3), dtype=np.uint8)
    ends = np.array([[0.0, 0, 0, 0, 0, 0, 1e9]])
    colours, view = np.full((5, 3), 0.5), np.array([4.0, 0.25, 0.5, 0.5])
    arguments = (np.array([[0.8, 0.8]]), np.array([0]), np.array([0]), np.zeros((1, 4)), np.array([0.1]), colours, np.ones(3))
    raymarch.render(ends, *arguments, np.eye(3), np.zeros(3), np.zeros(4), view, picture)
    ball = picture[..., 0] < 200
    rows, columns = np.mgrid[:200, :200]
    distance = np.hypot(rows - 99.5, columns - 99.5)
    # The tangent ray: tan(angle) = r / sqrt(d² − r²), on a picture plane at distance d scaled by zoom.
    radius = 200 * 0.25 * 4.0 * 0.8 / np.sqrt(4.0**2 - 0.8**2)
    assert ball[distance < radius - 1.5].all()
    assert not ball[distance > radius + 1.5].any()


@pytest.mark.parametrize("number", [1, 4, 101])
def test_hands_are_drawn_at_their_landmarks(number):
    """Covers square, portrait and landscape pictures."""
    recipe = replace(RECIPE, signer=number)
    performance = performances.perform(recipe)
    body = body_of(performance.tracks, performance.signer)
    frame = len(performance.tracks) // 2
    picture = Painter(performance.signer).picture(body, frame)
    points = performances.project(performance, recipe)[frame]
    hand = points[RIGHT_HAND if performance.signer.right_handed else LEFT_HAND]
    background = picture[5, 5].astype(int)
    assert picture.shape[1] / picture.shape[0] == pytest.approx(performance.signer.camera.aspect, abs=0.01)
    for x, y, _ in hand[[0, 4, 5, 8, 9, 12, 16, 20]]:
        pixel = picture[int(y * picture.shape[1]), int(x * picture.shape[1])].astype(int)
        assert np.abs(pixel - background).max() > 25
    assert np.abs(picture[-5:, :5].astype(int) - background).max() < 60


def test_signers_look_different():
    looks = []
    for number in range(3):
        performance = performances.perform(replace(RECIPE, signer=number))
        looks.append(
            Painter(performance.signer, 96).picture(body_of(performance.tracks, performance.signer), 0).mean(axis=(0, 1))
        )
    assert min(np.abs(a - b).max() for i, a in enumerate(looks) for b in looks[:i]) > 8


@pytest.mark.slow
def test_rendering_a_clip_gives_a_reproducible_video(tmp_path):
    digests = []
    for name in ("one.mp4", "two.mp4"):
        count = performances.render(RECIPE, tmp_path / name)
        digests.append(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert digests[0] == digests[1]
    info = probe(tmp_path / "one.mp4")
    assert (info.width, info.height, info.fps) == (384, 384, 25)
    assert len(list(frames(tmp_path / "one.mp4", max_side=400))) == count
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.mp4", "two.mp4"]


def test_an_interrupted_video_leaves_no_file(tmp_path):
    def interrupted() -> None:
        with VideoWriter(tmp_path / "clip.mp4", 25.0) as video:
            video.write(np.zeros((64, 64, 3), dtype=np.uint8))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_an_animation_holds_the_points_to_a_quarter_of_a_percent():
    import base64

    landmarks = performances.landmarks(replace(RECIPE, noise=True))
    player = animation(landmarks)
    data = np.frombuffer(base64.b64decode(player["data"]), dtype=np.uint8).reshape(-1, len(POINTS), 2)
    assert len(data) == round(len(landmarks) * player["fps"] / landmarks.fps)
    truth = landmarks.points[0, POINTS, :2]
    seen = np.isfinite(truth[:, 0])
    assert (data[0, ~seen] == ABSENT).all()
    inside = seen & (truth > 0).all(axis=1) & (truth < 1).all(axis=1)
    inside &= ~np.isin(POINTS, (LEFT_WRIST, RIGHT_WRIST))  # forearms end at the wrists of the hands
    assert np.abs(data[0, inside] / 254 - truth[inside]).max() < 0.0025


def test_landmarks_agree_with_the_body():
    performance = performances.perform(RECIPE)
    body = body_of(performance.tracks, performance.signer)
    assert landmarks_of(body)[:, RIGHT_HAND] == pytest.approx(body.hands[:, 1], abs=1e-5)
