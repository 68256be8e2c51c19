"""Writing ELAN files: new ones, and the tiers of asl in files that people work on.

Only tiers whose names begin with elan_documents.PREFIX are ever added, renewed or removed. A digest of each, among the
properties of the file, tells whether a person has changed it since.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from asl.pipelines.corpus.sources.elan_tiers import Tier, read_tiers, safe_bytes, tiers_of
from asl.pipelines.recogniser.reading import Token
from asl.pipelines.translation.elan_documents import PREFIX, new_document
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import value_hash, write_atomically

#: Order of the elements of a document in EAF 2.8 and 3.0.
ORDER = (
    "LICENSE", "HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "LOCALE", "LANGUAGE", "CONSTRAINT", "CONTROLLED_VOCABULARY",
    "LEXICON_REF", "REF_LINK_SET", "EXTERNAL_REF",
)  # fmt: skip
#: Attributes that refer to annotations, and to time slots.
ANNOTATION_REFERENCES = ("ANNOTATION_REF", "PREVIOUS_ANNOTATION", "REF1", "REF2", "REFS")
SLOT_REFERENCES = ("TIME_SLOT_REF1", "TIME_SLOT_REF2")
#: What a document needs beside its tiers, and the attributes that name it.
NAMED_BY = {"LINGUISTIC_TYPE": "LINGUISTIC_TYPE_ID", "CONSTRAINT": "STEREOTYPE"}
#: The property with the digest of a tier is called after the tier.
DIGEST = " digest"

ElementTree.register_namespace("xsi", "http://www.w3.org/2001/XMLSchema-instance")


def eaf_text(clip: Path, tokens: Sequence[Token], folder: Path | None = None) -> str:
    """The ELAN document of a clip as text. folder: where it will lie; None: beside the video."""
    return _bytes(_fresh(clip, tokens, folder)).decode()


def write_eaf(path: Path, clip: Path, tokens: Sequence[Token], *, overwrite: bool = False) -> None:
    """Writes the ELAN file of a clip, or adds or renews asl's own tiers in a file that exists.

    Everything else in an existing file stays as it is: tiers, types, media. overwrite: replace also tiers of asl that were
    changed by hand, and a file that is not an ELAN file. Raises BadInput if there are such and they may not be replaced, or if
    annotations of other tiers depend on those that would be replaced.
    """
    document = _fresh(clip, tokens, path.parent)
    if path.is_file() and (not overwrite or _is_elan(path)):
        if not overwrite:
            check_unchanged(path)
        document = _merged(path, document)
    write_atomically(path, _bytes(document))


def _bytes(document: Element) -> bytes:
    return ElementTree.tostring(document, encoding="UTF-8", xml_declaration=True) + b"\n"


def check_unchanged(path: Path) -> None:
    """Raises BadInput if a person has changed a tier that asl wrote into this file, or built on it, or if it is not an ELAN file.

    A batch asks before it begins, so that it does not stop halfway.
    """
    changed = changed_tiers(path)
    if changed:
        raise BadInput(
            f"{path}: the tier '{changed[0]}' was changed by hand since asl wrote it",
            "rename it in ELAN to keep it, write to another file, or use --overwrite to replace it",
        )
    _remove_tiers(_parsed(path), path)


def changed_tiers(path: Path) -> list[str]:
    """The names of asl's tiers in a file that are not as asl wrote them. Raises BadInput if it is not an ELAN file."""
    tiers = [tier for tier in read_tiers(path) if tier.name.startswith(PREFIX)]
    header = _parsed(path).find("HEADER")
    digests = {} if header is None else {element.get("NAME"): element.text for element in header.iter("PROPERTY")}
    return [tier.name for tier in tiers if digests.get(tier.name + DIGEST) != _digest(tier)]


def _is_elan(path: Path) -> bool:
    try:
        read_tiers(path)
    except BadInput:
        return False
    return True


def _digest(tier: Tier) -> str:
    """Identifies the times and texts of a tier's annotations, whatever their order and ids in the file."""
    return value_hash(sorted((round(1000 * mark.start), round(1000 * mark.end), mark.value) for mark in tier.segments))


def _fresh(clip: Path, tokens: Sequence[Token], folder: Path | None) -> Element:
    """A new document with asl's tiers and their digests."""
    from pympi.Elan import to_adocument

    document = new_document(clip, tokens, folder)
    document.properties += [(tier.name + DIGEST, _digest(tier)) for tier in tiers_of(document)]
    return to_adocument(document)


