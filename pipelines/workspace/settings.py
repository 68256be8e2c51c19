"""Every setting of the workspace: one frozen dataclass a section of asl.toml, one line of meaning a field.

The fields are the single source: asl.toml's comments, the command line's options and `asl status --settings` come from
them. A value is taken from the flag, else the environment (ASL_<SECTION>_<KEY>), else asl.toml, else the recipe that the
section names, else the default.
"""

import difflib
import os
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, get_args, get_origin

from asl.pipelines.workspace.errors import BadInput


def setting(default: Any, help: str, *, choices: tuple = (), low: float | None = None, high: float | None = None, flag: str = ""):
    """A field with its meaning, unit and effect in one line, and the values it may take."""
    metadata = {"help": help, "choices": choices, "low": low, "high": high, "flag": flag}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class SourceSettings:
    """Where clips come from. Sources can be combined; relative paths count from the current folder."""

    videos: list[str] = setting([], "Folders of gloss/clip.mp4; any container that can be decoded.")
    manifest: list[str] = setting([], "CSV or JSONL files: path, gloss, and optionally signer, group, split, start, end.")
    wlasl: list[str] = setting([], "WLASL metadata: the full JSON, or an nslt_*.json beside wlasl_class_list.txt.")
    video_root: str = setting("", "Folder of the WLASL videos, <video_id>.mp4.")
    vocab_size: int = setting(0, "WLASL: keep the first N glosses; 0 keeps all.", low=0)
    min_samples_per_gloss: int = setting(1, "WLASL: leave out glosses with fewer videos at hand than this.", low=1)
    poses: list[str] = setting([], "Folders of .pose files, named by --pattern or laid out as gloss/clip.pose.")
    pattern: str = setting("{group}__{gloss}__{clip}", "How .pose file names are read: {gloss} {group} {signer} {clip}.")
    landmarks: list[str] = setting([], "Landmark arrays, .npz.")
    layout: str = setting("", "Layout of the .npz arrays: a built-in name or a TOML file; empty goes by their width.")
    synthetic: bool = setting(False, "Clips of synthetic signers, by the settings below.")
    annotations: str = setting("", "Folder of ELAN .eaf files beside the videos: <video name>.eaf.")
    gloss_tier: str = setting("gloss", "ELAN tier that holds the glosses; letter case does not count.")


@dataclass(frozen=True)
class SyntheticSettings:
    """Synthetic signers (asl extract --synthetic): made by rule, with exact truth. Figures on them are no accuracy on ASL."""

    lexicon: str = setting(
        "everyday", "The signs: everyday (built in), invented (up to 10,000), or a CSV file, of ASL-LEX 2.0 or of one's own."
    )
    signs: int = setting(0, "Take the first N signs of the lexicon; 0 takes all (100 where they are invented).", low=0)
    clips: int = setting(8, "Clips of each sign, taken in turn by the signers.", low=0, high=100_000)
    sentences: int = setting(0, "Sentences, taken in turn by the signers.", low=0, high=10_000_000)
    signers: int = setting(4, "How many signers.", low=1, high=10_000)
    first_signer: int = setting(0, "Number of the first signer; signers of other numbers are other people.", low=0)
    video: bool = setting(False, "Render videos and let MediaPipe look at them; otherwise landmarks are made at once.")
    noise: bool = setting(True, "Landmarks as a detector finds them, with jitter and lost hands; off gives the truth.")
    synthetic_fps: float = setting(25.0, "Frames per second of synthetic clips.", low=5, high=120)
    synthetic_seed: int = setting(0, "Seed of signers, performances and sentences.", low=0)


@dataclass(frozen=True)
class LandmarkSettings:
    """How MediaPipe Holistic looks at a clip. Changing one of these runs MediaPipe again."""

    complexity: int = setting(1, "MediaPipe's model complexity; 1 is the one that comes with the package.", choices=(1,))
    detection_confidence: float = setting(0.5, "Least confidence of a detection, 0-1.", low=0, high=1)
    tracking_confidence: float = setting(0.5, "Least confidence to go on tracking, 0-1.", low=0, high=1)
    max_side: int = setting(1280, "Larger pictures are scaled down to this many pixels a side first.", low=64)
    max_minutes: float = setting(30.0, "Longer clips are refused, minutes.", low=0)
    workers: int = setting(0, "Worker processes; 0 takes one a core.", low=0)
    time_limit: float = setting(
        60.0, "A clip that takes longer is tried once more and then given up, minutes; 0 waits for ever.", low=0
    )
    face_mesh: bool = setting(True, "Store the points of the face; without them what the face says is lost to every model.")
    anonymise: bool = setting(
        False, "Store only the points that the features need, and no pictures; what is left still tells signers apart."
    )


