"""The JSON of the commands that measure: evaluate, ablate and scale."""

from typing import Annotated, Any, NotRequired, TypedDict

from asl.cli.json_fields import CommandOutput, Figures, IntervalJson, StageOutput


# evaluate ------------------------------------------------------------------------------------------------------------
class WordErrorsJson(IntervalJson):
    """A word error rate, as a share of the reference glosses."""

    substitutions: Annotated[int, "Glosses read as another."]
    deletions: Annotated[int, "Glosses that were not read."]
    insertions: Annotated[int, "Glosses read that were not signed."]


class GlossRow(TypedDict):
    """Accuracy on the clips of one gloss."""

    gloss: Annotated[str, "The gloss."]
    clips: Annotated[int, "Its clips in the split."]
    top_1: Annotated[float, "Share of them that are ranked first, 0-1."]
    top_5: Annotated[float, "Share of them among the first five, 0-1."]
    precision: Annotated[float | None, "Share of the clips ranked first as this gloss that are of it; null if there are none."]


class Confusion(TypedDict):
    """A confusion."""

    truth: Annotated[str, "The gloss that was signed."]
    read_as: Annotated[str, "The gloss that was ranked first."]
    clips: Annotated[int, "How many clips."]


class SignRow(TypedDict):
    """A clip of a single sign."""

    id: Annotated[str, "Identifier of the clip, unique in the workspace."]
    name: Annotated[str, "Name of the clip, unique among those that were extracted together."]
    gloss: Annotated[str, "The gloss that was signed."]
    read_as: Annotated[str, "The gloss that was ranked first."]
    rank: Annotated[int, "Rank of the right gloss, from 1."]
    confidence: Annotated[float, "Posterior of the gloss that was ranked first, 0-1."]
    exact: Annotated[bool, "Whether the decoder outputs exactly this gloss, without the information that there is only one sign."]
    log_loss: Annotated[float, "Negative log-posterior of the right gloss, nats."]


class SentenceRow(TypedDict):
    """A clip of several signs."""

    id: Annotated[str, "Identifier of the clip, unique in the workspace."]
    name: Annotated[str, "Name of the clip, unique among those that were extracted together."]
    reference: Annotated[str, "The glosses that were signed."]
    read_as: Annotated[str, "The glosses that were read."]
    errors: Annotated[int, "Word errors: substitutions, deletions and insertions."]


class InVocabulary(TypedDict):
    """Accuracy on the clips of one sign whose gloss is in the vocabulary."""

    signs: Annotated[int, "Clips of one sign."]
    top_1: Annotated[IntervalJson, "Share of clips whose gloss is ranked first, 0-1."]
    top_5: NotRequired[Annotated[IntervalJson, "Share of clips whose gloss is among the first five."]]
    top_10: NotRequired[Annotated[IntervalJson, "Share of clips whose gloss is among the first ten."]]
    read_exactly: Annotated[IntervalJson, "Share of clips that the decoder reads as exactly their gloss."]


