"""Golden outputs: a few figures of what each step makes of a tiny input, with the code versions that they were made with.

After a change that is meant to move an output, raise the step's version in pipelines/workspace/code_versions.py, and write the
figures again: python -m tests.golden_outputs STEP …

The figures are compared with a tolerance, because another CPU or another version of a library adds numbers in another order.
"""

import json
import math
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asl.pipelines.workspace.code_versions import VERSIONS
from tests.golden_steps import GOLDEN, OUTPUTS, Outputs, make_workspace, versions_behind

#: Relative tolerance of a figure, and ten times its absolute one. With the plainest instructions of a CPU in place of the newest,
#: the figures moved by 1e-5 at most. Trainings add up the differences of their steps, and the tracker's nets are not ours.
TOLERANCE, TOLERANCES = 1e-3, {"tracker": 0.02, "pretrain": 5e-3, "train-ctc": 5e-3, "train-stage3": 5e-3, "experiment": 5e-3}


def moved(golden: Any, now: Any, tolerance: float, path: str = "") -> list[str]:
    """Where two outputs differ, as "name: before → now"."""
    if isinstance(golden, Mapping) and isinstance(now, Mapping):
        keys = [*golden, *(key for key in now if key not in golden)]
        return [
            line for key in keys for line in moved(golden.get(key), now.get(key), tolerance, f"{path}, {key}" if path else key)
        ]
    if isinstance(golden, list | tuple) and isinstance(now, list | tuple) and len(golden) == len(now):
        return [line for i, pair in enumerate(zip(golden, now, strict=True)) for line in moved(*pair, tolerance, f"{path}[{i}]")]
    if isinstance(golden, int | float) and isinstance(now, int | float):
        same = math.isclose(golden, now, rel_tol=tolerance, abs_tol=tolerance / 10) or (math.isnan(golden) and math.isnan(now))
        return [] if same else [f"{path}: {golden:g} → {now:g}"]
    return [] if golden == now else [f"{path}: {golden} → {now}"]


def problem(step: str, now: Outputs) -> str:
    """What is wrong with a step's output and code versions, and what to do; "" if nothing is."""
    golden, versions = read_golden(step), versions_behind(step)
    differences = moved(golden["outputs"], json.loads(json.dumps(now)), TOLERANCES.get(step, TOLERANCE))
    write_again = f"python -m tests.golden_outputs {step}"
    if golden["versions"] != versions:
        return f"the golden outputs of {step} were made with other code versions; write them again: {write_again}"
    if not differences:
        return ""
    listed = "\n  ".join(differences[:8])
    return (
        f"{step} gives another output than before, but its code version is the same:\n  {listed}\n"
        f"If that was not meant, it is an error. If it was, raise the version of the step whose code you changed in "
        f"pipelines/workspace/code_versions.py ({step} is {versions[step]}), so that workspaces run it again, and write the "
        f"golden outputs again: {write_again}"
    )


def read_golden(step: str) -> dict[str, Any]:
    return json.loads((GOLDEN / f"{step}.json").read_text(encoding="utf-8"))


def write_golden(step: str, outputs: Outputs) -> str:
    """Writes a step's golden outputs, unless they moved and no version did. Returns what was done, in words."""
    file, versions = GOLDEN / f"{step}.json", versions_behind(step)
    if file.is_file():
        golden = read_golden(step)
        same_output = not moved(golden["outputs"], json.loads(json.dumps(outputs)), TOLERANCES.get(step, TOLERANCE))
        if golden["versions"] == versions:
            return f"{step}: unchanged" if same_output else f"{step}: NOT WRITTEN. " + problem(step, outputs)
        outputs = golden["outputs"] if same_output else outputs  # keeps the difference between two commits small
    text = json.dumps({"versions": versions, "outputs": _rounded(outputs)}, indent=1, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")
    return f"{step}: written"


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def main(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        make_workspace(Path(name) / "ws")
        for step in steps or OUTPUTS:
            print(write_golden(step, OUTPUTS[step][0](Path(name) / "ws")))


if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - VERSIONS.keys()
    sys.exit(f"no step {', '.join(unknown)}; there are {', '.join(VERSIONS)}") if unknown else main(sys.argv[1:])