@dataclass(frozen=True)
class ClusterSettings:
    """Other machines: a dask cluster that sees the workspace and the sources under the same paths."""

    cluster: str = setting("", "Address of a dask scheduler, tcp://host:port, whose workers do the work; empty: processes here.")


@dataclass(frozen=True)
class StudySettings:
    """Many runs compared: ablate and scale."""

    run_limit: float = setting(
        0.0, "A run that takes longer is tried once more and then given up, hours; 0 waits for ever.", low=0
    )


@dataclass(frozen=True)
class SplitSettings:
    """Which clips train, validate and test."""

    by: str = setting(
        "auto",
        "auto takes the data set's own split, else groups or signers, else random with a warning.",
        choices=("auto", "given", "group", "random"),
        flag="--split-by",
    )
    test_share: float = setting(0.15, "Share of the clips to test on, 0-1, where the data set gives no split.", low=0, high=0.9)
    validation_share: float = setting(0.1, "Share of the clips for validation, 0-1, likewise.", low=0, high=0.9)
    test_groups: list[str] = setting([], "Groups (sources, signers) to hold out as the test split.")
    validation_groups: list[str] = setting([], "Groups to hold out for validation.")
    split_seed: int = setting(0, "Seed of the split where it is drawn.")
    drop_duplicates: bool = setting(
        False, "Leave out of training what has a copy in validation or test, and of validation what has one in test."
    )
    allow_duplicates: bool = setting(False, "Go on although a clip, or a copy of it, lies in two splits.")


@dataclass(frozen=True)
class FeatureSettings:
    """What the encoder sees."""

    features: str = setting("phon36", "Feature set.", choices=("phon36", "landmarks", "phon36+landmarks"))
    parts: str = setting(
        "hands+face+body",
        "What is seen of the signer; the rest counts as absent. Where the hands are is told from the shoulders in any case.",
        choices=("hands+face+body", "hands+face", "hands+body", "face+body", "hands", "face", "body"),
    )
    fps: float = setting(25.0, "Frames per second that every clip is resampled to.", low=5, high=120)
    depth: bool = setting(False, "Turn the signer frame in depth as well (yaw); off turns in the image plane only (roll).")
    causal_features: bool = setting(
        False,
        "As a stream sees them: size and turn from the frames before, gaps of a hand left open; for --encoder tcn or --causal.",
    )


@dataclass(frozen=True)
class EncoderSettings:
    """The network between features and scores; stages that hand weights on need the same one."""

    encoder: str = setting("bilstm", "Encoder; tcn is causal, for streams.", choices=("bilstm", "tcn", "conv-attention"))
    causal: bool = setting(False, "conv-attention that looks at no later frame, for streams.")
    hidden: int = setting(0, "Units (LSTM: a direction) or channels; 0 goes by the vocabulary.", low=0, high=4096)
    layers: int = setting(
        0,
        "LSTM layers, tcn convolutions, or stages of three convolutions and an attention; 0 goes by the vocabulary.",
        low=0,
        high=8,
    )


@dataclass(frozen=True)
class PhonologySettings:
    """Phonological classes that clips are labelled with beside their glosses."""

    asl_lex: str = setting("", "ASL-LEX 2.0 sign data (CSV): each sign's handshape, locations, movement and type by its gloss.")


