"""The page of a cascade: how large each transducer is, what G predicts, and how the weights were found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asl.pipelines.cascade.signing_space import SigningSpace, degrees, top_view
from asl.pipelines.cascade.weight_search import Trial
from asl.pipelines.reports.page import figure_uri, write_page

MEANING = {
    "C": "units as their neighbours change them",
    "M": "fused signs read back as verb and object",
    "D": "every reference is bound",
    "L": "units to glosses",
    "G": "how likely glosses follow each other",
    "L∘G": "determinised and minimised",
    "H∘C∘M∘D∘L∘G": "with how long units last: what is searched",
}


def write_report(
    path: Path, metrics: Mapping[str, Any], sizes: Sequence[Mapping[str, Any]], trials: Sequence[Trial], space: SigningSpace,
    command: str,
) -> None:  # fmt: skip
    """metrics, sizes: as `asl build-fst` found them; trials: what tuning tried. command: as typed."""
    loci = [(locus, *degrees(one)) for locus, one in space.loci.items()]
    write_page(
        path, "build_fst.html", metrics=metrics, sizes=sizes, meaning=MEANING, tried=len(trials), command=command,
        trials=sorted(trials, key=lambda one: one.wer)[:12], space=space, loci=loci,
        view=figure_uri(top_view(space)) if loci else "",
    )  # fmt: skip
