"""The page of a cascade: how large each transducer is, what G predicts, and how the weights were found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.html import write_page

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
    path: Path, metrics: Mapping[str, Any], sizes: Sequence[Mapping[str, Any]], trials: Sequence[Mapping[str, Any]], command: str
) -> None:
    """metrics, sizes, trials: as `asl build-fst` found them. command: as typed."""
    best = sorted(trials, key=lambda one: one["wer"])[:12]
    write_page(
        path, "build_fst.html", metrics=metrics, sizes=sizes, meaning=MEANING, trials=best, tried=len(trials), command=command
    )
