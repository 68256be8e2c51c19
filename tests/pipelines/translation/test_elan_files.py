"""Translations as ELAN files, and in files that people work on."""

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pympi.Elan import Eaf

from asl.pipelines.corpus.sources.elan_tiers import read_tiers
from asl.pipelines.corpus.sources.videos import VIDEO_ENDINGS
from asl.pipelines.recogniser.reading import Token
from asl.pipelines.translation.elan_documents import MIME_TYPES, tier_spans
from asl.pipelines.translation.elan_files import changed_tiers, check_unchanged, eaf_text, write_eaf
from asl.pipelines.workspace.errors import BadInput
from tests.elan_schema import check

TOKENS = (
    Token("THANK-YOU", 0.2, 0.9, 0.8, (("PLEASE", 0.15), ("GOOD", 0.02)), (("handshape", "B", 0.9),)),
    Token("fs-ZOË", 0.9, 1.1, 0.5, (), (("handshape", "A", 0.4),)),
)
OTHER = (Token("BOOK", 0.0, 0.5, 0.9, (("READ", 0.1),)),)


def tiers_of(file: Path) -> dict[str, list[tuple[str, float, float]]]:
    return {tier.name: [(s.value, s.start, s.end) for s in tier.segments] for tier in read_tiers(file)}


def media_of(file: Path) -> list[dict[str, str]]:
    return [element.attrib for element in ElementTree.parse(file).iter("MEDIA_DESCRIPTOR")]


@pytest.mark.parametrize("tokens", [TOKENS, TOKENS[:1], ()])
def test_documents_keep_the_rules_of_the_schema(tokens, tmp_path):
    write_eaf(tmp_path / "a.eaf", tmp_path / "a.mp4", tokens)
    check((tmp_path / "a.eaf").read_bytes())
    check(eaf_text(tmp_path / "a.mp4", tokens))


def test_confidences_runners_up_and_classes_belong_to_their_gloss(tmp_path):
    write_eaf(tmp_path / "a.eaf", tmp_path / "a.mp4", TOKENS)
    assert tiers_of(tmp_path / "a.eaf") == {
        "asl:gloss": [("THANK-YOU", 0.2, 0.9), ("fs-ZOË", 0.9, 1.1)],
        "asl:confidence": [("0.80", 0.2, 0.9), ("0.50", 0.9, 1.1)],
        "asl:runners-up": [("PLEASE 0.15, GOOD 0.02", 0.2, 0.9)],
        "asl:handshape": [("B", 0.2, 0.9), ("A", 0.9, 1.1)],
    }
    document = Eaf(str(tmp_path / "a.eaf"))
    for tier in ("asl:confidence", "asl:runners-up", "asl:handshape"):
        assert document.get_parameters_for_tier(tier)["PARENT_REF"] == "asl:gloss"
    kind = document.get_parameters_for_tier("asl:confidence")["LINGUISTIC_TYPE_REF"]
    assert document.get_parameters_for_linguistic_type(kind)["CONSTRAINTS"] == "Symbolic_Association"


def test_the_video_is_linked_from_where_the_file_lies(tmp_path):
    for name in ("videos/my clip é.mp4", "drafts/deep/x", "videos/clip.pose"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    video = tmp_path / "videos" / "my clip é.mp4"
    write_eaf(tmp_path / "drafts" / "deep" / "a.eaf", video, TOKENS)
    (media,) = media_of(tmp_path / "drafts" / "deep" / "a.eaf")
    assert media["RELATIVE_MEDIA_URL"] == "../../videos/my clip é.mp4"
    assert media["MEDIA_URL"] == video.resolve().as_uri()
    write_eaf(video.with_suffix(".eaf"), video, TOKENS)
    assert media_of(video.with_suffix(".eaf"))[0]["RELATIVE_MEDIA_URL"] == "./my clip é.mp4"
    assert 'RELATIVE_MEDIA_URL="./my clip é.mp4"' in eaf_text(video, TOKENS)


def test_a_pose_file_links_to_the_video_beside_it_or_to_none(tmp_path):
    (tmp_path / "clip.pose").touch()
    write_eaf(tmp_path / "a.eaf", tmp_path / "clip.pose", TOKENS)
    assert media_of(tmp_path / "a.eaf") == []
    (tmp_path / "clip.MOV").touch()
    write_eaf(tmp_path / "b.eaf", tmp_path / "clip.pose", TOKENS)
    (media,) = media_of(tmp_path / "b.eaf")
    assert (media["RELATIVE_MEDIA_URL"], media["MIME_TYPE"]) == ("./clip.MOV", "video/quicktime")
    assert "MEDIA_DESCRIPTOR" not in eaf_text(Path("camera 0"), TOKENS)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.webm", "video/webm"), ("a.mov", "video/quicktime"), ("a.avi", "video/x-msvideo"), ("a.TS", "video/mp2t")],
)
def test_videos_have_their_mime_type(tmp_path, name, kind):
    assert set(MIME_TYPES) == VIDEO_ENDINGS
    write_eaf(tmp_path / "a.eaf", tmp_path / name, TOKENS)
    assert media_of(tmp_path / "a.eaf")[0]["MIME_TYPE"] == kind


