from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.features.holistic import LEFT_HAND, LEFT_WRIST, RIGHT_HAND, RIGHT_WRIST
from asl.models.features.phon36 import HANDSHAPE, POINTS, phon36
from asl.pipelines.synthetic import motion, noise, sentences, trajectories
from asl.pipelines.synthetic.lexicon import everyday_signs, handshapes, locations
from asl.pipelines.synthetic.signers import Camera, Signer, signer
from asl.pipelines.synthetic.skeleton import body_of, contact_point, elbows, face_template, hand_points, landmarks_of, reachable

SIGNS = {sign.gloss: sign for sign in everyday_signs()}
PLAIN = Signer("plain", wander=0.0, turn=0.0)


def angle(a, b) -> float:
    """The angle between two vectors, in degrees."""
    return np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1)))


def points_of(sign, performer=PLAIN, fps=25.0, seed=0):
    rng = np.random.default_rng(seed)
    tracks, spans = trajectories.perform([motion.realise(sign, performer)], performer, fps, rng)
    return landmarks_of(body_of(tracks, performer)), spans[0]


@given(first=st.sampled_from(sorted(handshapes())), second=st.sampled_from(sorted(handshapes())), share=st.floats(0, 1))
def test_bones_keep_their_length_in_every_handshape(first, second, share):
    interpolated = handshapes()[first] * (1 - share) + handshapes()[second] * share
    points = hand_points(interpolated, PLAIN)
    for tip in (8, 12, 16, 20):
        bones = np.linalg.norm(np.diff(points[tip - 3 : tip + 1], axis=0), axis=1)
        # Spread fingers that bend lose a little of their sideways length.
        assert bones == pytest.approx(
            np.linalg.norm(np.diff(hand_points(handshapes()["B"], PLAIN)[tip - 3 : tip + 1], axis=0), axis=1), rel=0.04
        )


@given(st.tuples(st.floats(-1, 1.5), st.floats(-1.2, 1.3), st.floats(0.1, 1.4)))
def test_arms_keep_their_length(position):
    wrist = reachable(np.array([position]), PLAIN)
    elbow = elbows(wrist, PLAIN)
    shoulder = np.array([0.5, 0, 0])
    if np.linalg.norm(wrist - shoulder) > abs(PLAIN.upper_arm - PLAIN.forearm) + 0.02:
        assert np.linalg.norm(elbow - shoulder) == pytest.approx(PLAIN.upper_arm, abs=1e-4)
        assert np.linalg.norm(wrist - elbow) == pytest.approx(PLAIN.forearm, abs=1e-4)


@pytest.mark.parametrize("gloss", ["MOM", "DAD", "WATER", "KNOW", "THINK", "PLEASE"])
def test_a_sign_touches_its_location(gloss):
    sign = SIGNS[gloss]
    act = motion.realise(sign, PLAIN)
    local = contact_point(hand_points(act.start.shape[0], PLAIN), sign.start.contact)
    contact = act.start.wrist[0] + motion.rotations(act.start.turn)[0] @ local
    assert contact == pytest.approx(np.array(locations()[sign.start.location].position), abs=0.02)


@pytest.mark.parametrize("gloss", ["BOOK", "YES", "PLEASE", "CAR", "SNOW"])
def test_motion_does_not_depend_on_the_frame_rate(gloss):
    slow, _ = points_of(SIGNS[gloss], fps=25.0)
    fast, _ = points_of(SIGNS[gloss], fps=50.0)
    count = min(len(slow), len(fast) // 2)
    assert np.abs(slow[:count] - fast[: 2 * count : 2]).max() < 1e-4


def test_a_left_handed_signer_is_a_mirror_image():
    sign = SIGNS["WATER"]
    right, _ = points_of(sign)
    left, _ = points_of(sign, replace(PLAIN, right_handed=False))
    assert left[:, LEFT_HAND] == pytest.approx(right[:, RIGHT_HAND] * [-1, 1, 1], abs=1e-4)
    assert left[:, LEFT_WRIST] == pytest.approx(right[:, RIGHT_WRIST] * [-1, 1, 1], abs=1e-4)


def test_repeated_movements_repeat_and_hands_rest_still():
    points, span = points_of(SIGNS["YES"])
    frames = slice(int(span.start * 25), int(span.end * 25))
    height = points[frames, RIGHT_HAND.start + 12, 1]
    turns = np.sum(np.diff(np.sign(np.diff(height))) != 0)
    assert turns >= 3
    rest = points[:2, RIGHT_HAND]
    assert np.ptp(rest, axis=0).max() < 0.01


def test_features_distinguish_handshapes():
    """An open hand and a fist differ in phon36's flexion by more than a radian."""
    flexion = {}
    for gloss in ("HELLO", "YES"):
        points, span = points_of(SIGNS[gloss])
        features = phon36(points[:, POINTS], 25.0)
        flexion[gloss] = np.nanmedian(features[int(span.start * 25) : int(span.end * 25), HANDSHAPE][:, 6:10])
    assert flexion["YES"] - flexion["HELLO"] > 1.0


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(sentences.LOCI)))
def test_pointing_puts_the_wrist_on_the_line_to_the_locus(name):
    direction = sentences.locus_direction(name)
    wrist = motion.pointing(PLAIN, direction).start.wrist[0]
    assert angle(wrist, direction) < 8  # the arm may be too short for the locus


