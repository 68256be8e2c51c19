from multiprocessing import resource_tracker, spawn

import pytest

from asl.pipelines.cascade.bounded_build import build_bounded
from asl.pipelines.workspace.errors import AslError, BadInput


def test_a_process_that_does_not_start_is_not_a_lack_of_memory(tmp_path, monkeypatch):
    resource_tracker.ensure_running()  # a process of the standard library that is started in the same way
    monkeypatch.setattr(spawn, "_python_exe", b"/bin/false")
    with pytest.raises(AslError, match="could not be started") as caught:
        build_bounded(None, tmp_path / "graph")
    assert not isinstance(caught.value, BadInput)