class EvaluateResults(TypedDict):
    """Results of an evaluation: about signs if the split has clips of one sign, about sentences if it has clips of several."""

    model: Annotated[str, "Name of the model."]
    decoder: Annotated[str, "The decoder: greedy, ctc-beam or cascade."]
    only_synthetic_training: NotRequired[Annotated[bool, "True if the model was trained on synthetic signing only."]]
    split: Annotated[str, "The split."]
    split_by: Annotated[str, "How the clips were split: given, group or random."]
    intervals: Annotated[str, "What the intervals resample and cover."]
    outside_vocabulary: Annotated[
        dict[str, int],
        "Glosses outside the vocabulary, with their counts. Clips and sentences count them as errors.",
    ]
    synthetic: NotRequired[Annotated[int, "Number of synthetic clips: the results say nothing about accuracy on ASL."]]
    signs: NotRequired[Annotated[int, "Clips of one sign, also of glosses outside the vocabulary."]]
    vocabulary: NotRequired[Annotated[int, "Size of the vocabulary of the model."]]
    decoder_us_per_frame: NotRequired[Annotated[float, "Time of the decoder, microseconds per frame."]]
    top_1: NotRequired[Annotated[IntervalJson, "Share of clips whose gloss is ranked first, 0-1."]]
    top_5: NotRequired[
        Annotated[IntervalJson, "Share of clips whose gloss is among the first five; if the vocabulary is larger."]
    ]
    top_10: NotRequired[
        Annotated[IntervalJson, "Share of clips whose gloss is among the first ten; if the vocabulary is larger."]
    ]
    read_exactly: NotRequired[Annotated[IntervalJson, "Share of clips that the decoder reads as exactly their gloss."]]
    in_vocabulary: NotRequired[
        Annotated[InVocabulary, "The same for the clips whose gloss is in the vocabulary, if some are not."]
    ]
    by_gloss: NotRequired[Annotated[list[GlossRow], "Accuracy by gloss."]]
    confusions: NotRequired[Annotated[list[Confusion], "Confusions, most frequent first."]]
    clips: NotRequired[Annotated[list[SignRow], "Every clip of one sign whose gloss is in the vocabulary."]]
    sentences: NotRequired[Annotated[int, "Clips of several signs."]]
    words: NotRequired[Annotated[int, "Glosses in them."]]
    wer_greedy: NotRequired[Annotated[WordErrorsJson, "Word error rate of greedy decoding."]]
    wer_ctc_beam: NotRequired[Annotated[WordErrorsJson, "Word error rate of CTC beam search."]]
    wer_cascade: NotRequired[Annotated[WordErrorsJson, "With `--decoder cascade`: word error rate of the cascade."]]
    cascade_less_ctc_beam: NotRequired[Annotated[IntervalJson, "With `--decoder cascade`: paired difference of the two rates."]]
    read_sentences: NotRequired[Annotated[list[SentenceRow], "Every sentence."]]


class EvaluateOutput(StageOutput):
    """`asl evaluate`"""

    results: Annotated[EvaluateResults, "The results; also in `reports/evaluate-SPLIT-DECODER.json`. Empty with `--dry-run`."]
    report: Annotated[str, "The HTML page."]


# ablate, scale -------------------------------------------------------------------------------------------------------
class StudyOutput(CommandOutput):
    """Fields that `asl ablate` and `asl scale` share."""

    ran: Annotated[int, "Runs carried out by this call."]
    kept: Annotated[int, "Completed runs that were reused."]
    report: Annotated[str, "The HTML page; empty with `--dry-run`."]


class MetricJson(TypedDict):
    """The score that is compared."""

    name: Annotated[str, "`top_1`, `top_5`, `read_exactly` or `wer`; `score` if it was imported."]
    title: Annotated[str, "The same in words."]
    better: Annotated[str, "Whether `higher` or `lower` is better."]
    digits: Annotated[int, "Decimals with which scores are shown."]
    difference_digits: Annotated[int, "Decimals with which differences are shown."]
    unit: Annotated[str, "Unit of a difference: ` points`, or nothing if imported scores are within 0-1."]


class ConditionJson(TypedDict):
    """A condition of an ablation."""

    name: Annotated[str, "Its name."]
    overrides: Annotated[dict[str, str], "The settings that define it."]
    scores: Annotated[list[float], "One score per seed, percent unless imported."]
    mean: Annotated[float, "Their mean."]
    sd: Annotated[float, "Their standard deviation."]
    parameters: NotRequired[Annotated[int, "Number of parameters of a model."]]
    epochs: NotRequired[Annotated[int, "Epochs of training."]]
    train_clips: NotRequired[Annotated[int, "Training clips."]]
    glosses: NotRequired[Annotated[int, "Size of the vocabulary."]]
    seconds: NotRequired[Annotated[float, "Mean training time of a run."]]
    stage_1_seconds: NotRequired[Annotated[float, "Mean pre-training time of a run."]]


class TestResultJson(TypedDict):
    """A statistical test."""

    statistic: Annotated[float, "The test statistic."]
    p: Annotated[float, "Two-sided p value."]
    df: Annotated[float | None, "Degrees of freedom; null if it has none."]


