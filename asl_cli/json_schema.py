"""The JSON output of commands with `--format json`, field by field. docs/reference/json.md is generated from these types.

`asl translate` has a schema of its own: asl.pipelines.translation.json_schema.
"""

from typing import Annotated, Any, TypedDict

from asl.cli.json_fields import CommandOutput, Figures, IntervalJson, StageOutput
from asl.cli.json_studies import AblateOutput, EvaluateOutput, ScaleOutput


# init, status, models, demo ------------------------------------------------------------------------------------------------
class InitOutput(CommandOutput):
    """`asl init`"""

    workspace: Annotated[str, "The new workspace folder."]
    file: Annotated[str, "Its `asl.toml`."]


class StageState(TypedDict):
    """The state of a stage."""

    name: Annotated[str, "Name of the stage."]
    state: Annotated[str, "`done`, `stale` or `missing`."]
    finished: Annotated[str, "When it last finished (ISO 8601); empty if never."]
    detail: Annotated[str, "Why it is stale, or its main metrics."]


class StatusOutput(CommandOutput):
    """`asl status`"""

    workspace: Annotated[str, "The workspace folder."]
    stages: Annotated[list[StageState], "Every stage, in the order in which they run."]
    next: Annotated[str, "The command to run next."]


class SettingState(TypedDict):
    """A setting with its value."""

    section: Annotated[str, "Section of `asl.toml`."]
    key: Annotated[str, "Name of the setting."]
    value: Annotated[Any, "Its value."]
    origin: Annotated[str, "Where the value comes from: `flag`, `environment`, `file`, `recipe` or `default`."]


class SettingsOutput(CommandOutput):
    """`asl status --settings`"""

    settings: Annotated[list[SettingState], "Every setting."]


class ScoreJson(TypedDict):
    """The scores of a model on a split, from `asl evaluate`."""

    split: Annotated[str, "`train`, `validation` or `test`."]
    decoder: Annotated[str, "The decoder of `read_exactly`."]
    finished: Annotated[str, "When it was evaluated (ISO 8601)."]
    signs: Annotated[int, "Clips of one sign."]
    sentences: Annotated[int, "Clips of sentences."]
    synthetic: Annotated[int, "How many of these clips are synthetic; such scores are no accuracy on ASL."]
    figures: Annotated[
        dict[str, IntervalJson], "Shares: `top_1`, `top_5`, `read_exactly`, `wer_greedy`, …, as far as they apply."
    ]


class ModelJson(TypedDict):
    """A model that can be chosen."""

    name: Annotated[str, "What `--model` and `--use` call it; `shipped` is the one that comes with asl."]
    kind: Annotated[str, "`pretrain`, `train-ctc`, `train-stage3`, `bundle`, `shipped` or `damaged`."]
    folder: Annotated[str, "Its folder."]
    date: Annotated[str, "When it was made (ISO 8601); empty if unknown."]
    glosses: Annotated[int, "How many glosses it knows."]
    synthetic: Annotated[bool, "Whether it was trained on synthetic signing only."]
    is_default: Annotated[bool, "Whether commands use it unless another one is named."]
    accuracy: Annotated[list[str], "What its card says of clips that were not used in training."]
    scores: Annotated[list[ScoreJson], "One entry for each split on which it was evaluated in this workspace."]


class ModelsOutput(CommandOutput):
    """`asl models`"""

    default: Annotated[str | None, "The model that commands use unless another one is named; null if it no longer exists."]
    models: Annotated[list[ModelJson], "Every model of the workspace, and the one that comes with asl."]


class DemoClipJson(TypedDict):
    """A clip of the demo."""

    name: Annotated[str, "Name of the clip."]
    signed: Annotated[list[str], "The glosses that the synthetic signer signed."]
    read: Annotated[list[str], "The glosses that the recogniser read."]
    video: Annotated[str, "The rendered video."]
    captioned: Annotated[str, "The same with skeleton and captions."]


class DemoOutput(CommandOutput):
    """`asl demo`"""

    folder: Annotated[str, "The workspace of the demo."]
    report: Annotated[str, "The HTML page."]
    seconds: Annotated[float, "How long it took."]
    synthetic: Annotated[bool, "Always true: the results say nothing about accuracy on ASL."]
    shown: Annotated[list[DemoClipJson], "The clips."]
    failed: Annotated[list[list[str]], "Clips that could not be used: name and reason."]


# extract, pretrain, train-ctc, build-fst, train-stage3 ---------------------------------------------------------------
class FailedClip(TypedDict):
    """A clip that could not be used."""

    name: Annotated[str, "Name of the clip."]
    reason: Annotated[str, "A stable identifier, see [reasons](exit-codes.md#reasons-why-a-clip-cannot-be-used)."]
    message: Annotated[str, "One line for the user."]


class ExtractOutput(StageOutput):
    """`asl extract`"""

    metrics: Annotated[Figures, "The figures of the printed table, by name."]
    failures: Annotated[list[FailedClip], "Clips that could not be used; also in `failures.jsonl`."]
    missing: Annotated[list[str], "Files that the sources list but that do not exist; also in `missing.txt`."]
    report: Annotated[str, "The HTML page."]


class PretrainOutput(StageOutput):
    """`asl pretrain`"""

    folder: Annotated[str, "Folder of the model."]
    metrics: Annotated[Figures, "The figures of the printed table, by name."]
    report: Annotated[str, "The HTML page."]


