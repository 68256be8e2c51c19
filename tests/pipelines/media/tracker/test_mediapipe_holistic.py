"""What MediaPipe logs does not reach the user, and nothing else is kept from them."""

import subprocess
import sys

import pytest

pytest.importorskip("mediapipe")

START = """
import sys
from asl.pipelines.media.tracker.extraction import Extractor
from asl.pipelines.workspace.settings.clips import LandmarkSettings
extractor = Extractor(LandmarkSettings(tracker="mediapipe"))
"""


def stderr_of(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120).stderr


def test_a_process_that_ends_at_once_is_silent():
    assert stderr_of(START) == ""  # as that of a worker whose only clip could not be decoded


def test_errors_are_heard_again_after_the_tracker_is_closed():
    assert stderr_of(START + "extractor.close()\nprint('heard', file=sys.stderr)") == "heard\n"


def test_errors_are_heard_again_after_two_trackers_are_closed_in_any_order():
    two = START + "other = Extractor(LandmarkSettings(tracker='mediapipe'))\n"
    for first, second in (("extractor", "other"), ("other", "extractor")):
        said = f"print('not yet', file=sys.stderr)\n{second}.close()\nprint('heard', file=sys.stderr)"
        assert stderr_of(f"{two}{first}.close()\n{said}") == "heard\n"


def test_errors_are_heard_where_the_tracker_cannot_start():
    failing = START.replace('tracker="mediapipe"', "tracker='mediapipe', detection_confidence='high'")
    code = failing.replace("extractor = ", "try: ") + "except Exception: print('heard', file=sys.stderr)"
    assert stderr_of(code) == "heard\n"
