"""What a bundle says of itself: bundle.json for programs, README.md for people."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from asl.models.features.tiers import BOUNDARY
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.recogniser import bundle
from asl.pipelines.recogniser.torch_model import TrainedModel
from asl.pipelines.workspace.files import file_hash, write_atomically, write_json

LIMITS = (
    "It names isolated signs, or glosses in sequence where it was trained on sentences. It is no interpreter: it knows nothing "
    "of meaning, of classifiers, or of what the face says. It errs more on signers, cameras and dialects unlike its sources."
)
MISUSE = (
    "Not to be used in place of an interpreter, nor in court, hospital, school or at work where somebody depends on being "
    "understood, nor to grade, identify or watch signers. Deaf people whom it concerns must have a say before it is used on them."
)


def card_of(model: TrainedModel, clips: Sequence[Clip], states: Any, graph: bool) -> dict[str, Any]:
    """The card without the hashes. states: of the streaming graph, None without one."""
    encoder = model.recognisers[0].encoder.spec
    metrics = model.card.get("metrics", {})
    return {
        "version": bundle.FORMAT_VERSION,
        "model": model.weights_hash,
        "name": model.folder.name,
        "stage": model.card.get("stage", "train-ctc"),
        "encoder": asdict(encoder),
        "members": len(model.recognisers),
        "features": asdict(model.features),
        "glosses": list(model.alphabet.glosses),
        "tiers": model.tiers,
        "outputs": [name for name in model.tiers if name != BOUNDARY],
        "stream": {"states": states, "look_ahead_seconds": 0.0} if states else None,
        "graph": graph,
        "int8": False,
        "training": model.card.get("training", {}),
        "metrics": metrics,
        "sources": sources_of(clips, model),
        "accuracy": [],
        "licence": "not stated: ask whoever trained it, and mind the licences of the sources",
        "limits": LIMITS,
        "misuse": MISUSE,
    }


def sources_of(clips: Sequence[Clip], model: TrainedModel) -> dict[str, int]:
    """Group, signer or kind of clip → clips of it that were trained on."""
    known = (one for one in clips if one.split == "train" and one.glosses and all(word in model.alphabet for word in one.glosses))
    return dict(Counter(one.group or one.signer or one.kind for one in known).most_common())


def seal(folder: Path, card: Mapping[str, Any]) -> None:
    """Writes both cards, and the hash of every other file into bundle.json."""
    write_atomically(folder / bundle.README, readme(card))
    own = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())
    write_json(folder / bundle.CARD, {**card, "files": {name: file_hash(folder / name) for name in own if name != bundle.CARD}})


def readme(card: Mapping[str, Any]) -> str:
    """The model card in Markdown, after Mitchell et al. (FAT* 2019)."""
    encoder, features = card["encoder"], card["features"]
    size = f"{encoder['hidden']} × {encoder['layers']}"
    several = f", {card['members']} averaged" if card["members"] > 1 else ""
    kind = f"{'causal ' if card['stream'] else ''}{encoder['kind']}, {size}{several}"
    lines = [
        f"# {card['name']}",
        "",
        f"American Sign Language to glosses: {len(card['glosses'])} glosses, {kind}, features {features['features']} "
        f"({features['parts']}) at {features['fps']:g} frames a second{', INT8' if card['int8'] else ''}"
        f"{', with a cascade' if card['graph'] else ''}.",
        "",
        "    asl translate VIDEO --model THIS_FOLDER",
        *(["    asl translate --camera 0 --model THIS_FOLDER"] if card["stream"] else []),
        "",
        "## Accuracy",
        "",
        *(f"- {one}" for one in card["accuracy"] or ["not measured on clips that nobody trained on"]),
        "",
        "## Trained on",
        "",
        *(f"- {source}: {count} clips" for source, count in card["sources"].items()),
        "",
        "## Limits",
        "",
        card["limits"],
        "",
        card["misuse"],
        "",
        "## Licence",
        "",
        card["licence"],
        "",
        "## Glosses",
        "",
        " ".join(card["glosses"]),
    ]
    if card.get("checks"):
        lines += [
            "",
            f"## Checked when it was exported, on {card['checked_on']}",
            "",
            "| | MB | off, nats | same top-1 | top-1 | ms a clip |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_row(one) for one in card["checks"]]
    return "\n".join(lines) + "\n"


def _row(one: Mapping[str, Any]) -> str:
    right = "" if one["top_1"] is None else f"{100 * one['top_1']:.1f} %"
    size = f"{one['bytes'] / 1e6:.2f}"
    return f"| {one['name']} | {size} | {one['off']:.1e} | {100 * one['agree']:.1f} % | {right} | {one['milliseconds']:.2f} |"