def test_annotations_of_a_tier_never_overlap():
    def spans(*times):
        return [span[1:] for span in tier_spans([Token("A", start, end, 1) for start, end in times])]

    assert spans((0, 1), (0, 1)) == [(0, 500), (500, 1000)]
    assert spans((0, 1), (0.8, 2)) == [(0, 800), (800, 2000)]
    assert spans((0.5, 0.5), (0.5, 0.5), (0.501, 0.6)) == [(500, 501), (501, 502), (502, 600)]


FOREIGN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="Ann" DATE="2020-01-01T10:00:00+01:00" FORMAT="3.0" VERSION="3.0"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
    <!-- checked by Ann -->
    <LICENSE LICENSE_URL="https://example.org">CC BY</LICENSE>
    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
        <MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/old.mpg" MIME_TYPE="video/mpeg" TIME_ORIGIN="40"/>
        <PROPERTY NAME="lastUsedAnnotationId">7</PROPERTY>
    </HEADER>
    <TIME_ORDER>
        <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="100"/>
        <TIME_SLOT TIME_SLOT_ID="ts2"/>
        <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="1000"/>
    </TIME_ORDER>
    <TIER LINGUISTIC_TYPE_REF="free" PARTICIPANT="Ann" TIER_ID="gloss">
        <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2" CVE_REF="c1">
            <ANNOTATION_VALUE>THANKS</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
        <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a7" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
            <ANNOTATION_VALUE>ZOE</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    </TIER>
    <LINGUISTIC_TYPE CONTROLLED_VOCABULARY_REF="signs" GRAPHIC_REFERENCES="false"
        LINGUISTIC_TYPE_ID="free" TIME_ALIGNABLE="true"/>
    <LOCALE COUNTRY_CODE="US" LANGUAGE_CODE="en"/>
    <CONTROLLED_VOCABULARY CV_ID="signs"><DESCRIPTION LANG_REF="und"/>
        <CV_ENTRY_ML CVE_ID="c1"><CVE_VALUE LANG_REF="und">THANKS</CVE_VALUE></CV_ENTRY_ML></CONTROLLED_VOCABULARY>
    <REF_LINK_SET LINK_SET_ID="links"><CROSS_REF_LINK REF1="a1" REF2="a7" REF_LINK_ID="r1"/></REF_LINK_SET>
