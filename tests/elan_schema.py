"""The rules of the published schema of ELAN files (https://www.mpi.nl/tools/elan/EAFv3.0.xsd) as far as they matter here.

Beyond the schema, as ELAN expects: time slots are sorted, and the annotations of a tier do not overlap.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

SEQUENCE = (
    "LICENSE", "HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "LOCALE", "LANGUAGE", "CONSTRAINT", "CONTROLLED_VOCABULARY",
    "LEXICON_REF", "REF_LINK_SET", "EXTERNAL_REF",
)  # fmt: skip
HEADER_SEQUENCE = ("MEDIA_DESCRIPTOR", "LINKED_FILE_DESCRIPTOR", "PROPERTY")
#: Element → its required and optional attributes.
ATTRIBUTES = {
    "MEDIA_DESCRIPTOR": ({"MEDIA_URL", "MIME_TYPE"}, {"RELATIVE_MEDIA_URL", "TIME_ORIGIN", "EXTRACTED_FROM"}),
    "PROPERTY": (set(), {"NAME"}),
    "TIME_SLOT": ({"TIME_SLOT_ID"}, {"TIME_VALUE"}),
    "TIER": (
        {"TIER_ID", "LINGUISTIC_TYPE_REF"},
        {"PARTICIPANT", "ANNOTATOR", "DEFAULT_LOCALE", "PARENT_REF", "EXT_REF", "LANG_REF"},
    ),
    "ALIGNABLE_ANNOTATION": (
        {"ANNOTATION_ID", "TIME_SLOT_REF1", "TIME_SLOT_REF2"},
        {"SVG_REF", "EXT_REF", "LANG_REF", "CVE_REF"},
    ),
    "REF_ANNOTATION": ({"ANNOTATION_ID", "ANNOTATION_REF"}, {"PREVIOUS_ANNOTATION", "EXT_REF", "LANG_REF", "CVE_REF"}),
    "LINGUISTIC_TYPE": (
        {"LINGUISTIC_TYPE_ID"},
        {"TIME_ALIGNABLE", "CONSTRAINTS", "GRAPHIC_REFERENCES", "CONTROLLED_VOCABULARY_REF", "EXT_REF", "LEXICON_REF"},
    ),
    "CONSTRAINT": ({"STEREOTYPE"}, {"DESCRIPTION"}),
}


def check(text: str | bytes) -> Element:
    """Asserts that a document keeps the rules. Returns its root."""
    root = ElementTree.fromstring(text)
    assert root.tag == "ANNOTATION_DOCUMENT"
    assert {"DATE", "AUTHOR", "VERSION"} <= set(root.attrib)
    assert datetime.fromisoformat(root.get("DATE")).tzinfo
    assert_in_order([child.tag for child in root], SEQUENCE)
    assert len(root.findall("HEADER")) == len(root.findall("TIME_ORDER")) == 1
    assert_in_order([child.tag for child in root.find("HEADER")], HEADER_SEQUENCE)
    for element in root.iter():
        required, optional = ATTRIBUTES.get(element.tag, (set(), set(element.attrib)))
        assert required <= set(element.attrib) <= required | optional, (element.tag, element.attrib)
    slots = _slots(root)
    types = {kind.get("LINGUISTIC_TYPE_ID"): kind for kind in root.findall("LINGUISTIC_TYPE")}
    assert len(types) == len(root.findall("LINGUISTIC_TYPE")), "linguistic types are unique"
    constraints = [constraint.get("STEREOTYPE") for constraint in root.findall("CONSTRAINT")]
    assert {kind.get("CONSTRAINTS") for kind in types.values()} - {None} <= set(constraints)
    _check_tiers(root, slots, types)
    return root


def assert_in_order(tags: Iterable[str], sequence: tuple[str, ...]) -> None:
    ranks = [sequence.index(tag) for tag in tags]
    assert ranks == sorted(ranks), tags


def _slots(root: Element) -> dict[str, int | None]:
    """Time slots by their ids, which are names in XML's sense, unique also among annotations, and sorted by time."""
    ids = [element.get(name) for name in ("TIME_SLOT_ID", "ANNOTATION_ID") for element in root.iter() if element.get(name)]
    assert len(set(ids)) == len(ids), "ids are unique"
    assert all(re.fullmatch(r"[A-Za-z_][\w.-]*", id) for id in ids)
    slots = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in root.find("TIME_ORDER")}
    times = [int(time) for time in slots.values() if time is not None]
    assert times == sorted(times)
    assert all(time >= 0 for time in times)
    return {id: None if time is None else int(time) for id, time in slots.items()}


def _check_tiers(root: Element, slots: dict[str, int | None], types: dict[str, Element]) -> None:
    tiers = {tier.get("TIER_ID"): tier for tier in root.findall("TIER")}
    assert len(tiers) == len(root.findall("TIER")), "names of tiers are unique"
    for tier in tiers.values():
        kind = types[tier.get("LINGUISTIC_TYPE_REF")]
        parent = tiers[tier.get("PARENT_REF")] if tier.get("PARENT_REF") else None
        assert (parent is not None) == (kind.get("CONSTRAINTS") is not None), "a type with a constraint needs a parent tier"
        annotations = [annotation[0] for annotation in tier.findall("ANNOTATION")]
        assert all([part.tag for part in annotation] == ["ANNOTATION_VALUE"] for annotation in annotations)
        if kind.get("CONSTRAINTS") in ("Symbolic_Association", "Symbolic_Subdivision"):
            assert kind.get("TIME_ALIGNABLE") == "false"
            _check_references(annotations, parent, kind.get("CONSTRAINTS"))
        else:
            assert kind.get("TIME_ALIGNABLE", "true") == "true"
            _check_aligned(annotations, slots)


def _check_references(annotations: list[Element], parent: Element, constraint: str) -> None:
    assert {annotation.tag for annotation in annotations} <= {"REF_ANNOTATION"}
    references = [annotation.get("ANNOTATION_REF") for annotation in annotations]
    assert set(references) <= {element.get("ANNOTATION_ID") for element in parent.iter()}
    if constraint == "Symbolic_Association":
        assert len(set(references)) == len(references), "one associated annotation for each of the parent tier"


def _check_aligned(annotations: list[Element], slots: dict[str, int | None]) -> None:
    assert {annotation.tag for annotation in annotations} <= {"ALIGNABLE_ANNOTATION"}
    spans = [(slots[element.get("TIME_SLOT_REF1")], slots[element.get("TIME_SLOT_REF2")]) for element in annotations]
    spans = sorted(span for span in spans if None not in span)
    assert all(start < end for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans)), "annotations of a tier overlap"