def _parsed(path: Path) -> Element:
    """The document in a file, with its comments."""
    builder = ElementTree.TreeBuilder(insert_comments=True, insert_pis=True)
    parser = ElementTree.XMLParser(target=builder)  # noqa: S314 - safe_bytes refuses entities
    try:
        return ElementTree.fromstring(safe_bytes(path), parser)  # noqa: S314
    except ElementTree.ParseError as error:
        raise BadInput(f"{path} is not an ELAN file", "open and save it in ELAN") from error


def _merged(path: Path, fresh: Element) -> Element:
    """The document in a file with the tiers of a fresh one instead of asl's earlier ones."""
    document = _parsed(path)
    _remove_tiers(document, path)
    _renumber(fresh, document)
    _add_time_slots(document, fresh)
    known = {_key(element) for element in document}
    for element in fresh:
        if element.tag == "TIER" or (element.tag in NAMED_BY and _key(element) not in known):
            _insert(document, element)
    _renew_properties(document, fresh)
    return document


def _remove_tiers(document: Element, path: Path) -> None:
    """Removes asl's tiers and their time slots. Raises BadInput if annotations of other tiers refer to them."""
    tiers = [tier for tier in document.findall("TIER") if tier.get("TIER_ID", "").startswith(PREFIX)]
    removed = {element.get("ANNOTATION_ID") for tier in tiers for element in tier.iter()}
    slots = {element.get(name) for tier in tiers for element in tier.iter() for name in SLOT_REFERENCES}
    for tier in tiers:
        document.remove(tier)
    for tier in document.findall("TIER"):
        if _references(tier, ANNOTATION_REFERENCES) & removed:
            raise BadInput(
                f"{path}: annotations of the tier '{tier.get('TIER_ID')}' depend on a tier that asl would replace",
                "give that tier another parent in ELAN, or write to another file",
            )
    order = document.find("TIME_ORDER")
    used = _references(document, SLOT_REFERENCES)
    for slot in [] if order is None else list(order):
        if slot.get("TIME_SLOT_ID") in slots - used:
            order.remove(slot)


def _references(root: Element, attributes: Sequence[str]) -> set[str]:
    """The ids that the attributes in a part of a document refer to."""
    return {id for element in root.iter() for name in attributes for id in (element.get(name) or "").split()}


def _renumber(fresh: Element, document: Element) -> None:
    """Gives the annotations and time slots of a fresh document ids that the other document does not use."""
    ids: dict[str, str] = {}
    for attribute, letters in (("ANNOTATION_ID", "a"), ("TIME_SLOT_ID", "ts")):
        first = 1 + max((_number(element.get(attribute)) for element in document.iter()), default=0)
        new = [element.get(attribute) for element in fresh.iter() if element.get(attribute)]
        ids |= {id: f"{letters}{first + i}" for i, id in enumerate(new)}
    for element in fresh.iter():
        for name in ("ANNOTATION_ID", "ANNOTATION_REF", "TIME_SLOT_ID", *SLOT_REFERENCES):
            if name in element.attrib:
                element.set(name, ids[element.attrib[name]])


def _number(id: str | None) -> int:
    return int("0" + "".join(filter(str.isdecimal, id or "")))


def _add_time_slots(document: Element, fresh: Element) -> None:
    """Adds the time slots of a fresh document, each before the first one that is later."""
    order = document.find("TIME_ORDER")
    slots, new = [] if order is None else list(order), list(fresh.find("TIME_ORDER"))
    position = 0
    for slot in new:
        while position < len(slots) and int(slots[position].get("TIME_VALUE") or 0) <= int(slot.get("TIME_VALUE")):
            position += 1
        slots.insert(position, slot)
    if order is None:
        _insert(document, order := Element("TIME_ORDER"))
    order[:] = slots


def _key(element: Element) -> tuple[str, str | None]:
    """A type or constraint by its name."""
    return element.tag, element.get(NAMED_BY.get(element.tag, ""))


def _insert(document: Element, element: Element) -> None:
    """Adds an element after those that must precede it."""
    rank = ORDER.index(element.tag)
    later = (i for i, other in enumerate(document) if other.tag in ORDER and ORDER.index(other.tag) > rank)
    document.insert(next(later, len(document)), element)


def _renew_properties(document: Element, fresh: Element) -> None:
    """Renews the digests of asl's tiers, and the last id that ELAN counts from where the file names it."""
    header = document.find("HEADER")
    if header is None:
        _insert(document, header := Element("HEADER"))
    for element in header.findall("PROPERTY"):
        if element.get("NAME", "").startswith(PREFIX):
            header.remove(element)
        if element.get("NAME") == "lastUsedAnnotationId":
            element.text = str(max(_number(other.get("ANNOTATION_ID")) for other in document.iter()))
    header.extend(element for element in fresh.iter("PROPERTY") if element.get("NAME").startswith(PREFIX))
