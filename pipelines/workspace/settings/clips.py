"""Settings of clips: where they come from, how they are looked at, split, and turned into features."""

from dataclasses import dataclass

from asl.pipelines.workspace.settings.fields import setting


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