class TrainCtcOutput(StageOutput):
    """`asl train-ctc`"""

    folder: Annotated[str, "Folder of the model."]
    metrics: Annotated[Figures, "The figures of the printed table, by name; null if not applicable."]


class TransducerSizeJson(TypedDict):
    """The size of a transducer."""

    name: Annotated[str, "G, L, L∘G, D, M, C or H∘C∘M∘D∘L∘G."]
    states: Annotated[int, "Its states."]
    arcs: Annotated[int, "Its arcs."]
    bytes: Annotated[int, "Size of its file."]
    seconds: Annotated[float, "Time to build it."]
    out_degree: Annotated[float, "Arcs per state."]


class BuildFstOutput(StageOutput):
    """`asl build-fst`"""

    folder: Annotated[str, "Folder of the graph."]
    metrics: Annotated[Figures, "The figures of the printed table, by name."]
    sizes: Annotated[list[TransducerSizeJson], "The transducers, in the order in which they are built."]


class DrawOutput(CommandOutput):
    """`asl build-fst --draw`"""

    drawn: Annotated[str, "The SVG file."]


class RefusedClipJson(TypedDict):
    """A training clip that stage 3 leaves out."""

    name: Annotated[str, "Name of the clip."]
    reason: Annotated[str, "Why the cascade cannot produce its glosses."]


class TrainStage3Output(StageOutput):
    """`asl train-stage3`"""

    folder: Annotated[str, "Folder of the new model."]
    graph: Annotated[str, "Folder of its cascade."]
    report: Annotated[str, "The HTML page."]
    metrics: Annotated[Figures, "The figures of the printed table, by name."]
    refused: Annotated[
        list[RefusedClipJson], "Training clips whose glosses the cascade cannot produce; with any, the exit code is 3."
    ]


# export, profile -----------------------------------------------------------------------------------------------------
class BundleVariant(TypedDict):
    """The encoder in one format."""

    name: Annotated[str, "`torch`, `onnx`, `int8`, or `before pruning`."]
    bytes: Annotated[int, "Size of its file."]
    off: Annotated[float, "Largest difference of log-probabilities from torch, nats."]
    agree: Annotated[float, "Share of the clips with the same top-1 as torch, 0-1."]
    top_1: Annotated[float | None, "Top-1 accuracy on the labelled clips among them; null if there are none."]
    milliseconds: Annotated[float, "Time per clip."]


class ExportOutput(StageOutput):
    """`asl export`"""

    folder: Annotated[str, "Folder of the bundle."]
    variants: Annotated[list[BundleVariant], "The encoder in each format, compared with torch."]
    metrics: Annotated[Figures, "The figures of the printed table, by name."]


class ProfileVariant(TypedDict):
    """Times of a way to run the recogniser."""

    engine: Annotated[str, "`torch`, `onnx`, `int8`, or a pruned model."]
    decoder: Annotated[str, "The decoder."]
    mode: Annotated[str, "`stream`, frame by frame, or `batch`, whole clips."]
    steps: Annotated[dict[str, dict[str, float]], "Milliseconds per frame of each step: `p50`, `p95`, `p99`."]


class ProfileOutput(CommandOutput):
    """`asl profile`"""

    device: Annotated[str, "`cpu` or `cuda`."]
    machine: Annotated[Figures, "Processor, cores, system and version of Python."]
    model: Annotated[Figures, "Name of the model, and its number of glosses."]
    videos: Annotated[list[Figures], "The videos."]
    frames: Annotated[int, "Frames that were timed."]
    main: Annotated[dict[str, str], "The variant of `steps`: `engine`, `decoder`, `mode`."]
    steps: Annotated[dict[str, dict[str, float]], "Milliseconds per frame of each step: `p50`, `p95`, `p99`."]
    frames_per_second: Annotated[float, "Frames per second of all steps together."]
    peak_memory_mb: Annotated[float, "Peak memory of the process."]
    cold_start_seconds: Annotated[float | None, "Time from the start of a new process to its first output; null with CUDA."]
    budget: Annotated[dict[str, float], "The budget of each step and of all together, milliseconds."]
    over_budget: Annotated[list[str], "Messages about steps whose p95 exceeds the budget."]
    variants: Annotated[list[ProfileVariant], "Every engine, decoder and mode."]
    throughput: Annotated[dict[str, Figures], "Frames per second of the encoder alone, by engine and clips per batch."]
    tracker: Annotated[dict[str, dict[str, float]], "Milliseconds per frame of `keypoints`, by part: `body`, `hands`, `face`."]


#: Every command with the types of its JSON.
OUTPUTS: dict[str, tuple[type, ...]] = {
    "demo": (DemoOutput,),
    "init": (InitOutput,),
    "status": (StatusOutput, SettingsOutput),
    "models": (ModelsOutput,),
    "extract": (ExtractOutput,),
    "pretrain": (PretrainOutput,),
    "train-ctc": (TrainCtcOutput,),
    "evaluate": (EvaluateOutput,),
    "build-fst": (BuildFstOutput, DrawOutput),
    "train-stage3": (TrainStage3Output,),
    "ablate": (AblateOutput,),
    "scale": (ScaleOutput,),
    "export": (ExportOutput,),
    "profile": (ProfileOutput,),
}
