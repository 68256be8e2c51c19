"""The clips that a recogniser trains and validates on, and its vocabulary."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from asl.pipelines.corpus.clips import Clip
from asl.pipelines.workspace.errors import BadInput
from asl.transducers.alphabet import Alphabet


@dataclass(frozen=True)
class ClipSelection:
    """Indices of the usable labelled clips by split, and the vocabulary. left_out: labelled clips with glosses outside it."""

    train: list[int]
    validation: list[int]
    alphabet: Alphabet
    left_out: int


def select_clips(clips: Sequence[Clip], min_clips: int) -> ClipSelection:
    """Selects the clips whose glosses all have at least `min_clips` training clips.

    Raises BadInput if no clip is labelled, if none is in the train split, or if fewer than two glosses remain.
    """
    labelled = [i for i, clip in enumerate(clips) if clip.glosses]
    if not labelled:
        raise BadInput(
            "no clip has a gloss",
            "name the glosses in folders, file names (--pattern), a manifest or ELAN files, and run asl extract again",
        )
    train = [i for i in labelled if clips[i].split == "train"]
    if not train:
        raise BadInput(
            "no labelled clip is in the train split",
            "hold fewer groups out: asl extract --test-groups, --validation-groups or --split-by random",
        )
    counts = Counter(word for i in train for word in clips[i].glosses)
    alphabet = Alphabet(tuple(sorted(word for word, count in counts.items() if count >= min_clips)))
    if len(alphabet) < 2:
        raise BadInput(
            f"glosses with {min_clips} training clips or more: {len(alphabet)}, but a model needs two",
            "lower --min-clips or add clips" if min_clips > 1 else "add clips, or hold fewer out: asl extract --test-share 0",
        )
    usable = [i for i in labelled if all(word in alphabet for word in clips[i].glosses)]
    by_split = {split: [i for i in usable if clips[i].split == split] for split in ("train", "validation")}
    return ClipSelection(by_split["train"], by_split["validation"], alphabet, len(labelled) - len(usable))
