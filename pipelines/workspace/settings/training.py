"""Settings of everything that trains: encoders, the three stages, and how clips are varied."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from asl.pipelines.workspace.settings.fields import redefault, setting

if TYPE_CHECKING:
    from asl.models.features.augmentation import Augmentation


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
class AugmentationSettings:
    """How clips are varied while a model learns from them; each section has defaults of its own."""

    mirror: float = setting(0.5, "Share of clips shown mirrored, 0-1.", low=0, high=1)
    speed: float = setting(0.25, "Clips are replayed up to this share slower or faster.", low=0, high=0.9)
    noise: float = setting(0.1, "Noise added to the standardised features, standard deviations.", low=0)
    time_mask: float = setting(0.2, "Longest interval hidden, share of the clip; two a clip.", low=0, high=1)
    frame_mask: float = setting(0.0, "Up to this share of single frames is hidden, 0-1: detectors lose frames.", low=0, high=1)
    part_mask: float = setting(
        0.0, "Share of clips in which a hand, the face or the body is hidden for a while: no part may be needed.", low=0, high=1
    )
    crop: float = setting(0.0, "Up to this share of a clip is cut off its ends: recordings start anywhere.", low=0, high=0.9)
    rotate: float = setting(0.0, "Clips are turned by up to this many degrees: cameras and signers lean.", low=0, high=90)
    scale: float = setting(0.0, "Clips are made up to this share larger or smaller: bodies differ.", low=0, high=0.9)
    shift: float = setting(0.0, "Clips are moved by up to this many shoulder widths: so do shoulders.", low=0, high=2)

    @property
    def augmentation(self) -> "Augmentation":
        """These settings as the transformation that reads them."""
        from asl.models.features.augmentation import Augmentation  # numpy is not needed to show a help text

        return Augmentation(**{spec.name: getattr(self, spec.name) for spec in fields(AugmentationSettings)})


@dataclass(frozen=True)
class PretrainSettings(AugmentationSettings):
    """Pre-training without glosses (stage 1). Ranges are those of training's."""

    epochs: int = setting(40, "Passes over the clips.", low=1)
    batch_size: int = setting(32, "Clips a step; each is compared with all others of its batch.", low=2)
    learning_rate: float = setting(1e-3, "Peak learning rate; it warms up and then falls along a cosine.", low=0)
    weight_decay: float = setting(1e-2, "Decoupled weight decay (AdamW).", low=0)
    clip_gradient: float = setting(1.0, "Largest norm of the gradient.", low=0)
    dropout: float = setting(0.1, "Dropout before and after the encoder's body, 0-1.", low=0, high=0.95)
    phonology: float = setting(1.0, "Weight of the phonological part: prototypes of hidden frames, and labels.", low=0)
    seed: int = setting(0, "Seed of weights, order and views.", low=0)
    device: str = setting("auto", "Where to compute.", choices=("auto", "cpu", "cuda"))
    threads: int = setting(0, "CPU threads; 0 leaves the choice to torch.", low=0)
    speed: float = redefault(AugmentationSettings, "speed", 0.2)
    noise: float = redefault(AugmentationSettings, "noise", 0.05)
    part_mask: float = redefault(AugmentationSettings, "part_mask", 0.3)
    crop: float = redefault(AugmentationSettings, "crop", 0.3)
    rotate: float = redefault(AugmentationSettings, "rotate", 10.0)
    scale: float = redefault(AugmentationSettings, "scale", 0.15)
    shift: float = redefault(AugmentationSettings, "shift", 0.1)


@dataclass(frozen=True)
class TrainSettings(AugmentationSettings):
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
    seed: int = setting(0, "Seed of weights, order and augmentation.", low=0)
    device: str = setting("auto", "Where to compute.", choices=("auto", "cpu", "cuda"))
    threads: int = setting(0, "CPU threads; 0 leaves the choice to torch.", low=0)
    devices: int = setting(
        1, "Processes a machine, with CUDA each on a card of its own, that train together; a batch a step each.", low=1, high=1024
    )
    nodes: int = setting(1, "Machines that train together; the same command is started on each.", low=1, high=4096)


@dataclass(frozen=True)
class Stage3Settings(AugmentationSettings):
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
    workers: int = setting(0, "Processes that search for what competes; 0 takes one a core.", low=0, high=1024)
    seed: int = setting(0, "Seed of order, dropout and augmentation.", low=0)
    device: str = setting("auto", "Where to compute.", choices=("auto", "cpu", "cuda"))
    threads: int = setting(0, "CPU threads; 0 leaves the choice to torch.", low=0)
    noise: float = redefault(AugmentationSettings, "noise", 0.2)
    frame_mask: float = redefault(AugmentationSettings, "frame_mask", 0.2)
    part_mask: float = redefault(AugmentationSettings, "part_mask", 0.2)
    rotate: float = redefault(AugmentationSettings, "rotate", 10.0)
    scale: float = redefault(AugmentationSettings, "scale", 0.15)
    shift: float = redefault(AugmentationSettings, "shift", 0.1)
