"""The card of a bundle: bundle.json for programs, README.md for people."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from asl.models.features.tiers import BOUNDARY
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.recogniser import bundle
from asl.pipelines.recogniser.torch_model import TrainedModel
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.files import file_hash, write_atomically, write_json

LIMITS = (
    "It recognises isolated signs, or sequences of glosses if it was trained on sentences. It is not an interpreter: it knows "
    "nothing of meaning, of classifiers, or of facial expression. It makes more errors on signers, cameras and dialects unlike "
    "its sources."
)
MISUSE = (
    "Do not use it in place of an interpreter, nor in court, hospital, school or at work where somebody depends on being "
    "understood, nor to grade, identify or watch signers. Deaf people whom it concerns must have a say before it is used on them."
)


def card_of(model: TrainedModel, clips: Sequence[Clip], states: Any, graph: bool) -> dict[str, Any]:
    """The card, without hashes and checks. states: of the streaming graph; None if there is none."""
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
        **({"code": model.card["code"]} if "code" in model.card else {}),
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
    """Group, signer or kind of clip → number of its training clips."""
    trained_on = (
        clip for clip in clips if clip.split == "train" and clip.glosses and all(word in model.alphabet for word in clip.glosses)
    )
    return dict(Counter(clip.group or clip.signer or clip.kind for clip in trained_on).most_common())


def seal(folder: Path, card: Mapping[str, Any]) -> None:
    """Writes README.md and bundle.json, with the hash of every other file."""
    write_atomically(folder / bundle.README, readme(card))
    names = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())
    hashes = {name: file_hash(folder / name) for name in names if name != bundle.CARD}
    write_json(folder / bundle.CARD, {**card, "files": hashes})


def readme(card: Mapping[str, Any]) -> str:
    """The model card in Markdown, after Mitchell et al. (FAT* 2019)."""
    encoder, features = card["encoder"], card["features"]
    size = f"{encoder['hidden']} × {encoder['layers']}"
    ensemble = f", {card['members']} averaged" if card["members"] > 1 else ""
    architecture = f"{'causal ' if card['stream'] else ''}{encoder['kind']}, {size}{ensemble}"
    lines = [
        f"# {card['name']}",
        "",
        f"American Sign Language to glosses: {len(card['glosses'])} glosses, {architecture}, features {features['features']} "
        f"({features['parts']}) at {features['fps']:g} frames per second{', INT8' if card['int8'] else ''}"
        f"{', with a cascade' if card['graph'] else ''}.",
        "",
        "    asl translate VIDEO --model THIS_FOLDER",
        *(["    asl translate --camera 0 --model THIS_FOLDER"] if card["stream"] else []),
        "",
        "## Accuracy",
        "",
        *(f"- {line}" for line in card["accuracy"] or [accuracy_by_checks(card)]),
        "",
        "## Trained on",
        "",
        *(f"- {source}: {counted(count, 'clip')}" for source, count in card["sources"].items()),
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
            f"## Checked at export, on {card['checked_on']}",
            "",
            "| | MB | deviation, nats | same top-1 | top-1 | ms per clip |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_check_row(check) for check in card["checks"]]
    return "\n".join(lines) + "\n"


def accuracy_by_checks(card: Mapping[str, Any]) -> str:
    """What the checks at export say of the accuracy, on a card without other figures."""
    checked, checks = card.get("checked", {}), card.get("checks") or [{"top_1": None}]
    if checks[-1]["top_1"] is None or checked.get("split") not in ("test", "validation"):
        return "not measured on clips outside the training data"
    of_signs = f"top-1 {100 * checks[-1]['top_1']:.1f} % of {counted(checked['signs'], 'clip')} of one sign"
    chosen = "settings may have been" if _is_averaged(card) else "the epoch was"
    selected = f", by which {chosen} chosen" if checked["split"] == "validation" else ""
    synthetic = "; all are synthetic: no accuracy on ASL" if checked["synthetic"] else ""
    return f"{of_signs} of the {checked['split']} split of its workspace (split by {checked['split_by']}){selected}{synthetic}"


def _is_averaged(card: Mapping[str, Any]) -> bool:
    """Whether the weights are a mean over epochs, so that no epoch was chosen: always after stage 3."""
    training, metrics = card.get("training", {}), card.get("metrics", {})
    reached_the_mean = metrics.get("kept_epoch") == metrics.get("epochs")  # else training stopped early, with the best epoch
    return card.get("stage") == "train-stage3" or bool(training.get("average") and reached_the_mean)


def _check_row(check: Mapping[str, Any]) -> str:
    top_1 = "" if check["top_1"] is None else f"{100 * check['top_1']:.1f} %"
    same = f"{100 * check['agree']:.1f} %"
    size = f"{check['bytes'] / 1e6:.2f}"
    return f"| {check['name']} | {size} | {check['off']:.1e} | {same} | {top_1} | {check['milliseconds']:.2f} |"