class ComparisonJson(TypedDict):
    """A condition compared with the baseline; differences are condition − baseline, in points (or as imported)."""

    baseline: Annotated[str, "Name of the baseline."]
    condition: Annotated[str, "Name of the condition."]
    scores: Annotated[list[list[float]], "Scores of both, one per seed."]
    paired: Annotated[bool, "Whether scores of equal seeds are paired."]
    resolution: Annotated[float, "The step of a score when one test clip is read differently; 0 if there is none."]
    difference: Annotated[float, "Mean difference."]
    tests: Annotated[
        dict[str, TestResultJson],
        "`paired`, `student`, `welch`, `permutation`, `wilcoxon`. t tests are left out where the spread is below `resolution`.",
    ]
    primary: Annotated[str, "The test that decides: `paired`, or `welch` if there are no pairs, or `permutation`."]
    why_exact: Annotated[
        str,
        "Why `permutation`, the exact test, decides: `small spread` (below `resolution`) or `few seeds` (too few for the exact "
        "test to reach p < 0.05). Empty if a t test decides.",
    ]
    interval: Annotated[IntervalJson | None, "The difference, with the interval of the t test; null where that does not apply."]
    cohen_d: Annotated[float | None, "Cohen's d; null if the spread is below `resolution`."]
    hedges_g: Annotated[float | None, "Hedges' g: d corrected for small samples."]
    detectable: Annotated[
        float | None,
        "The smallest difference that this number of seeds detects with 80 % power; null if the exact test decides.",
    ]
    least_p: Annotated[float, "The smallest p value that the exact test can give."]
    comparisons: Annotated[int, "Number of comparisons of the study, for which p values are corrected."]
    p: Annotated[float, "p value of the primary test."]
    p_holm: Annotated[float, "The same, corrected for the number of comparisons (Holm)."]
    stars: Annotated[str, "`*`, `**`, `***` or `n.s.`"]
    clips_interval: Annotated[
        IntervalJson | None, "Bootstrap interval over seeds and clips; null if there are no scores per clip."
    ]
    verdict: Annotated[str, "The result in words."]


class AblateResults(TypedDict):
    """Results of an ablation. With `--dry-run` only `to_run` and `estimated_seconds`."""

    metric: NotRequired[Annotated[MetricJson, "The score that is compared."]]
    imported: NotRequired[Annotated[str, "With `--import`: the file."]]
    seeds: NotRequired[Annotated[list[int] | list[str], "The seeds."]]
    test_clips: NotRequired[Annotated[int, "Test clips that all runs have in common."]]
    clips_left_out: NotRequired[Annotated[int, "Test clips left out because not all runs have them."]]
    intervals: NotRequired[Annotated[str, "What `clips_interval` resamples and covers, apart from seeds."]]
    conditions: NotRequired[Annotated[list[ConditionJson], "The conditions, the baseline first."]]
    comparisons: NotRequired[Annotated[list[ComparisonJson], "Each condition against the baseline."]]
    curves: NotRequired[Annotated[dict[str, Any], "Training curves of each condition."]]
    settings: NotRequired[Annotated[Figures, "Settings of the baseline."]]
    split: NotRequired[Annotated[str, "The split that was tested on."]]
    split_by: NotRequired[Annotated[str, "How the clips were split."]]
    synthetic: NotRequired[Annotated[bool, "Whether test clips are synthetic."]]
    failed: NotRequired[Annotated[list[str], "Runs that failed, with reasons."]]
    to_run: NotRequired[Annotated[list[str], "With `--dry-run`: the runs that would be made."]]
    estimated_seconds: NotRequired[
        Annotated[float | None, "With `--dry-run`: about how long their training takes; null if nothing similar was measured."]
    ]


class Modality(TypedDict):
    """What a modality adds to those before it; intervals are over seeds and clips."""

    modality: Annotated[str, "`hands`, `face` or `body`."]
    seen: Annotated[str, "What the recogniser sees: this modality and those before it."]
    information: Annotated[IntervalJson, "Information about the gloss that it adds, bits."]
    cross_entropy: Annotated[float, "Cross-entropy of the gloss, bits."]
    error: Annotated[IntervalJson, "Top-1 error, percent."]
    saved: Annotated[IntervalJson | None, "Reduction of the error by this modality, points; null for the first."]
    fano: Annotated[float, "Fano's bound: the least possible error with this much information, percent."]
    milliseconds: Annotated[float, "Cost of the modality per frame."]
    worth: Annotated[str, "Whether to keep it, by the rule of `--worth`."]


class ModalitiesResults(TypedDict):
    """Results of `asl ablate --modalities`."""

    entropy: Annotated[float, "Entropy of the glosses, bits."]
    glosses: Annotated[int, "Glosses of the test clips."]
    test_clips: Annotated[int, "Test clips."]
    intervals: Annotated[str, "What the intervals resample and cover, apart from seeds."]
    worth: Annotated[float, "Points of error that a millisecond per frame has to save."]
    steps: Annotated[list[Modality], "The modalities, in the order in which they are added."]
    seeds: Annotated[list[int], "The seeds."]
    features: Annotated[str, "The feature set."]
    split: Annotated[str, "The split that was tested on."]
    split_by: Annotated[str, "How the clips were split."]
    synthetic: Annotated[bool, "Whether test clips are synthetic."]
    failed: Annotated[list[str], "Runs that failed, with reasons."]