@dataclass(frozen=True)
class PretrainSettings:
    """Pre-training without glosses (stage 1). Ranges are those of training's."""

    epochs: int = setting(40, "Passes over the clips.", low=1)
    batch_size: int = setting(32, "Clips a step; each is compared with all others of its batch.", low=2)
    learning_rate: float = setting(1e-3, "Peak learning rate; it warms up and then falls along a cosine.", low=0)
    weight_decay: float = setting(1e-2, "Decoupled weight decay (AdamW).", low=0)
    clip_gradient: float = setting(1.0, "Largest norm of the gradient.", low=0)
    dropout: float = setting(0.1, "Dropout before and after the encoder's body, 0-1.", low=0, high=0.95)
    phonology: float = setting(1.0, "Weight of the phonological part: prototypes of hidden frames, and labels.", low=0)
    crop: float = setting(0.3, "Up to this share of a clip is cut off its ends in a view.", low=0, high=0.9)
    speed: float = setting(0.2, "Views are replayed up to this much slower or faster.", low=0, high=0.9)
    noise: float = setting(0.05, "Noise added to the standardised features, standard deviations.", low=0)
    rotate: float = setting(10.0, "Views are turned by up to this many degrees.", low=0, high=90)
    scale: float = setting(0.15, "Views are made up to this share larger or smaller.", low=0, high=0.9)
    shift: float = setting(0.1, "Views are moved by up to this many shoulder widths.", low=0, high=2)
    time_mask: float = setting(0.2, "Longest stretch hidden, share of the clip; two a view.", low=0, high=1)
    frame_mask: float = setting(0.0, "Up to this share of single frames is hidden, 0-1.", low=0, high=1)
    part_mask: float = setting(0.3, "Share of views in which a hand, the face or the body is hidden for a while.", low=0, high=1)
    mirror: float = setting(0.5, "Share of views shown mirrored, 0-1.", low=0, high=1)
    seed: int = setting(0, "Seed of weights, order and views.", low=0)
    device: str = setting("auto", "Where to compute.", choices=("auto", "cpu", "cuda"))
    threads: int = setting(0, "CPU threads; 0 leaves the choice to torch.", low=0)


