"""Settings of the cascade, of the choice of a model, and of the decoders."""

from dataclasses import dataclass

from asl.pipelines.workspace.settings.fields import setting


@dataclass(frozen=True)
class GraphSettings:
    """The cascade H∘C∘M∘D∘L∘G (asl build-fst)."""

    text: list[str] = setting([], "Text files of glosses, one sentence per line, for the language model G.")
    arpa: str = setting("", "An ARPA file to use as G instead of text.", rare=True)
    order: int = setting(3, "Order of the n-gram model G.", low=1, high=5)
    text_share: float = setting(
        -1.0,
        "Share of the text in G, the remainder being the glosses of the training clips, 0-1; -1 chooses it on "
        "validation sentences.",
        low=-1,
        high=1,
        rare=True,
    )
    lexicon: str = setting(
        "",
        "Lexicon of signs without clips, whose units come from synthetic signers: everyday, invented, or a CSV file "
        "(ASL-LEX or your own).",
    )
    lexicon_signs: int = setting(
        0, "Use only the first N signs of --lexicon; 0 uses all (100 if they are invented).", low=0, rare=True
    )
    names: list[str] = setting(
        [], "Text files of names, one per line, that are recognised when fingerspelled, in addition to those of the clips."
    )
    letters: bool = setting(False, "Read unlisted names letter by letter, if clips with marked letters exist to learn from.")
    letter_cost: float = setting(2.0, "Cost of each letter that is read with --letters, nats.", low=-100, high=100, rare=True)
    stays: int = setting(3, "Maximum number of units per sign; 3 are a hold, a movement and a hold.", low=1, high=9, rare=True)
    units: int = setting(
        0, "Number of units shared by all signs; 0 gives every sign units of its own.", low=0, high=1_000_000, rare=True
    )
    variants: int = setting(
        2, "Maximum number of variants of a sign that are distinguished in the clips of a gloss.", low=1, high=8, rare=True
    )
    tune: bool = setting(
        True,
        "Tune shortest, encoder_weight, code_weight, language_weight and penalty on the validation clips, if there are any.",
        rare=True,
    )
    shortest: float = setting(0.5, "Minimum duration of a unit, as a share of its mean duration, 0-1.", low=0, high=1, rare=True)
    longest: float = setting(
        0.0, "Maximum duration of a unit, as a multiple of its mean duration; 0: no maximum.", low=0, high=100, rare=True
    )
    encoder_weight: float = setting(0.6, "Weight of the encoder's log-probabilities.", low=0, high=10, rare=True)
    code_weight: float = setting(0.1, "Weight of the units' code tables.", low=0, high=10, rare=True)
    density_weight: float = setting(
        0.0,
        "Weight of Gaussian emissions, fitted to the frames of each unit, for data of few signers; 0: none.",
        low=0,
        high=10,
        rare=True,
    )
    language_weight: float = setting(1.0, "Weight of the language model G.", low=0, high=20, rare=True)
    penalty: float = setting(0.0, "Cost per gloss, nats; a negative cost is a reward.", low=-100, high=100, rare=True)
    discourse: bool = setting(
        True, "Track loci: pointing signs and agreement verbs refer to the person whom an earlier pointing sign introduced."
    )
    fusion: bool = setting(True, "Decompose fused signs into verb and object.")
    fusion_margin: float = setting(0.0, "Margin by which a fused reading must win, nats.", low=0, high=100, rare=True)
    assimilation: float = setting(
        0.0,
        "Cost of keeping the previous handshape at the same location, nats per mean distance of handshapes; 0: off.",
        low=0,
        high=100,
        rare=True,
    )
    reduction: float = setting(0.0, "Cost of omitting a movement, nats; 0: off.", low=0, high=100, rare=True)
    anticipation: float = setting(
        0.0,
        "Cost of being at the next sign's location early, nats per mean distance of locations; 0: off.",
        low=0,
        high=100,
        rare=True,
    )
    prune: float = setting(0.0, "Prune paths that cost this much more than the best path, nats; 0 keeps all.", low=0, rare=True)
    max_memory: float = setting(8.0, "Maximum memory for building, GB.", low=0.01, rare=True)


@dataclass(frozen=True)
class ModelSettings:
    """The model with which clips are translated; asl models lists them and sets the default."""

    default: str = setting(
        "",
        "Model that translate, evaluate, export and profile use: a name in models/ or bundles/, or shipped, the one that comes "
        "with asl. Empty: the newest.",
        flag="--model",
    )


@dataclass(frozen=True)
class DecodeSettings:
    """Decoding: from log-probabilities to glosses."""

    decoder: str = setting(
        "ctc-beam", "The decoder; cascade needs a graph built with asl build-fst.", choices=("greedy", "ctc-beam", "cascade")
    )
    graph_beam: float = setting(
        14.0, "Beam of the cascade: how much worse than the best a path may be, nats.", low=0.1, high=1000, rare=True
    )
    most_active: int = setting(
        7000, "Maximum number of active hypotheses of the cascade per frame.", low=10, high=10_000_000, rare=True
    )
    beam: int = setting(8, "Number of prefixes that ctc-beam keeps per frame.", low=1, high=1000, rare=True)
    insertion_penalty: float = setting(
        2.0, "Cost of each gloss in ctc-beam, nats; a higher cost gives fewer glosses.", low=0, high=100
    )
    mirror_average: bool = setting(
        True, "Average the scores of each clip and its mirror image, so that left-handed signers are treated the same.", rare=True
    )
    runners_up: int = setting(3, "Number of next-best glosses shown for each gloss.", low=0, high=100)
