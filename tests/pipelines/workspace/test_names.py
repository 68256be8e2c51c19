import pytest

from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.names import check_name, is_path

PATHS = ("../x", "/tmp/x", "my model/../x", "a/b", "a\\b", "..", ".", ".hidden", "-f", "a\nb", "", " ", "x" * 101, "CON:", "a.")


@pytest.mark.parametrize("name", PATHS)
def test_paths_are_no_names(name):
    with pytest.raises(BadInput, match="cannot be used as a name"):
        check_name(name)


@pytest.mark.parametrize("name", ["first-try", "my model", "épée.2", "ctc-1a2b3c4d", None])
def test_names_are_names(name):
    assert check_name(name) == name


def test_a_path_is_told_from_a_name():
    assert all(map(is_path, ("../x", "/tmp/x", "my model/../x", "a/", "..", ".")))
    assert not any(map(is_path, ("a", "my model", "a:b")))