@dataclass(frozen=True)
class TrainSettings:
    """CTC training (stage 2)."""

    recipe: str = setting(
        "light",
        "A named set of the values below: light, fast and small; strong, many epochs of strongly varied clips.",
        choices=("light", "strong"),
    )
    members: int = setting(
        1, "Recognisers trained from different seeds whose scores are averaged: surer, at as many times the cost.", low=1, high=32
    )
    dropout: float = setting(
        0.4, "Dropout before and after the encoder's body, 0-1 (inside conv-attention half of it).", low=0, high=0.95
    )
    late_dropout: float = setting(
        0.0,
        "Share of channels dropped before the head in the later epochs, 0-1: forces many ways to know a sign.",
        low=0,
        high=0.95,
    )
    late_from: float = setting(
        0.15, "Share of the epochs after which late dropout and adversarial weights begin, 0-1.", low=0, high=1
    )
    drop_path: float = setting(
        0.0, "Share of clips that skip a block of the encoder, 0-1: an ensemble of shallower ones.", low=0, high=0.9
    )
    adversarial: float = setting(
        0.0,
        "Weights are also trained moved this far, in their norms, to where the loss is higher: flat minima, twice the time.",
        low=0,
        high=1,
    )
    average: float = setting(
        0.0, "Keep the mean of the weights over this last share of the epochs, 0-1, in place of the best epoch's.", low=0, high=1
    )
    epochs: int = setting(60, "Passes over the training clips.", low=1)
    batch_size: int = setting(16, "Clips a step.", low=1)
    accumulate: int = setting(
        1, "Batches whose gradients are summed before a step, one after another or shared out among the devices.", low=1
    )
    learning_rate: float = setting(4e-3, "Peak learning rate; it warms up and then falls along a cosine.", low=0)
    weight_decay: float = setting(1e-2, "Decoupled weight decay (AdamW).", low=0)
    label_smoothing: float = setting(0.1, "Weight of the cross-entropy against the uniform distribution.", low=0, high=1)
    discriminative: float = setting(
        0.5, "Share of the loss that ranks the right gloss of one-sign clips against all others, 0-1.", low=0, high=1
    )
    label_prior: float = setting(
        0.3,
        "Power of the label shares that scores are divided by: holds off blank collapse, lets losses be negative; 0 is off.",
        low=0,
        high=1,
    )
    phonology: float = setting(0.3, "Weight of the phonological classes of clips that have them (level 2, ASL-LEX).", low=0)
    boundaries: float = setting(0.3, "Weight of the boundaries of clips that have them (level 1).", low=0)
    frames: float = setting(
        0.0, "Weight of naming, beside CTC, the gloss of every frame of clips whose signs are marked in time (level 1).", low=0
    )
    clip_gradient: float = setting(1.0, "Largest norm of the gradient.", low=0)
    patience: int = setting(20, "Epochs without a better validation score before stopping; 0 never stops early.", low=0)
    min_clips: int = setting(1, "Glosses with fewer training clips are left out of the vocabulary.", low=1)
    mirror: float = setting(0.5, "Share of training clips shown mirrored, 0-1.", low=0, high=1)
    speed: float = setting(0.25, "Training clips are replayed up to this much slower or faster.", low=0, high=0.9)
    noise: float = setting(0.1, "Noise added to the standardised features, standard deviations.", low=0)
    time_mask: float = setting(0.2, "Longest stretch hidden, share of the clip; two a clip.", low=0, high=1)
    frame_mask: float = setting(0.0, "Up to this share of single frames is hidden, 0-1: detectors lose frames.", low=0, high=1)
    part_mask: float = setting(
        0.0, "Share of clips in which a hand, the face or the body is hidden for a while: no part may be needed.", low=0, high=1
    )
    crop: float = setting(
        0.0, "Up to this share of a training clip is cut off its ends: recordings start anywhere.", low=0, high=0.9
    )
    rotate: float = setting(
        0.0, "Training clips are turned by up to this many degrees: cameras and signers lean.", low=0, high=90
    )
    scale: float = setting(0.0, "Training clips are made up to this share larger or smaller: bodies differ.", low=0, high=0.9)
    shift: float = setting(0.0, "Training clips are moved by up to this many shoulder widths: so do shoulders.", low=0, high=2)
    seed: int = setting(0, "Seed of weights, order and augmentation.", low=0)
    device: str = setting("auto", "Where to compute.", choices=("auto", "cpu", "cuda"))
    threads: int = setting(0, "CPU threads; 0 leaves the choice to torch.", low=0)
    devices: int = setting(
        1, "Processes a machine, with CUDA each on a card of its own, that train together; a batch a step each.", low=1, high=1024
    )
    nodes: int = setting(1, "Machines that train together; the same command is started on each.", low=1, high=4096)


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
class Stage3Settings:
    """Discriminative training through the cascade (stage 3). Ranges are those of training's."""

    criterion: str = setting(
        "mmi",
        "mmi, how likely the reference is among what competes with it; risk, the word errors expected among these; "
        "ctc, stage 2's loss alone: the control that tells what the competition is worth.",
        choices=("mmi", "risk", "ctc"),
    )
    epochs: int = setting(10, "Passes over the training clips.", low=1)
    batch_size: int = setting(16, "Clips a step.", low=1)
    learning_rate: float = setting(1e-3, "Peak learning rate; it warms up and then falls along a cosine.", low=0)
    weight_decay: float = setting(1e-2, "Decoupled weight decay (AdamW).", low=0)
    clip_gradient: float = setting(1.0, "Largest norm of the gradient.", low=0)
    average: float = setting(
        0.99, "What is kept is a mean of the weights, of which each step leaves this share as it was, 0-1.", low=0, high=0.9999
    )
    dropout: float = setting(0.4, "Dropout before and after the encoder's body, 0-1.", low=0, high=0.95)
    n_best: int = setting(8, "Gloss strings that compete in a clip, at most.", low=1, high=1000)
    lattice_beam: float = setting(12.0, "How much worse than the best they may be, nats.", low=0.1, high=1000)
    margin: float = setting(1.0, "Nats that each word error of a competitor is made likelier by (boosted MMI).", low=0, high=100)
    sharpness: float = setting(0.5, "Power of the hypotheses' probabilities.", low=0.01, high=10)
    ctc: float = setting(0.1, "Weight of the CTC loss of stage 2 beside it: what was learned is not forgotten.", low=0)
    segmentation: float = setting(0.3, "Weight of the boundaries of clips that have them (level 1).", low=0)
    phonology: float = setting(0.3, "Weight of the phonological classes of clips that have them (level 2).", low=0)
    locus: float = setting(0.3, "Weight of the choice among bound loci in points that are marked in time.", low=0)
    fusion: float = setting(0.3, "Weight of the gate that tells fused signs from plain ones, where they are marked.", low=0)
    fusion_temperature: float = setting(
        4.0, "The gate's say is divided by this at first, and by ever less down to 1: it has to learn first.", low=1, high=100
    )
    balance: float = setting(
        0.5, "GradNorm's alpha: how much losses that lag behind are favoured; -1 leaves the weights as they are.", low=-1, high=10
    )
    mirror: float = setting(0.5, "Share of training clips shown mirrored, 0-1.", low=0, high=1)
    speed: float = setting(0.25, "Training clips are replayed up to this much slower or faster.", low=0, high=0.9)
    noise: float = setting(0.2, "Noise added to the standardised features, standard deviations.", low=0)
    time_mask: float = setting(0.2, "Longest stretch hidden, share of the clip; two a clip.", low=0, high=1)
    frame_mask: float = setting(0.2, "Up to this share of single frames is hidden, 0-1.", low=0, high=1)
    part_mask: float = setting(0.2, "Share of clips in which a hand, the face or the body is hidden for a while.", low=0, high=1)
    crop: float = setting(0.0, "Up to this share of a training clip is cut off its ends.", low=0, high=0.9)
    rotate: float = setting(10.0, "Training clips are turned by up to this many degrees.", low=0, high=90)
    scale: float = setting(0.15, "Training clips are made up to this share larger or smaller.", low=0, high=0.9)
    shift: float = setting(0.1, "Training clips are moved by up to this many shoulder widths.", low=0, high=2)
    workers: int = setting(0, "Processes that search for what competes; 0 takes one a core.", low=0, high=1024)
    seed: int = setting(0, "Seed of order, dropout and augmentation.", low=0)
    device: str = setting("auto", "Where to compute.", choices=("auto", "cpu", "cuda"))
    threads: int = setting(0, "CPU threads; 0 leaves the choice to torch.", low=0)


