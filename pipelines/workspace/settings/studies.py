"""Settings of the cluster, of studies and of export."""

from dataclasses import dataclass

from asl.pipelines.workspace.settings.fields import setting


@dataclass(frozen=True)
class ClusterSettings:
    """Execution on other machines: a dask cluster that sees the workspace and the sources under the same paths."""

    cluster: str = setting(
        "",
        "Address of a dask scheduler, tcp://host:port, whose workers run the jobs. Empty: processes on this machine.",
        rare=True,
    )


@dataclass(frozen=True)
class StudySettings:
    """Studies, which compare many runs (asl ablate, asl scale)."""

    run_limit: float = setting(
        0.0, "Time limit per run, hours; a run that exceeds it is retried once, then fails. 0: no limit.", low=0, rare=True
    )


@dataclass(frozen=True)
class ExportSettings:
    """Bundles, which run without torch (asl export)."""

    int8: bool = setting(False, "Quantise the weights of matrices and LSTMs to INT8: a quarter of the size, and faster.")
    most_drop: float = setting(
        1.0, "Maximum loss of top-1 accuracy with INT8, in points, on the clips that are checked.", low=0, high=100, rare=True
    )
    prune: float = setting(
        0.0, "Prune this share of the units and train a little more; the smaller model is kept in models/.", low=0, high=0.9
    )
    recovery_epochs: int = setting(10, "Passes over the training clips after pruning.", low=1, rare=True)
    prune_graph: float = setting(
        0.0, "Prune paths of the cascade that cost this much more than its best path, nats; 0 keeps all.", low=0, rare=True
    )
    check_clips: int = setting(
        200, "Maximum number of clips on which the bundle is compared with torch.", low=1, high=100_000, rare=True
    )
