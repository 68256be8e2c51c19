"""Settings of training: the encoder, the three stages and data augmentation."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from asl.pipelines.workspace.settings.fields import redefault, setting

if TYPE_CHECKING:
    from asl.models.features.augmentation import Augmentation

THREADS_HELP = "Number of CPU threads; 0: one for a network of under a million parameters, else torch's default."


@dataclass(frozen=True)
class EncoderSettings:
    """The encoder network. Stages that pass weights on need the same encoder."""

    encoder: str = setting(
        "bilstm", "Encoder architecture; tcn is causal, for streaming.", choices=("bilstm", "tcn", "conv-attention")
    )
    causal: bool = setting(False, "Use no later frames in conv-attention, for streaming.")
    hidden: int = setting(
        0, "Number of hidden units (LSTM: per direction) or channels; 0 chooses by vocabulary size.", low=0, high=4096, rare=True
    )
    layers: int = setting(
        0,
        "LSTM layers, tcn convolutions, or conv-attention stages (three convolutions and one attention each); 0 "
        "chooses by vocabulary size.",
        low=0,
        high=8,
        rare=True,
    )


@dataclass(frozen=True)
class PhonologySettings:
    """Phonological class labels of clips, in addition to their glosses."""

    asl_lex: str = setting(
        "", "ASL-LEX 2.0 sign data (CSV): handshape, locations, movement and type of each sign, looked up by gloss."
    )


@dataclass(frozen=True)
class AugmentationSettings:
    """Data augmentation in training; each section has its own defaults."""

    mirror: float = setting(0.5, "Share of clips that are mirrored, 0-1.", low=0, high=1, rare=True)
    speed: float = setting(0.25, "Clips are slowed down or sped up by up to this share.", low=0, high=0.9, rare=True)
    noise: float = setting(0.1, "Noise added to the standardised features, standard deviations.", low=0, rare=True)
    time_mask: float = setting(
        0.2, "Maximum length of a masked interval, as a share of the clip; two intervals per clip.", low=0, high=1, rare=True
    )
    frame_mask: float = setting(
        0.0, "Up to this share of individual frames is masked, 0-1, as detectors lose frames.", low=0, high=1, rare=True
    )
    part_mask: float = setting(
        0.0,
        "Share of clips in which a hand, the face or the body is masked for a while, 0-1, so that no part is indispensable.",
        low=0,
        high=1,
        rare=True,
    )
    crop: float = setting(
        0.0, "Up to this share of a clip is cropped from its ends, as recordings start anywhere.", low=0, high=0.9, rare=True
    )
    rotate: float = setting(
        0.0, "Clips are rotated by up to this many degrees, as cameras and signers tilt.", low=0, high=90, rare=True
    )
    scale: float = setting(
        0.0, "Clips are scaled up or down by up to this share, as body sizes differ.", low=0, high=0.9, rare=True
    )
    shift: float = setting(
        0.0, "Clips are shifted by up to this many shoulder widths, as shoulder positions differ.", low=0, high=2, rare=True
    )

    @property
    def augmentation(self) -> "Augmentation":
        """These settings as the Augmentation that applies them."""
        from asl.models.features.augmentation import Augmentation  # imports numpy, which a help text does not need

        return Augmentation(**{spec.name: getattr(self, spec.name) for spec in fields(AugmentationSettings)})


@dataclass(frozen=True)
class PretrainSettings(AugmentationSettings):
    """Pre-training without glosses (stage 1). Augmentation settings have the same meaning as in [train]."""

    epochs: int = setting(40, "Number of passes over the clips.", low=1)
    batch_size: int = setting(32, "Clips per batch; each is compared with all others of its batch.", low=2)
    learning_rate: float = setting(1e-3, "Peak learning rate; linear warm-up, then cosine decay.", low=0)
    weight_decay: float = setting(1e-2, "Decoupled weight decay (AdamW).", low=0, rare=True)
    clip_gradient: float = setting(1.0, "Maximum norm of the gradient.", low=0, rare=True)
    dropout: float = setting(0.1, "Dropout before and after the encoder's body, 0-1.", low=0, high=0.95, rare=True)
    phonology: float = setting(
        1.0, "Weight of the phonological losses: prototypes of masked frames, and labels.", low=0, rare=True
    )
    seed: int = setting(0, "Seed of the weights, the order of clips and the views.", low=0)
    device: str = setting("auto", "Device to train on.", choices=("auto", "cpu", "cuda"))
    threads: int = setting(0, THREADS_HELP, low=0, rare=True)
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
        "A preset for the other training settings: light is fast and small; strong trains many epochs with strong augmentation.",
        choices=("light", "strong"),
    )
    members: int = setting(
        1,
        "Number of recognisers trained with different seeds, whose scores are averaged: more reliable, at as many "
        "times the cost.",
        low=1,
        high=32,
    )
    dropout: float = setting(
        0.4, "Dropout before and after the encoder's body, 0-1 (half of it inside conv-attention).", low=0, high=0.95, rare=True
    )
    late_dropout: float = setting(
        0.0,
        "Share of channels dropped before the head in the later epochs, 0-1; forces the model to use several cues for a sign.",
        low=0,
        high=0.95,
        rare=True,
    )
    late_from: float = setting(
        0.15, "Share of the epochs after which late dropout and adversarial weights begin, 0-1.", low=0, high=1, rare=True
    )
    drop_path: float = setting(
        0.0, "Share of clips that skip an encoder block, 0-1: an ensemble of shallower networks.", low=0, high=0.9, rare=True
    )
    adversarial: float = setting(
        0.0,
        "Also train with weights moved this far, relative to their norms, towards a higher loss: finds flat minima, "
        "takes twice as long.",
        low=0,
        high=1,
        rare=True,
    )
    average: float = setting(
        0.0,
        "Average the weights over this last share of the epochs, 0-1, instead of keeping the best epoch.",
        low=0,
        high=1,
        rare=True,
    )
    epochs: int = setting(60, "Number of passes over the training clips.", low=1)
    batch_size: int = setting(16, "Clips per batch.", low=1)
    accumulate: int = setting(
        1,
        "Batches whose gradients are summed for each step, processed one after another or distributed over the devices.",
        low=1,
        rare=True,
    )
    learning_rate: float = setting(4e-3, "Peak learning rate; linear warm-up, then cosine decay.", low=0)
    weight_decay: float = setting(1e-2, "Decoupled weight decay (AdamW).", low=0, rare=True)
    label_smoothing: float = setting(
        0.1, "Weight of the cross-entropy against the uniform distribution.", low=0, high=1, rare=True
    )
    discriminative: float = setting(
        0.5,
        "Share of the loss that ranks the correct gloss of single-sign clips against all others, 0-1.",
        low=0,
        high=1,
        rare=True,
    )
    label_prior: float = setting(
        0.3,
        "Exponent of the label priors that scores are divided by: prevents blank collapse and lets losses be negative. 0: off.",
        low=0,
        high=1,
        rare=True,
    )
    phonology: float = setting(
        0.3, "Loss weight of phonological classes, for clips that have them (level 2, ASL-LEX).", low=0, rare=True
    )
    boundaries: float = setting(0.3, "Loss weight of sign boundaries, for clips that have them (level 1).", low=0, rare=True)
    frames: float = setting(
        0.0,
        "Loss weight of per-frame gloss classification beside CTC, for clips whose signs are marked in time (level 1).",
        low=0,
        rare=True,
    )
    clip_gradient: float = setting(1.0, "Maximum norm of the gradient.", low=0, rare=True)
    patience: int = setting(20, "Stop after this many epochs without a better validation score; 0 never stops early.", low=0)
    min_clips: int = setting(1, "Minimum training clips per gloss; glosses with fewer are left out of the vocabulary.", low=1)
    seed: int = setting(0, "Seed of the weights, the order of clips and the augmentation.", low=0)
    device: str = setting("auto", "Device to train on.", choices=("auto", "cpu", "cuda"))
    threads: int = setting(0, THREADS_HELP, low=0, rare=True)
    devices: int = setting(
        1,
        "Processes per machine that train together, each with a batch of its own per step; with CUDA, each on its own GPU.",
        low=1,
        high=1024,
        rare=True,
    )
    nodes: int = setting(1, "Machines that train together; start the same command on each.", low=1, high=4096, rare=True)


@dataclass(frozen=True)
class Stage3Settings(AugmentationSettings):
    """Discriminative training through the cascade (stage 3). Augmentation settings have the same meaning as in [train]."""

    criterion: str = setting(
        "mmi",
        "mmi: probability of the reference among its competitors; risk: expected word errors among them; ctc: the "
        "loss of stage 2 alone, a control that shows what the competitors contribute.",
        choices=("mmi", "risk", "ctc"),
    )
    epochs: int = setting(10, "Number of passes over the training clips.", low=1)
    batch_size: int = setting(16, "Clips per batch.", low=1)
    learning_rate: float = setting(1e-3, "Peak learning rate; linear warm-up, then cosine decay.", low=0)
    weight_decay: float = setting(1e-2, "Decoupled weight decay (AdamW).", low=0, rare=True)
    clip_gradient: float = setting(1.0, "Maximum norm of the gradient.", low=0, rare=True)
    average: float = setting(
        0.99, "Decay of the moving average of the weights, which is the model that is kept, 0-1.", low=0, high=0.9999, rare=True
    )
    dropout: float = setting(0.4, "Dropout before and after the encoder's body, 0-1.", low=0, high=0.95, rare=True)
    n_best: int = setting(8, "Maximum number of competing gloss sequences per clip.", low=1, high=1000)
    lattice_beam: float = setting(12.0, "How much worse than the best a competitor may be, nats.", low=0.1, high=1000, rare=True)
    margin: float = setting(1.0, "Boost of a competitor's score per word error, nats (boosted MMI).", low=0, high=100, rare=True)
    sharpness: float = setting(0.5, "Exponent of the hypotheses' probabilities.", low=0.01, high=10, rare=True)
    ctc: float = setting(
        0.1, "Weight of the CTC loss of stage 2, which is added so that earlier training is not forgotten.", low=0, rare=True
    )
    segmentation: float = setting(0.3, "Loss weight of sign boundaries, for clips that have them (level 1).", low=0, rare=True)
    phonology: float = setting(0.3, "Loss weight of phonological classes, for clips that have them (level 2).", low=0, rare=True)
    locus: float = setting(
        0.3, "Loss weight of the choice among loci in use, for pointing signs that are marked in time.", low=0, rare=True
    )
    fusion: float = setting(
        0.3, "Loss weight of the gate that distinguishes fused from plain signs, where they are marked.", low=0, rare=True
    )
    fusion_temperature: float = setting(
        4.0,
        "Initial temperature of the gate's scores; it falls to 1 during training, since the gate has to learn first.",
        low=1,
        high=100,
        rare=True,
    )
    balance: float = setting(
        0.5,
        "GradNorm's alpha: how strongly losses that lag behind are favoured; -1 keeps the weights as they are.",
        low=-1,
        high=10,
        rare=True,
    )
    workers: int = setting(0, "Processes that search for competitors; 0 uses one per core.", low=0, high=1024, rare=True)
    seed: int = setting(0, "Seed of the order of clips, dropout and augmentation.", low=0)
    device: str = setting("auto", "Device to train on.", choices=("auto", "cpu", "cuda"))
    threads: int = setting(0, THREADS_HELP, low=0, rare=True)
    noise: float = redefault(AugmentationSettings, "noise", 0.2)
    frame_mask: float = redefault(AugmentationSettings, "frame_mask", 0.2)
    part_mask: float = redefault(AugmentationSettings, "part_mask", 0.2)
    rotate: float = redefault(AugmentationSettings, "rotate", 10.0)
    scale: float = redefault(AugmentationSettings, "scale", 0.15)
    shift: float = redefault(AugmentationSettings, "shift", 0.1)
