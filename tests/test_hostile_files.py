"""Malicious and damaged files: findings of the fuzzer, flipped bits, pickles, and archives with paths outside their folder."""

import pickle
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.foreign_readers import READERS, accepts
from tests.reader_seeds import seeds

FINDINGS = Path(__file__).parent / "hostile"


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_accepts_its_seeds(reader, tmp_path):
    assert all(accepts(reader, data, tmp_path) for data in seeds(reader))


@pytest.mark.parametrize("file", sorted(FINDINGS.glob("*/*")), ids=lambda file: f"{file.parent.name}-{file.name[:20]}")
def test_findings_of_the_fuzzer_raise_no_other_exception(file, tmp_path):
    accepts(file.parent.name, file.read_bytes(), tmp_path)


@settings(deadline=None, max_examples=300)
@given(reader=st.sampled_from(sorted(READERS)), data=st.data())
def test_damaged_files_raise_no_other_exception(reader, data, tmp_path_factory):
    seed = data.draw(st.sampled_from(cached_seeds(reader)))
    position, mask = data.draw(st.integers(0, len(seed) - 1)), data.draw(st.integers(1, 255))
    flipped = seed[:position] + bytes([seed[position] ^ mask]) + seed[position + 1 :]
    damaged = data.draw(st.sampled_from([flipped, seed[:position], seed[:position] + seed, flipped * 2]))
    accepts(reader, damaged, tmp_path_factory.mktemp("reader"))


@cache
def cached_seeds(reader: str) -> list[bytes]:
    return seeds(reader)


class Touch:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickles_are_refused_and_never_loaded(tmp_path):
    created, malicious = tmp_path / "created", Touch(tmp_path / "created")
    np.savez(tmp_path / "a.npz", landmarks=np.ones((1, 3, 170), np.float32), gloss=np.array([malicious], dtype=object))
    data = (tmp_path / "a.npz").read_bytes()
    assert not accepts("npz", data, tmp_path)
    for reader in READERS:
        folder = tmp_path / reader
        folder.mkdir()
        accepts(reader, pickle.dumps(malicious), folder)
    assert not created.exists()


def test_an_archive_cannot_write_outside(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    with zipfile.ZipFile(inner / "a.npz", "w") as archive:
        archive.writestr("../../landmarks.npy", b"x")
        archive.writestr("/etc/passwd", b"x")
    assert not accepts("npz", (inner / "a.npz").read_bytes(), inner)
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]
