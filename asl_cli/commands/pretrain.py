"""asl pretrain"""

import shlex
from typing import Annotated

from asl.cli.options import TRAINING_PACKAGES, Call, command, name_option
from asl.cli.terminal import print_json, print_pairs


@command("pretrain", "encoder", "features", "phonology", stage=True, needs=TRAINING_PACKAGES)
def pretrain(
    call: Call,
    name: Annotated[str | None, name_option("Name of the model's folder in models/. Default: derived from the settings.")] = None,
) -> None:
    """Pre-train an encoder and codebooks on the workspace's clips, without glosses (stage 1).

        $ asl pretrain
        $ asl pretrain --epochs 80 --name first

    An interrupted run resumes from the last epoch; on the CPU, the result is bit-identical.
    """
    workspace = call.find_workspace()
    from asl.pipelines.training.pretrain import run_pretrain

    with call.progress() as progress:
        result = run_pretrain(workspace, call.flags, progress, name=name, force=call.force, dry_run=call.dry_run)
    if call.as_json:
        ran = result.decision.run and not call.dry_run
        values = {"ran": ran, "why": result.decision.reason, "folder": result.folder, "metrics": result.metrics}
        return print_json("pretrain", values | {"report": result.report})
    if result.decision.run and call.dry_run:
        return progress.say(f"pretrain would run: {result.decision.reason}")
    if not result.decision.run:
        progress.say(f"pretrain: {result.decision.reason}, nothing to do (use --force to run it again)")
    print_pairs({key: value for key, value in result.metrics.items() if value is not None})
    progress.say(f"report: {result.report}")
    progress.say(f"next: asl train-ctc --pretrained {shlex.quote(str(result.metrics.get('model', 'NAME')))}")
