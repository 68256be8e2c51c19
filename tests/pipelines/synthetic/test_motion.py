from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.features.holistic import LEFT_HAND, LEFT_WRIST, RIGHT_HAND, RIGHT_WRIST
from asl.models.features.phon36 import HANDSHAPE, POINTS, phon36
from asl.pipelines.synthetic import motion, noise, sentences, trajectories
from asl.pipelines.synthetic.lexicon import everyday, handshapes, locations
from asl.pipelines.synthetic.signers import Camera, Signer, signer
from asl.pipelines.synthetic.skeleton import body_of, contact_point, elbows, face_template, hand_points, landmarks_of, reachable

SIGNS = {sign.gloss: sign for sign in everyday()}
PLAIN = Signer("plain", wander=0.0, turn=0.0)


def angle(vector, other) -> float:
    """Degrees."""
    return np.degrees(np.arccos(np.clip(vector @ other / np.linalg.norm(vector) / np.linalg.norm(other), -1, 1)))


def points_of(sign, who=PLAIN, fps=25.0, seed=0):
    rng = np.random.default_rng(seed)
    tracks, spans = trajectories.perform([motion.realise(sign, who)], who, fps, rng)
    return landmarks_of(body_of(tracks, who)), spans[0]


@given(shape=st.sampled_from(sorted(handshapes())), other=st.sampled_from(sorted(handshapes())), share=st.floats(0, 1))
def test_bones_keep_their_length_in_every_handshape(shape, other, share):
    mixed = handshapes()[shape] * (1 - share) + handshapes()[other] * share
    points = hand_points(mixed, PLAIN)
    for tip in (8, 12, 16, 20):
        bones = np.linalg.norm(np.diff(points[tip - 3 : tip + 1], axis=0), axis=1)
        # Spread fingers that bend lose a little of their sideways length.
        assert bones == pytest.approx(
            np.linalg.norm(np.diff(hand_points(handshapes()["B"], PLAIN)[tip - 3 : tip + 1], axis=0), axis=1), rel=0.04
        )


@given(st.tuples(st.floats(-1, 1.5), st.floats(-1.2, 1.3), st.floats(0.1, 1.4)))
def test_arms_keep_their_length(place):
    wrist = reachable(np.array([place]), PLAIN)
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
    touched = act.start.wrist[0] + motion.rotations(act.start.turn)[0] @ local
    assert touched == pytest.approx(np.array(locations()[sign.start.location].place), abs=0.02)


@pytest.mark.parametrize("gloss", ["BOOK", "YES", "PLEASE", "CAR", "SNOW"])
def test_the_frame_rate_changes_nothing_but_the_number_of_frames(gloss):
    slow, _ = points_of(SIGNS[gloss], fps=25.0)
    fast, _ = points_of(SIGNS[gloss], fps=50.0)
    count = min(len(slow), len(fast) // 2)
    assert np.abs(slow[:count] - fast[: 2 * count : 2]).max() < 1e-4


def test_a_left_handed_signer_is_the_mirror_image():
    sign = SIGNS["WATER"]
    right, _ = points_of(sign)
    left, _ = points_of(sign, replace(PLAIN, right_handed=False))
    assert left[:, LEFT_HAND] == pytest.approx(right[:, RIGHT_HAND] * [-1, 1, 1], abs=1e-4)
    assert left[:, LEFT_WRIST] == pytest.approx(right[:, RIGHT_WRIST] * [-1, 1, 1], abs=1e-4)


def test_repeated_movements_repeat_and_static_ones_hold():
    points, span = points_of(SIGNS["YES"])
    frames = slice(int(span.start * 25), int(span.end * 25))
    height = points[frames, RIGHT_HAND.start + 12, 1]
    turns = np.sum(np.diff(np.sign(np.diff(height))) != 0)
    assert turns >= 3
    rest = points[:2, RIGHT_HAND]
    assert np.ptp(rest, axis=0).max() < 0.01


def test_handshapes_are_what_the_features_measure():
    """An open hand and a fist differ in phon36's flexion by more than a radian."""
    flexion = {}
    for gloss in ("HELLO", "YES"):
        points, span = points_of(SIGNS[gloss])
        found = phon36(points[:, POINTS], 25.0)
        flexion[gloss] = np.nanmedian(found[int(span.start * 25) : int(span.end * 25), HANDSHAPE][:, 6:10])
    assert flexion["YES"] - flexion["HELLO"] > 1.0


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(sentences.LOCI)))
def test_pointing_puts_the_wrist_on_the_line_to_the_locus(name):
    where = sentences.locus(name)
    wrist = motion.pointing(PLAIN, where).start.wrist[0]
    assert angle(wrist, where) < 8  # the arm may be too short for the locus


