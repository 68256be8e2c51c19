"""Copies of clips in different splits: found, listed in duplicates.csv, and refused, dropped or allowed (SPEC §14)."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asl.pipelines.corpus.clips import SPLITS, Clip
from asl.pipelines.corpus.copies import Duplicate, find_duplicates
from asl.pipelines.corpus.landmark_summary import Summaries
from asl.pipelines.corpus.splits import Split
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import write_atomically
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.settings.clips import SplitSettings


def handle_copies(workspace: Workspace, assigned: Split, summaries: Summaries, settings: SplitSettings) -> dict[str, int]:
    """Finds clips with a copy in another split, lists them in duplicates.csv, and drops or allows them.

    Returns figures for the table. Raises BadInput if there are any that are neither dropped nor allowed.
    """
    clips, listing = assigned.clips, workspace.folder / "duplicates.csv"
    pairs = _pairs_across(clips, summaries)
    if not pairs:
        listing.unlink(missing_ok=True)
        return {}
    _list_pairs(listing, clips, pairs)
    if settings.drop_duplicates:
        dropped = {min(pair.first, pair.second, key=lambda i: SPLITS.index(clips[i].split)) for pair in pairs}
        assigned.clips = [replace(clip, split="") if i in dropped else clip for i, clip in enumerate(clips)]
        clips_left_out = counted(len(dropped), "clip with a copy in another split is", "clips with a copy in another split are")
        assigned.warnings.append(f"{clips_left_out} left out (see duplicates.csv)")
        return {"left_out_as_duplicates": len(dropped)}
    if settings.allow_duplicates:
        assigned.warnings.append(
            f"{counted(len(pairs), 'copy across splits is', 'copies across splits are')} allowed: results will be too optimistic "
            "(see duplicates.csv)"
        )
        return {"duplicates_across_splits": len(pairs)}
    first, second = clips[pairs[0].first], clips[pairs[0].second]
    raise BadInput(
        f"{counted(len(pairs), 'clip has', 'clips have')} a copy in another split, "
        f"e.g. {first.name} ({first.split}) and {second.name} ({second.split})",
        f"they are listed in {listing}; use --drop-duplicates, or --allow-duplicates with results that are too optimistic",
    )


def _pairs_across(clips: Sequence[Clip], summaries: Summaries) -> list[Duplicate]:
    if len({clip.split for clip in clips}) < 2:
        return []
    # Synthetic clips are never copies, and searching tens of thousands of them would take long.
    traces = {i: found for i, clip in enumerate(clips) if (found := summaries[clip.id].trace)}
    real = list(traces)
    duplicates = find_duplicates(list(traces.values()), lambda i, j: clips[real[i]].split != clips[real[j]].split)
    return [Duplicate(real[pair.first], real[pair.second], pair.kind) for pair in duplicates]


def _list_pairs(listing: Path, clips: Sequence[Clip], pairs: Sequence[Duplicate]) -> None:
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(("first", "split", "second", "split", "kind"))
    for pair in pairs:
        first, second = clips[pair.first], clips[pair.second]
        table.writerow((first.name, first.split, second.name, second.split, pair.kind))
    write_atomically(listing, buffer.getvalue())
