"""Settings of reading: the cascade and the decoders."""

from dataclasses import dataclass

from asl.pipelines.workspace.settings.fields import setting


@dataclass(frozen=True)
class GraphSettings:
    """The cascade H∘C∘M∘D∘L∘G (asl build-fst)."""

    text: list[str] = setting([], "Text files of glosses, one sentence a line, for the language model G.")
    arpa: str = setting("", "An ARPA file to take as G in place of a text.")
    order: int = setting(3, "Order of G: how many glosses it looks at.", low=1, high=5)
    text_share: float = setting(
        -1.0,
        "Share of the text in G beside the training clips' glosses, 0-1; -1 finds it on validation sentences.",
        low=-1,
        high=1,
    )
    lexicon: str = setting(
        "", "Signs that no clip shows get units from synthetic signers: everyday, invented, or a CSV file (ASL-LEX, one's own)."
    )
    lexicon_signs: int = setting(0, "Take the first N signs of that lexicon; 0 takes all (100 where they are invented).", low=0)
    names: list[str] = setting(
        [], "Text files of names, one a line, that are read when fingerspelled, besides those of the clips."
    )
    letters: bool = setting(False, "Read names that nobody listed letter by letter, where clips with marked letters taught them.")
    letter_cost: float = setting(2.0, "Cost of each such letter, nats.", low=-100, high=100)
    stays: int = setting(3, "Units of a sign at most: hold, movement, hold.", low=1, high=9)
    units: int = setting(0, "Units shared by all signs; 0 leaves every sign its own.", low=0, high=1_000_000)
    variants: int = setting(2, "Ways of signing that are told apart in the clips of a gloss, at most.", low=1, high=8)
    tune: bool = setting(True, "Find the five settings below on the validation clips, where there are any.")
    shortest: float = setting(0.5, "Share of its mean time that a unit lasts at least, 0-1.", low=0, high=1)
    longest: float = setting(0.0, "Times its mean time that a unit lasts at most; 0 sets no end.", low=0, high=100)
    encoder_weight: float = setting(0.6, "Weight of the encoder's log-probabilities.", low=0, high=10)
    code_weight: float = setting(0.1, "Weight of the units' code tables.", low=0, high=10)
    density_weight: float = setting(
        0.0, "Weight of Gaussians of the frames of each unit, for data of few signers; 0 makes none.", low=0, high=10
    )
    language_weight: float = setting(1.0, "Weight of G.", low=0, high=20)
    penalty: float = setting(0.0, "Cost of each gloss, nats; below 0 it is a reward.", low=-100, high=100)
    discourse: bool = setting(True, "Follow loci: points and agreement verbs refer to whom a point introduced.")
    fusion: bool = setting(True, "Read fused signs back as verb and object.")
    fusion_margin: float = setting(0.0, "What a fused reading must win by, nats.", low=0, high=100)
    assimilation: float = setting(
        0.0,
        "Cost of taking the handshape before at the same place, nats a mean distance of handshapes; 0 is off.",
        low=0,
        high=100,
    )
    reduction: float = setting(0.0, "Cost of a movement that is not made, nats; 0 is off.", low=0, high=100)
    anticipation: float = setting(
        0.0, "Cost of being at the next sign's place already, nats a mean distance of places; 0 is off.", low=0, high=100
    )
    prune: float = setting(0.0, "Drop what costs so much more than the best path, nats; 0 keeps all.", low=0)
    max_memory: float = setting(8.0, "Most memory that building may take, GB.", low=0.01)


@dataclass(frozen=True)
class DecodeSettings:
    """From log-probabilities to glosses."""

    decoder: str = setting(
        "ctc-beam", "How glosses are read off; the cascade has to be built first.", choices=("greedy", "ctc-beam", "cascade")
    )
    graph_beam: float = setting(14.0, "How much worse than the best a path of the cascade may be, nats.", low=0.1, high=1000)
    most_active: int = setting(7000, "Hypotheses of the cascade kept a frame.", low=10, high=10_000_000)
    beam: int = setting(8, "Prefixes kept a frame by ctc-beam.", low=1, high=1000)
    insertion_penalty: float = setting(
        2.0, "Cost of each gloss that ctc-beam reads, nats; more gives fewer glosses.", low=0, high=100
    )
    mirror_average: bool = setting(True, "Score each clip also mirrored and take the mean: left-handed signers count the same.")
    runners_up: int = setting(3, "Next-best glosses shown beside each.", low=0, high=100)
