"""The use of synthetic signing for real signing: without real clips, and as pre-training for few real clips.

    python benchmarks/transfer.py DATA/twenty SYNTHETIC_WORKSPACE [--few 1 2 4 8] [--seeds 6] [--model NAME] [--json FILE]

SYNTHETIC_WORKSPACE has a model from `asl extract --synthetic` and `asl train-ctc`. First, tests that model on the real clips of
the glosses that it knows, from all sources. Then, for each number of real clips per gloss, trains a recogniser from scratch and
from the synthetic encoder, on the same clips with the same settings and epochs, and tests both on one unseen source. Seeds
determine clips, weights and order; pairs share all three.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean

from twenty import in_vocabulary

from asl.pipelines.studies.comparison import compare

HELD_OUT = "ksukkau"


def run_asl(*words: str) -> dict:
    command = [sys.executable, "-m", "asl", *map(str, words), "--format", "json", "-q"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode not in (0, 3):
        sys.exit(f"{' '.join(command)}: exit {done.returncode}")
    return json.loads(done.stdout)


def without_real_clips(data: Path, model: Path) -> dict:
    """Results of the synthetic model on all real clips."""
    with tempfile.TemporaryDirectory() as folder:
        run_asl("init", folder)
        groups = sorted({file.name.split("__")[0] for file in data.glob("*.pose")})
        held_out = [word for group in groups for word in ("--test-groups", group)]
        run_asl("extract", "-w", folder, "--poses", data, *held_out)
        return run_asl("evaluate", "-w", folder, "--model", model)["results"]


def few(data: Path, model: Path, clips: int, seed: int, epochs: int) -> tuple[float, float, int]:
    """Top-1 in percent from scratch and from another model's encoder, with the same `clips` real clips per gloss (0: all), and
    the number of test clips.
    """
    card = json.loads((model / "model.json").read_text())
    size = card["encoder"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "poses").mkdir()
        for file in draw(data, clips, seed):
            (folder / "poses" / file.name).symlink_to(file.resolve())
        workspace = ("-w", folder / "ws")
        run_asl("init", folder / "ws")
        split = ("--test-groups", HELD_OUT, "--drop-duplicates", "--validation-share", "0")
        run_asl("extract", *workspace, "--poses", folder / "poses", *split)
        common = ("--seed", seed, "--epochs", epochs, "--threads", 1, "--features", card["features"]["features"])
        common += ("--encoder", size["kind"], "--hidden", size["hidden"], "--layers", size["layers"])
        scores = []
        for start in ((), ("--pretrained", model)):
            run_asl("train-ctc", *workspace, *common, *start)
            results = in_vocabulary(run_asl("evaluate", *workspace, "--force")["results"])
            scores.append(100 * results["top_1"]["value"])
        return scores[0], scores[1], results["signs"]


def few_shot(data: Path, models: list[Path], clips: int, epochs: int, pool: ThreadPoolExecutor) -> dict:
    """One model per seed. Prints the pairs of top-1, compared by the rules of `asl ablate`, and returns them."""
    jobs = [pool.submit(few, data, model, clips, seed, epochs) for seed, model in enumerate(models)]
    scratch, pretrained, signs = zip(*(job.result() for job in jobs), strict=True)
    result = compare("scratch", "pre-trained", (scratch, pretrained), paired=True, resolution=100 / signs[0])
    interval = f" [{result.interval.low:+.1f}, {result.interval.high:+.1f}]" if result.interval else ""
    reason = f" ({result.why_exact})" if result.why_exact else ""
    print(
        f"{clips or 'all'} clips per gloss, {len(scratch)} seeds: "
        f"scratch {mean(scratch):.1f} %, pre-trained {mean(pretrained):.1f} %; "
        f"gain {result.difference:+.1f} points{interval}, {result.primary} test{reason}: p = {result.p:.3f}",
        flush=True,
    )
    return {"clips": clips, "pairs": list(zip(scratch, pretrained, strict=True))}


def draw(data: Path, clips: int, seed: int) -> list[Path]:
    """`clips` training clips (0: all) of each gloss that the held-out source has, and all of that source."""
    test = sorted(data.glob(f"{HELD_OUT}__*.pose"))
    glosses = {file.name.split("__")[1] for file in test}
    pool = defaultdict(list)
    for file in sorted(data.glob("*.pose")):
        if not file.name.startswith(HELD_OUT) and file.name.split("__")[1] in glosses:
            pool[file.name.split("__")[1]].append(file)
    rng = random.Random(seed)  # noqa: S311, draws clips
    return test + [file for _, files in sorted(pool.items()) for file in rng.sample(files, min(clips or len(files), len(files)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--few", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--model", required=True)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    model = args.workspace / "models" / args.model
    results = without_real_clips(args.data, model)
    print(
        f"synthetic only, {results['signs']} real clips: top-1 {percent(results['top_1'])}, top-5 {percent(results['top_5'])}; "
        f"intervals {results['intervals']}",
        flush=True,
    )
    with ThreadPoolExecutor(args.jobs) as pool:
        rows = [few_shot(args.data, [model] * args.seeds, clips, args.epochs, pool) for clips in args.few]
    if args.json:
        args.json.write_text(json.dumps({"as_it_is": results["top_1"], "few": rows}, indent=1) + "\n")


def percent(value: dict) -> str:
    return f"{100 * value['value']:.1f} % [{100 * value['low']:.1f}, {100 * value['high']:.1f}]"


if __name__ == "__main__":
    main()
