"""The JSON that `asl translate` writes, field by field; docs/reference/json.md is generated from these types."""

from typing import Annotated, Literal, NotRequired, TypedDict


class RunnerUp(TypedDict):
    """A next-best gloss of the same frames."""

    gloss: Annotated[str, "The gloss."]
    confidence: Annotated[float, "Its share of the same posterior, 0-1, never more than that of the gloss, rounded to 4 digits."]


#: The class of a sign on one phonological tier. The functional form, because `class` is a keyword.
PhonologicalClass = TypedDict(
    "PhonologicalClass",
    {
        "class": Annotated[str, "The likeliest class of the tier."],
        "confidence": Annotated[float, "Its posterior, the mean over the frames of the sign, 0-1, rounded to 4 digits."],
    },
)


class TokenOutput(TypedDict):
    """A recognised gloss."""

    gloss: Annotated[str, "The gloss."]
    start: Annotated[float, "Start of the sign, seconds from the start of the clip, rounded to milliseconds."]
    end: Annotated[float, "End of the sign, likewise."]
    confidence: Annotated[
        float, "Posterior of the gloss over its frames under the decoder that read it, 0-1: not the probability of being right."
    ]
    runners_up: Annotated[list[RunnerUp], "The next-best glosses of the same frames, best first; `--runners-up` sets how many."]
    referent: NotRequired[
        Annotated[
            str,
            "Points at a locus: the gloss before the first point there. Agreement verbs: `A → B`. `signer` is the signer. "
            "Missing if there is none.",
        ]
    ]
    direction: NotRequired[
        Annotated[list[float], "Points at a locus: their direction, a unit vector (x, y, z) in the signer frame."]
    ]
    phonology: NotRequired[
        Annotated[dict[str, PhonologicalClass], "With `--phonology`: the class of each tier, by the name of the tier."]
    ]


class PathStepOutput(TypedDict):
    """A stretch of the cascade's best path, on one level."""

    level: Annotated[str, "H (units), C (context), M (fusion), D (discourse) or L∘G (lexicon and grammar)."]
    first: Annotated[int, "First frame of the stretch, at the frame rate of the features."]
    last: Annotated[int, "The frame after its last one."]
    reads: Annotated[list[str], "Labels that the level reads."]
    writes: Annotated[list[str], "Labels that it writes; empty on H."]
    cost: Annotated[float, "Cost of this level alone, nats; 0 on H."]


class ClipOutput(TypedDict):
    """A translated clip."""

    path: Annotated[str, "The clip's path, as it was given."]
    seconds: Annotated[float, "Length of the clip, seconds."]
    glosses: Annotated[list[str], "The glosses in signing order."]
    tokens: Annotated[list[TokenOutput], "The same glosses with times, confidences and runners-up."]
    whole: NotRequired[
        Annotated[bool, "Only there if false: no path reached the end of the grammar, and this is the best partial reading."]
    ]
    explanation: NotRequired[Annotated[list[PathStepOutput], "With `--explain`: the cascade's best path, level by level."]]


class ModelOutput(TypedDict):
    """The model that read the clips."""

    name: Annotated[str, "Its name, or that of its bundle."]
    weights: Annotated[str, "SHA-256 of the weights that it was trained to; equal for a model and its bundle."]


class FailedClipOutput(TypedDict):
    """A clip that could not be translated."""

    path: Annotated[str, "The clip's path, as it was given."]
    reason: Annotated[str, "A stable identifier, see [reasons](exit-codes.md#reasons-why-a-clip-cannot-be-used)."]
    message: Annotated[str, "One line for the user."]


class TranslateOutput(TypedDict):
    """What `asl translate` writes with `--format json`, and in each line with `--format jsonl`."""

    version: Annotated[int, "Version of this schema."]
    asl: Annotated[str, "Version of asl."]
    command: Annotated[Literal["translate"], "The command that wrote it."]
    model: Annotated[ModelOutput, "The model that read the clips."]
    decoder: Annotated[str, "`greedy`, `ctc-beam` or `cascade`; `isolated` with `--isolated`."]
    clips: Annotated[list[ClipOutput], "The clips that could be translated, in the order of the command line."]
    failed: Annotated[list[FailedClipOutput], "The clips that could not."]


class LiveWordOutput(TypedDict):
    """One line of `asl translate --live`, `--camera` or `--stream` with `--format json`: a gloss that is final."""

    version: Annotated[int, "Version of this schema."]
    asl: Annotated[str, "Version of asl."]
    model: Annotated[ModelOutput, "The model that read the stream."]
    decoder: Annotated[str, "`greedy`, `ctc-beam` or `cascade`."]
    gloss: Annotated[str, "The gloss."]
    start: Annotated[float, "Start of the sign, seconds on the clock of the stream, rounded to milliseconds."]
    end: Annotated[float, "End of the sign, likewise."]
    confidence: Annotated[float, "As in a translated clip, 0-1."]
    delay_ms: Annotated[
        float, "Milliseconds from the end of the sign until its gloss was first shown; negative if it was shown before the end."
    ]
    runners_up: Annotated[list[RunnerUp], "The next-best glosses of the same frames, best first."]
