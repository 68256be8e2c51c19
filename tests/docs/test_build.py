"""The pages build without a warning."""

import subprocess
import sys

import pytest

from tests.docs.pages import DOCS


@pytest.mark.slow
def test_the_pages_build_without_a_warning(tmp_path):
    for package in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(package)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", DOCS, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "index.html").is_file()
    assert "<math" in (tmp_path / "how-it-works.html").read_text(encoding="utf-8")