def test_an_agreement_verb_moves_from_locus_to_locus():
    act = motion.agreement(
        motion.realise(SIGNS["GIVE"], PLAIN), PLAIN, sentences.locus_direction("a"), sentences.locus_direction("b")
    )
    for pose, name in ((act.start, "a"), (act.end, "b")):
        wrist = pose.wrist[0]
        assert angle(wrist, sentences.locus_direction(name)) < 12


def test_the_camera_projects_as_a_pinhole():
    camera = Camera(yaw=0.0, pitch=0.0, distance=5.0, zoom=0.3, shift=(0.1, 0.0), aspect=1.25)
    projected = camera.project(np.array([[0.0, 0, 0], [1, 0, 0], [1, 0, -2.5]]))
    assert projected[0] == pytest.approx([0.6, 0.4, 0])
    assert projected[1, 0] == pytest.approx(0.9)
    assert projected[2, 0] == pytest.approx(1.2)
    above = Camera(pitch=0.3).project(np.array([[0.0, 0.5, 0], [0.0, 0.5, -1.0]]))
    assert above[1, 1] > above[0, 1]  # from above, closer points are lower in the picture


def test_signers_differ_and_are_reproducible():
    assert signer(3, 0) == signer(3, 0)
    assert len({(signer(n, 0).look.skin, signer(n, 0).look.shirt, signer(n, 0).look.background) for n in range(6)}) == 6
    assert {signer(n, 0).right_handed for n in range(60)} == {True, False}


def test_the_face_template_has_the_shape_of_a_face():
    face, moves = face_template()
    assert face.shape == (468, 3)
    assert face[152, 1] > face[13, 1] > face[1, 1] > face[159, 1] > face[105, 1] > face[10, 1]  # chin … forehead
    assert moves[0, 105, 1] < -0.01  # brows rise
    assert moves[1, 14, 1] - moves[1, 13, 1] > 0.02  # the mouth opens


def test_noise_loses_hands_at_the_measured_rate_and_does_not_change_its_input():
    points, _ = points_of(SIGNS["PLEASE"])
    rates, before = noise.RATES, points.copy()
    detections = [noise.with_detector_errors(points, 0.3, 25.0, np.random.default_rng(seed)) for seed in range(300)]
    assert np.array_equal(points, before)
    seen = np.stack([np.isfinite(detected[:, RIGHT_HAND.start, 0]) for detected in detections])
    lost = (seen[:, :-1] & ~seen[:, 1:]).sum() / seen[:, :-1].sum()
    recovered = (~seen[:, :-1] & seen[:, 1:]).sum() / (~seen[:, :-1]).sum()
    assert lost == pytest.approx(rates.lose, rel=0.25)
    assert recovered == pytest.approx(rates.find, rel=0.25)
    assert np.isfinite(np.stack(detections)[:, :, :33]).all()


def test_detected_fingers_are_straighter_than_the_true_ones():
    rng = np.random.default_rng(0)
    tracks, _ = trajectories.perform([motion.realise(SIGNS["YES"], PLAIN)], PLAIN, 25.0, rng)
    before = tracks.shape.copy()
    seen = [noise.with_handshape_errors(tracks, 25.0, np.random.default_rng(seed)).shape for seed in range(100)]
    assert np.array_equal(tracks.shape, before)
    frame = len(tracks) // 2
    knuckles = np.stack(seen)[:, frame, 0, [0, 4, 8, 12]].mean(axis=0) / before[frame, 0, [0, 4, 8, 12]]
    assert knuckles == pytest.approx(1 - np.array(noise.RATES.flatten), abs=0.08)
