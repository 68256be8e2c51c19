"""From the tiers of an ELAN file to labelled clips: the hands of a signer in one sequence of glosses, and utterances as clips.

Corpora gloss each hand on a tier of its own, for each signer: "RH-IDgloss" and "LH-IDgloss" (Auslan, BSL), "GlossR S1" and
"GlossL S1" (NGT), "Lexem_Gebärde_r_A" and "Lexem_Gebärde_l_A" (DGS). A sign of two hands is glossed on both.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from asl.models.features.tiers import GLOSS_TIER, Segment
from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.sources.elan_tiers import Tier


@dataclass(frozen=True)
class TierNames:
    """The names of tiers, in which case is ignored.

    gloss: those that hold glosses; of several, those of the dominant hand first. utterance: those whose annotations cut a
    recording into clips. spelling: text of an annotation → gloss.
    """

    gloss: Sequence[str]
    utterance: Sequence[str]
    spelling: Callable[[str], str]

    def glossed(self, tiers: Sequence[Tier]) -> list[Tier]:
        """The gloss tiers of a file, in the order of their names here."""
        return _named(tiers, self.gloss)

    def utterances(self, tiers: Sequence[Tier]) -> list[Tier]:
        """The utterance tiers of a file."""
        return _named(tiers, self.utterance)

    def signers(self, tiers: Sequence[Tier]) -> set[str]:
        """The participants of the gloss tiers that have annotations."""
        return {tier.participant for tier in self.glossed(tiers) if tier.participant and tier.segments}


def labelled_clips(clip: ClipSource, tiers: Sequence[Tier], names: TierNames) -> list[ClipSource]:
    """The clip with the annotations of its file, or one clip for each utterance in it.

    A clip takes the glosses of one signer: the one of its utterance's tier, else its own, else the only participant of the gloss
    tiers. If the gloss tiers have several participants and none of them is the clip's signer, the clip gets no glosses.
    """
    utterances = [
        (tier.participant, segment)
        for tier in _of_signer(names.utterances(tiers), clip.signer)
        for segment in _within(tier, clip)
    ]
    if not utterances:
        return [_labelled(clip, tiers, names)]
    utterances.sort(key=lambda utterance: (utterance[1].start, utterance[1].end))
    return [_labelled(_cut(clip, segment, signer), tiers, names) for signer, segment in utterances]


def merge_hands(tiers: Sequence[Sequence[Segment]]) -> list[Segment]:
    """The glosses of all hands in order of start; of glosses that start together, those of the tier that is given first.

    A gloss that overlaps the same gloss on a tier that is given earlier is the other hand of the same sign and is left out: the
    sign has the times of the dominant hand, since the other hand often stays while the next sign begins. A gloss on one hand
    only is a sign of its own, whatever the other hand does.
    """
    merged: list[Segment] = []
    signs: dict[str, list[Segment]] = {}
    for segments in tiers:
        # Compared with the earlier tiers only: BOOK BOOK on one tier is two signs.
        new = [segment for segment in segments if segment.value and not _overlaps(segment, signs.get(segment.value, ()))]
        for segment in new:
            signs.setdefault(segment.value, []).append(segment)
        merged += new
    return sorted(merged, key=lambda segment: segment.start)


def _overlaps(segment: Segment, others: Iterable[Segment]) -> bool:
    return any(segment.start < other.end and other.start < segment.end for other in others)


def _named(tiers: Sequence[Tier], names: Sequence[str]) -> list[Tier]:
    return [tier for name in names for tier in tiers if tier.name.lower() == name.lower()]


def _of_signer(tiers: Sequence[Tier], signer: str) -> list[Tier]:
    """The tiers of a signer and those of nobody in particular; all if there is no such signer."""
    if signer not in {tier.participant for tier in tiers}:
        return list(tiers)
    return [tier for tier in tiers if tier.participant in (signer, "")]


def _cut(clip: ClipSource, utterance: Segment, signer: str) -> ClipSource:
    """The clip of an utterance. A folder's gloss is that of the whole recording, so it does not label its parts."""
    start = max(clip.start, utterance.start)
    end = utterance.end if clip.end is None else min(clip.end, utterance.end)
    signer = signer or clip.signer
    name = f"{clip.name}@{round(start, 3):.10g}"
    return replace(
        clip, name=name, start=start, end=end, glosses=(), range_if_reached=False, signer=signer, group=clip.group or signer
    )


def _labelled(clip: ClipSource, tiers: Sequence[Tier], names: TierNames) -> ClipSource:
    glossed, signers = names.glossed(tiers), names.signers(tiers)
    chosen = _of_signer(glossed, clip.signer) if len(signers) < 2 or clip.signer in signers else []
    signer = clip.signer or (signers.pop() if len(signers) == 1 else "")
    signs = merge_hands([_spelled(_within(tier, clip), names) for tier in chosen])
    # A tier called "gloss" that is not one of the gloss tiers must not be taken for one later.
    others = [tier for tier in tiers if tier not in glossed and tier.name != GLOSS_TIER]
    segments = [*signs, *(segment for tier in others for segment in _within(tier, clip))]
    segments.sort(key=lambda segment: (segment.start, segment.end, segment.tier))
    glosses = tuple(segment.value for segment in signs) or clip.glosses
    relative = tuple(_relative(segment, clip) for segment in segments)
    return replace(clip, segments=relative, glosses=glosses, signer=signer, group=clip.group or signer)


def _within(tier: Tier, clip: ClipSource) -> list[Segment]:
    """The annotations whose middle is within the clip."""
    return tier.within(clip.start, float("inf") if clip.end is None else clip.end)


def _spelled(segments: Sequence[Segment], names: TierNames) -> list[Segment]:
    return [replace(segment, tier=GLOSS_TIER, value=names.spelling(segment.value)) for segment in segments]


def _relative(segment: Segment, clip: ClipSource) -> Segment:
    """A segment with times from the start of the clip, within the clip, to the microsecond."""
    end = segment.end if clip.end is None else min(segment.end, clip.end)
    return replace(segment, start=round(max(0.0, segment.start - clip.start), 6), end=round(end - clip.start, 6))
