from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pose_format import Pose
from pose_format.numpy import NumPyPoseBody
from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

from asl.models.features.holistic import FACE, LEFT_HAND
from asl.pipelines.media.pose_files import parse_pose, read_pose, write_pose
from asl.pipelines.workspace.errors import BadClip
from tests.made_up_signing import signing


def test_landmarks_survive_writing_and_reading(tmp_path):
    clip = signing(1)
    clip.points[3:6, LEFT_HAND] = np.nan
    write_pose(tmp_path / "clip.pose", clip)
    restored = read_pose(tmp_path / "clip.pose")
    np.testing.assert_allclose(restored.points, clip.points, atol=1e-5)
    assert (restored.fps, restored.width) == (clip.fps, clip.width)
    assert restored.aspect == pytest.approx(clip.aspect, rel=0.01)
    assert restored.present[4].tolist() == [True, True, False, True]


def test_files_are_readable_with_the_pose_format_package(tmp_path):
    clip = signing(1)
    write_pose(tmp_path / "clip.pose", clip, np.full((len(clip), 33), 0.5))
    pose = Pose.read((tmp_path / "clip.pose").read_bytes())
    assert pose.header.components[0].name == "POSE_LANDMARKS"
    np.testing.assert_allclose(pose.body.data[:, 0, 11, 0], clip.points[:, 11, 0] * clip.width, rtol=1e-5)
    np.testing.assert_allclose(pose.body.data[:, 0, 11, 2], clip.points[:, 11, 2], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(pose.body.confidence[:, 0, :33], 0.5)


def test_a_source_without_a_face_takes_no_space_for_one(tmp_path):
    clip = signing(1)
    write_pose(tmp_path / "whole.pose", clip)
    clip.points[:, FACE] = np.nan
    write_pose(tmp_path / "faceless.pose", clip)
    assert (tmp_path / "faceless.pose").stat().st_size < 0.3 * (tmp_path / "whole.pose").stat().st_size
    assert not read_pose(tmp_path / "faceless.pose").present[:, 1].any()


def foreign(components, fps=30.0, width=100, height=50, frames=4, people=1) -> bytes:
    points = sum(len(names) for _, names in components)
    header = PoseHeader(0.2, PoseHeaderDimensions(width, height), [
        PoseHeaderComponent(name, names, [], np.zeros((0, 3)), "XYZC") for name, names in components
    ])  # fmt: skip
    data = np.full((frames, people, points, 3), 50.0)
    buffer = BytesIO()
    Pose(header, NumPyPoseBody(fps, data, np.ones((frames, people, points)))).write(buffer)
    return buffer.getvalue()


def test_foreign_components_and_points_are_matched_by_name():
    data = foreign([("POSE_WORLD_LANDMARKS", ["NOSE"]), ("FACE_LANDMARKS", ["61", "999"]), ("POSE_LANDMARKS", ["LEFT_WRIST"])])
    points = parse_pose(data).points
    assert np.isfinite(points[..., 0]).sum() == 2 * 4
    np.testing.assert_allclose(points[:, FACE.start + 61, :2], 0.5)
    np.testing.assert_allclose(points[:, 15, 2], 50.0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "bad-pose"),
        (b"\0" * 40, "bad-pose"),
        (b"not a pose file at all, just text" * 50, "bad-pose"),
        (foreign([("POSE_LANDMARKS", ["NOSE"])])[:-7], "bad-pose"),
        (foreign([("POSE_LANDMARKS", ["NOSE"])], frames=0), "no-frames"),
        (foreign([("POSE_LANDMARKS", ["NOSE"])], fps=0.0), "bad-pose"),
        (foreign([("POSE_LANDMARKS", ["NOSE"])], fps=float("nan")), "bad-pose"),
        (foreign([("BODY_135", ["0", "1"])]), "not-holistic"),
    ],
)
def test_bad_files_have_a_reason(data, reason):
    with pytest.raises(BadClip) as caught:
        parse_pose(data)
    assert caught.value.reason == reason


def test_a_missing_file_has_a_reason(tmp_path):
    (tmp_path / "empty.pose").touch()
    for name, reason in (("empty.pose", "empty-file"), ("gone.pose", "unreadable")):
        with pytest.raises(BadClip) as caught:
            read_pose(Path(tmp_path / name))
        assert caught.value.reason == reason
