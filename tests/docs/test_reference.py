"""The pages of the reference are those that the code gives today."""

import pytest

from tests.docs.pages import generator


@pytest.fixture(scope="module")
def reference():
    return generator()


def test_the_reference_is_what_the_code_gives(reference):
    generated = reference.pages()
    committed = {
        file.relative_to(reference.FOLDER).as_posix(): file.read_text(encoding="utf-8") for file in reference.FOLDER.rglob("*.md")
    }
    stale = sorted(path for path in generated | committed if generated.get(path) != committed.get(path))
    assert not stale, f"stale: {', '.join(stale)}; regenerate with: {reference.COMMAND}"


def test_every_command_setting_and_type_of_output_has_its_place(reference):
    from asl.cli.command_list import SUMMARIES
    from asl.cli.json_schema import OUTPUTS
    from asl.pipelines.workspace.settings.fields import section_fields
    from asl.pipelines.workspace.settings.sections import SECTIONS, environment_name

    pages = reference.pages()
    assert {f"commands/{name}.md" for name in SUMMARIES} <= set(pages)
    assert set(OUTPUTS) == set(SUMMARIES) - {"translate"}
    variables = {environment_name(section, spec.name) for section, kind in SECTIONS.items() for spec in section_fields(kind)}
    assert all(f"`{variable}`" in pages["settings.md"] for variable in variables)
    assert all(f"{output.__name__}\n" in pages["json.md"] for outputs in OUTPUTS.values() for output in outputs)


def test_plain_text_stays_plain_in_markdown(reference):
    assert reference.escaped("a_b <c> [d] | $e *f* --no-g") == r"a\_b \<c\> \[d\] \| \$e \*f\* `--no-g`"


def test_reasons_of_bad_clips_are_found(reference):
    reasons = reference.bad_clip_reasons()
    assert reasons["empty-file"] == ["the file is empty"]
    assert {"no-signer", "cut-off", "too-long"} <= set(reasons)
