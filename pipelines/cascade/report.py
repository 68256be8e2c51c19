"""The page of a built cascade: size of each transducer, perplexity of G, and the search for the weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asl.pipelines.cascade.signing_space import SigningSpace, degrees, top_view
from asl.pipelines.cascade.weight_search import Trial
from asl.pipelines.reports.page import figure_uri, write_page

MEANING = {
    "C": "units in the context of their neighbours",
    "M": "fused signs split into verb and object",
    "D": "references bound to their loci",
    "L": "units to glosses",
    "G": "probabilities of gloss sequences",
    "L∘G": "determinised and minimised",
    "H∘C∘M∘D∘L∘G": "the search graph, with unit durations",
}
#: Trials shown, the best first.
SHOWN_TRIALS = 12


def write_report(
    path: Path, metrics: Mapping[str, Any], sizes: Sequence[Mapping[str, Any]], trials: Sequence[Trial], space: SigningSpace,
    command: str,
) -> None:  # fmt: skip
    """metrics, sizes: as in `BuildResult`. trials: of the weight search. command: the command line."""
    loci = [(locus, *degrees(direction)) for locus, direction in space.loci.items()]
    write_page(
        path, "build_fst.html", metrics=metrics, sizes=sizes, meaning=MEANING, tried=len(trials), command=command,
        trials=sorted(trials, key=lambda trial: trial.wer)[:SHOWN_TRIALS], space=space, loci=loci,
        view=figure_uri(top_view(space)) if loci else "",
    )  # fmt: skip