def test_an_agreement_verb_moves_from_locus_to_locus():
    act = motion.agreeing(motion.realise(SIGNS["GIVE"], PLAIN), PLAIN, sentences.locus("a"), sentences.locus("b"))
    for pose, name in ((act.start, "a"), (act.end, "b")):
        wrist = pose.wrist[0]
        assert angle(wrist, sentences.locus(name)) < 12


def test_the_camera_projects_as_a_pinhole():
    camera = Camera(yaw=0.0, pitch=0.0, distance=5.0, zoom=0.3, shift=(0.1, 0.0), aspect=1.25)
    out = camera.project(np.array([[0.0, 0, 0], [1, 0, 0], [1, 0, -2.5]]))
    assert out[0] == pytest.approx([0.6, 0.4, 0])
    assert out[1, 0] == pytest.approx(0.9)
    assert out[2, 0] == pytest.approx(1.2)
    above = Camera(pitch=0.3).project(np.array([[0.0, 0.5, 0], [0.0, 0.5, -1.0]]))
    assert above[1, 1] > above[0, 1]  # seen from above, what is nearer lies lower in the picture


def test_signers_differ_and_come_back():
    assert signer(3, 0) == signer(3, 0)
    assert len({(signer(n, 0).look.skin, signer(n, 0).look.shirt, signer(n, 0).look.background) for n in range(6)}) == 6
    assert {signer(n, 0).right_handed for n in range(60)} == {True, False}


def test_the_face_is_a_face():
    face, moves = face_template()
    assert face.shape == (468, 3)
    assert face[152, 1] > face[13, 1] > face[1, 1] > face[159, 1] > face[105, 1] > face[10, 1]  # chin … forehead
    assert moves[0, 105, 1] < -0.01  # brows rise
    assert moves[1, 14, 1] - moves[1, 13, 1] > 0.02  # the mouth opens


def test_noise_loses_hands_at_the_measured_rate_and_leaves_the_truth_alone():
    points, _ = points_of(SIGNS["PLEASE"])
    rates, before = noise.RATES, points.copy()
    found = [noise.detected(points, 0.3, 25.0, np.random.default_rng(seed)) for seed in range(300)]
    assert np.array_equal(points, before)
    seen = np.stack([np.isfinite(one[:, RIGHT_HAND.start, 0]) for one in found])
    lost = (seen[:, :-1] & ~seen[:, 1:]).sum() / seen[:, :-1].sum()
    again = (~seen[:, :-1] & seen[:, 1:]).sum() / (~seen[:, :-1]).sum()
    assert lost == pytest.approx(rates.lose, rel=0.25)
    assert again == pytest.approx(rates.find, rel=0.25)
    assert np.isfinite(np.stack(found)[:, :, :33]).all()


def test_fingers_seem_straighter_than_they_are():
    rng = np.random.default_rng(0)
    tracks, _ = trajectories.perform([motion.realise(SIGNS["YES"], PLAIN)], PLAIN, 25.0, rng)
    before = tracks.shape.copy()
    seen = [noise.misjudged(tracks, 25.0, np.random.default_rng(seed)).shape for seed in range(100)]
    assert np.array_equal(tracks.shape, before)
    frame = len(tracks) // 2
    knuckles = np.stack(seen)[:, frame, 0, [0, 4, 8, 12]].mean(axis=0) / before[frame, 0, [0, 4, 8, 12]]
    assert knuckles == pytest.approx(1 - np.array(noise.RATES.flatten), abs=0.08)
