"""Every relative link of the documentation leads somewhere."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.pages import DOCS, PAGES, ROOT, fences, name, without_code

_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_HTML_LINK = re.compile(r"""(?:src|href)=["']([^"']+)["']""")
_DOWNLOAD = re.compile(r"\{download\}`[^`<]*<([^`>]+)>`")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_LABEL = re.compile(r"^\(([\w-]+)\)=$", re.MULTILINE)


def links(text: str) -> list[str]:
    """The relative links of a page."""
    prose = re.sub(r"`([^`\n]*)`\]\(", r"\1](", text)  # a link may be labelled with code
    found = _LINK.findall(without_code(prose)) + _HTML_LINK.findall(without_code(text)) + _DOWNLOAD.findall(text)
    return [link for link in found if not re.match(r"[a-z]+:|//", link)]


def anchors(text: str) -> set[str]:
    """What links into a page may name: its headings, as GitHub and MyST write them, and its labels."""
    slugs = set(_LABEL.findall(text))
    for heading in _HEADING.findall(re.sub(r"^ *(`{3,}|:{3,}).*?^ *\1 *$", "", text, flags=re.MULTILINE | re.DOTALL)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
        slugs.add(slug if slug not in slugs else f"{slug}-1")
    return slugs


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    assert [link for link in links(text) if not leads_somewhere(page, link)] == []


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = unquote(link).partition("#")
    target = page.parent / path if path else page
    if not anchor or target.suffix != ".md":
        return target.exists()
    return target.is_file() and anchor in anchors(target.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_tables_of_contents_name_pages_that_are_there(page):
    entries = [
        line.strip()
        for kind, content in fences(page.read_text(encoding="utf-8"))
        if kind.startswith("{toctree}")
        for line in content.splitlines()
        if line.strip() and not line.startswith(":")
    ]
    assert [entry for entry in entries if not (page.parent / f"{entry}.md").is_file()] == []


def test_every_page_is_in_a_table_of_contents():
    listed = {
        (page.parent / f"{line.strip()}.md").resolve()
        for page in PAGES
        for kind, content in fences(page.read_text(encoding="utf-8"))
        if kind.startswith("{toctree}")
        for line in content.splitlines()
    }
    pages = {page.resolve() for page in PAGES if page.is_relative_to(DOCS)} - {(DOCS / "index.md").resolve()}
    assert sorted(map(name, pages - listed)) == []


def test_links_and_anchors_are_seen():
    text = "# A `b`: c!\n\n(label)=\n[`x`](y.md#z) ![i](images/i.svg) `[no](code)` <a href='q.html'> [w](https://w)\n"
    assert links(text) == ["y.md#z", "images/i.svg", "q.html"]
    assert anchors(text) == {"label", "a-b-c"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_scripts_and_tests_that_are_named_exist(page):
    named = set(re.findall(r"\b(?:benchmarks|tests)/[\w/]*\w(?:\.py)?\b", page.read_text(encoding="utf-8")))
    assert sorted(path for path in named if not (ROOT / path).exists()) == []