class AblateOutput(StudyOutput):
    """`asl ablate`"""

    results: Annotated[AblateResults | ModalitiesResults, "The results; also in a JSON file beside the page."]


class Size(TypedDict):
    """A vocabulary, or a number of clips per gloss. Accuracies are percent; the `graph_` fields need `--decoder cascade`."""

    name: Annotated[str, "Its name."]
    size: Annotated[int, "Glosses."]
    clips_a_gloss: Annotated[int, "Training clips per gloss; 0: all."]
    seeds: Annotated[int, "Runs."]
    train_clips: Annotated[int, "Training clips."]
    test_clips: Annotated[int, "Test clips."]
    scores: Annotated[list[float], "Top-1 accuracy of each seed."]
    top_1: Annotated[float, "Top-1 accuracy, mean over seeds."]
    top_1_interval: Annotated[list[float], "Its 95 % interval over clips and seeds: low, high."]
    intervals: Annotated[str, "What the interval resamples and covers, apart from seeds."]
    top_5: Annotated[float, "Top-5 accuracy."]
    top_10: Annotated[float, "Top-10 accuracy."]
    parameters: Annotated[int, "Parameters of the model."]
    parameters_per_clip: Annotated[float, "Parameters per training clip."]
    train_seconds: Annotated[float, "Training time, mean over runs."]
    stage_1_seconds: Annotated[float, "Pre-training time, mean over runs."]
    decoder_us_per_frame: Annotated[float, "Time of the decoder, microseconds per frame."]
    memory_mb: Annotated[float, "Peak memory of a run."]
    read_exactly: NotRequired[Annotated[float, "Share of clips read exactly by the cascade."]]
    graph_states: NotRequired[Annotated[float, "States of the cascade."]]
    graph_arcs: NotRequired[Annotated[float, "Arcs of the cascade."]]
    graph_file_mb: NotRequired[Annotated[float, "Size of its file."]]
    graph_seconds: NotRequired[Annotated[float, "Time to build it."]]
    graph_memory_mb: NotRequired[Annotated[float, "Peak memory of building it."]]


class PowerLawJson(TypedDict):
    """A fitted power law, y = a·n^exponent."""

    exponent: Annotated[float, "The exponent."]
    low: Annotated[float, "Lower bound of its 95 % interval."]
    high: Annotated[float, "Upper bound."]
    factor: Annotated[float, "The factor a."]
    r_squared: Annotated[float, "Share of the variance that the law explains, on logarithmic axes."]
    doubled: Annotated[list[float], "Twice the largest n, the prediction there, and the 95 % interval of its mean: low, high."]


class ScaleResults(TypedDict):
    """Results of a scaling study. `--dry-run` gives only `to_run` and `estimated_seconds`."""

    vocabulary: NotRequired[Annotated[list[Size], "Each size of the vocabulary."]]
    data: NotRequired[Annotated[list[Size], "Each number of clips per gloss."]]
    laws: NotRequired[Annotated[dict[str, PowerLawJson], "Fitted power laws, by dependent quantity."]]
    recommendation: NotRequired[Annotated[str, "The recommendation of the decision rule."]]
    seeds: NotRequired[Annotated[int, "Runs of each size."]]
    pretrain: NotRequired[Annotated[bool, "Whether each run started with its own pre-training (stage 1)."]]
    published: NotRequired[Annotated[Figures, "Published results on the same benchmark, if it is one."]]
    split: NotRequired[Annotated[str, "The split that was tested on."]]
    split_by: NotRequired[Annotated[str, "How the clips were split."]]
    synthetic: NotRequired[Annotated[bool, "Whether test clips are synthetic."]]
    failed: NotRequired[Annotated[list[str], "Runs that failed, with reasons."]]
    to_run: NotRequired[Annotated[list[str], "With `--dry-run`: the runs that would be made."]]
    estimated_seconds: NotRequired[
        Annotated[float | None, "With `--dry-run`: about how long their training takes; null if nothing similar was measured."]
    ]


class ScaleOutput(StudyOutput):
    """`asl scale`"""

    results: Annotated[ScaleResults, "The results; also in a JSON file beside the page."]