@dataclass(frozen=True)
class ExportSettings:
    """Bundles, for programs that have no torch (asl export)."""

    int8: bool = setting(False, "Weights of matrices and LSTMs in INT8: a quarter of the size, faster.")
    most_drop: float = setting(1.0, "Points of top-1 that INT8 may lose on the clips that it is checked on.", low=0, high=100)
    prune: float = setting(
        0.0, "Cut out this share of the units, train a little more; the smaller model stays below models/.", low=0, high=0.9
    )
    recovery_epochs: int = setting(10, "Passes over the training clips after pruning.", low=1)
    prune_graph: float = setting(0.0, "Drop what costs the cascade so much more than its best path, nats; 0 keeps all.", low=0)
    check_clips: int = setting(200, "Clips that a bundle is compared with torch on, at most.", low=1, high=100_000)


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


#: What a recipe sets where neither flag, environment nor file says otherwise.
RECIPES: dict[str, dict[str, Any]] = {
    "light": {},
    "strong": {
        "members": 3,
        "epochs": 160,
        "patience": 0,
        "discriminative": 0.9,
        "average": 0.2,
        "drop_path": 0.1,
        "speed": 0.5,
        "crop": 0.2,
        "rotate": 10.0,
        "scale": 0.15,
        "shift": 0.1,
        "frame_mask": 0.2,
        "part_mask": 0.2,
    },
}


SECTIONS: dict[str, type] = {
    "sources": SourceSettings,
    "synthetic": SyntheticSettings,
    "landmarks": LandmarkSettings,
    "cluster": ClusterSettings,
    "study": StudySettings,
    "split": SplitSettings,
    "features": FeatureSettings,
    "encoder": EncoderSettings,
    "phonology": PhonologySettings,
    "pretrain": PretrainSettings,
    "train": TrainSettings,
    "graph": GraphSettings,
    "stage3": Stage3Settings,
    "decode": DecodeSettings,
    "export": ExportSettings,
}


@dataclass(frozen=True)
class Origin:
    """A resolved value and where it came from: flag, environment, file, recipe or default."""

    value: Any
    origin: str


def resolve(section: str, file: Mapping[str, Any], flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ):
    """One section's settings: flag, else environment, else file, else default. Raises BadInput, naming the key."""
    return SECTIONS[section](**{key: got.value for key, got in origins(section, file, flags, environ).items()})


