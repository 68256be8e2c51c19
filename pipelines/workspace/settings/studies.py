"""Settings of where jobs run, of studies, and of what leaves the workspace."""

from dataclasses import dataclass

from asl.pipelines.workspace.settings.fields import setting


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