</ANNOTATION_DOCUMENT>
"""


@pytest.fixture
def foreign(tmp_path) -> Path:
    (tmp_path / "a.eaf").write_text(FOREIGN)
    return tmp_path / "a.eaf"


def foreign_parts(file: Path) -> list[str]:
    """Everything in a file but what asl adds, in canonical form."""
    root = ElementTree.parse(file).getroot()
    for parent in list(root.iter()):
        for element in list(parent):
            names = (element.get("TIER_ID"), element.get("LINGUISTIC_TYPE_ID"), element.get("NAME"))
            ours = any((name or "").startswith("asl:") for name in names) or element.tag == "CONSTRAINT"
            slot = element.get("TIME_SLOT_ID", "ts1") not in ("ts1", "ts2", "ts3")
            if ours or slot or element.get("NAME") == "lastUsedAnnotationId":
                parent.remove(element)
    return [ElementTree.canonicalize(ElementTree.tostring(root, encoding="unicode"), strip_text=True)]


def test_a_file_of_others_keeps_everything_and_gains_the_tiers_of_asl(foreign):
    before, tiers = foreign_parts(foreign), tiers_of(foreign)
    write_eaf(foreign, foreign.with_name("a.mp4"), TOKENS)
    root = check(foreign.read_bytes())
    assert foreign_parts(foreign) == before
    assert tiers_of(foreign) == tiers | {
        "asl:gloss": [("THANK-YOU", 0.2, 0.9), ("fs-ZOË", 0.9, 1.1)],
        "asl:confidence": [("0.80", 0.2, 0.9), ("0.50", 0.9, 1.1)],
        "asl:runners-up": [("PLEASE 0.15, GOOD 0.02", 0.2, 0.9)],
        "asl:handshape": [("B", 0.2, 0.9), ("A", 0.9, 1.1)],
    }
    assert "checked by Ann" in foreign.read_text()
    last = next(element for element in root.iter("PROPERTY") if element.get("NAME") == "lastUsedAnnotationId")
    assert int(last.text) == 7 + 7
    assert not list(foreign.parent.glob("*.bak"))


def test_asl_renews_its_own_tiers(foreign):
    before = foreign_parts(foreign)
    write_eaf(foreign, foreign.with_name("a.mp4"), TOKENS)
    write_eaf(foreign, foreign.with_name("a.mp4"), OTHER)
    root = check(foreign.read_bytes())
    assert foreign_parts(foreign) == before
    assert {name: marks for name, marks in tiers_of(foreign).items() if name.startswith("asl:")} == {
        "asl:gloss": [("BOOK", 0.0, 0.5)],
        "asl:confidence": [("0.90", 0.0, 0.5)],
        "asl:runners-up": [("READ 0.10", 0.0, 0.5)],
    }
    assert len(root.find("TIME_ORDER")) == 3 + 2, "slots of the earlier tiers are gone"
    assert changed_tiers(foreign) == []


def by_hand(file: Path, change) -> None:
    """Changes a file as a person does in ELAN, which writes ids and slots anew."""
    document = Eaf(str(file))
    change(document)
    document.to_file(str(file))
    os.remove(file.with_suffix(".bak"))


def corrected(document: Eaf) -> None:
    aligned = document.tiers["asl:gloss"][0]
    id, (start, end, _, svg) = next(iter(aligned.items()))
    aligned[id] = (start, end, "THANKS", svg)


def test_a_tier_that_a_person_changed_is_not_replaced_unless_asked(tmp_path):
    file = tmp_path / "a.eaf"
    write_eaf(file, tmp_path / "a.mp4", TOKENS)
    by_hand(file, lambda document: document.add_tier("mine", "asl:gloss"))
    check_unchanged(file)
    by_hand(file, corrected)
    before = file.read_bytes()
    assert changed_tiers(file) == ["asl:gloss"]
    with pytest.raises(BadInput, match="'asl:gloss' was changed by hand") as caught:
        write_eaf(file, tmp_path / "a.mp4", OTHER)
    assert "--overwrite" in caught.value.hint
    assert file.read_bytes() == before
    write_eaf(file, tmp_path / "a.mp4", OTHER, overwrite=True)
    assert tiers_of(file)["asl:gloss"] == [("BOOK", 0.0, 0.5)]
    assert "mine" in tiers_of(file)


def test_a_renamed_tier_is_a_persons_own(tmp_path):
    file = tmp_path / "a.eaf"
    write_eaf(file, tmp_path / "a.mp4", TOKENS)
    by_hand(file, lambda document: document.rename_tier("asl:gloss", "gloss"))
    write_eaf(file, tmp_path / "a.mp4", OTHER)
    check(file.read_bytes())
    assert tiers_of(file)["gloss"] == [("THANK-YOU", 0.2, 0.9), ("fs-ZOË", 0.9, 1.1)]
    assert tiers_of(file)["asl:gloss"] == [("BOOK", 0.0, 0.5)]


def test_annotations_that_depend_on_a_tier_of_asl_are_not_orphaned(tmp_path):
    file = tmp_path / "a.eaf"
    write_eaf(file, tmp_path / "a.mp4", TOKENS)

    def note(document: Eaf) -> None:
        document.add_tier("note", "asl:value", "asl:gloss")
        document.add_ref_annotation("note", "asl:gloss", 500, "unclear")

    by_hand(file, note)
    with pytest.raises(BadInput, match="'note' depend"):
        check_unchanged(file)
    for overwrite in (False, True):
        with pytest.raises(BadInput, match="'note' depend"):
            write_eaf(file, tmp_path / "a.mp4", OTHER, overwrite=overwrite)


@pytest.mark.parametrize("content", ["", "hello", "<a/>", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
def test_a_file_that_is_not_elans_is_replaced_only_if_asked(tmp_path, content):
    file = tmp_path / "a.eaf"
    file.write_text(content)
    with pytest.raises(BadInput):
        write_eaf(file, tmp_path / "a.mp4", TOKENS)
    assert file.read_text() == content
    write_eaf(file, tmp_path / "a.mp4", TOKENS, overwrite=True)
    check(file.read_bytes())