def origins(
    section: str, file: Mapping[str, Any], flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ
) -> dict[str, Origin]:
    """Each key of a section with its value and where it came from."""
    known = {f.name: f for f in fields(SECTIONS[section])}
    for key in file:
        if key not in known:
            raise BadInput(f"asl.toml: [{section}] has no setting '{key}'", nearest_hint(key, known))
    found: dict[str, Origin] = {}
    preset: Mapping[str, Any] = {}
    for name, spec in known.items():
        variable = environment_name(section, name)
        if flags.get(name) is not None:
            found[name] = Origin(_checked(spec, flags[name], option_name(spec)), "flag")
        elif variable in environ:
            found[name] = Origin(_checked(spec, parsed(spec, environ[variable], variable), variable), "environment")
        elif name in file:
            found[name] = Origin(_checked(spec, _plain(file[name]), f"asl.toml: [{section}] {name}"), "file")
        elif name in preset:
            found[name] = Origin(preset[name], "recipe")
        else:
            found[name] = Origin(default_of(spec), "default")
        if name == "recipe":  # the first field of its section, so that the others find its values
            preset = RECIPES[found[name].value]
    return found


def environment_name(section: str, key: str) -> str:
    return f"ASL_{section}_{key}".upper()


def option_name(spec) -> str:
    return spec.metadata["flag"] or "--" + spec.name.replace("_", "-")


def default_of(spec) -> Any:
    return spec.default if spec.default is not MISSING else spec.default_factory()


def nearest_hint(word: str, known) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(sorted(known))}"


def _plain(value: Any) -> Any:
    """A tomlkit value as the plain Python one."""
    return value.unwrap() if hasattr(value, "unwrap") else value


def parsed(spec, text: str, name: str) -> Any:
    """A setting's value from text. Raises BadInput, naming it."""
    if get_origin(spec.type) is list:
        return [part for part in text.split(os.pathsep) if part]
    if spec.type is bool:
        words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
        if text.lower() not in words:
            raise BadInput(f"{name} is '{text}', not true or false", f"set {name}=true or {name}=false")
        return words[text.lower()]
    try:
        return spec.type(text)
    except ValueError as error:
        raise BadInput(f"{name} is '{text}', not a {spec.type.__name__}", f"default: {default_of(spec)}") from error


def _checked(spec, value: Any, name: str) -> Any:
    value = float(value) if spec.type is float and isinstance(value, int) and not isinstance(value, bool) else value
    if not _is_a(value, spec.type):
        wanted = "list of texts" if get_origin(spec.type) is list else spec.type.__name__
        raise BadInput(f"{name} must be a {wanted}, got {value!r}", f"default: {default_of(spec)!r}")
    choices, low, high = (spec.metadata[key] for key in ("choices", "low", "high"))
    if choices and value not in choices:
        hint = nearest_hint(value, choices) if isinstance(value, str) else f"known: {', '.join(map(str, choices))}"
        raise BadInput(f"{name} cannot be {value!r}", hint)
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        bounds = f"at least {low}" if high is None else f"between {low} and {high}"
        raise BadInput(f"{name} is {value}", f"it must be {bounds}")
    return value


def _is_a(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, types.GenericAlias):
        return isinstance(value, list) and all(isinstance(item, get_args(wanted)[0]) for item in value)
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


def example_toml() -> str:
    """A fully commented asl.toml in which every setting stands at its default."""
    lines = [
        "# The workspace of `asl`. Settings stand here, commented out at their defaults; uncomment one to change it.",
        "# Order: flag, environment (ASL_<SECTION>_<KEY>), this file, default. `asl status --settings` shows each origin.",
        "# The [state.*] tables at the end are written by asl: what each stage ran on, what it wrote, how it went.",
        "",
        "version = 1",
    ]
    for section, kind in SECTIONS.items():
        lines += ["", f"[{section}]", *(f"# {line}" for line in kind.__doc__.split("\n") if line)]
        for spec in fields(kind):
            choices = spec.metadata["choices"]
            words = f" One of: {', '.join(map(str, choices))}." if len(choices) > 1 else ""
            lines += [f"# {spec.metadata['help']}{words}", f"# {spec.name} = {_toml(default_of(spec))}"]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)
