"""The pictures of the README: the demo's synthetic signer with its overlay, and a terminal in which `asl translate` reads clips.

    python benchmarks/readme_picture.py WORK [--clips FOLDER]

Runs the demo in WORK, where it continues if it has run before, and writes its sentence, as MediaPipe and the demo's recogniser
see it, to docs/images/signer.webp. The captions are what was recognised, mistakes included. FOLDER holds .pose files of single
signs that the shipped bundle was not trained on; what it reads of them goes to docs/images/terminal.svg.
"""

import argparse
import io
import os
import re
import subprocess
import sys
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

from asl.pipelines.demo import run_demo
from asl.pipelines.media.video import frames
from asl.pipelines.workspace.progress import Silent

IMAGES = Path(__file__).parents[1] / "docs" / "images"
#: Of the moving picture: pixels of its longer side, every so many frames of the video, quality (WebP), and the most bytes.
SIDE, EVERY, QUALITY, MAX_BYTES = 480, 2, 70, 600_000
VIDEO_FPS = 25
COLUMNS = 92


def write_signer(work: Path, path: Path) -> None:
    """The demo's sentence with its overlay as a picture that moves and repeats."""
    sentence = next(clip for clip in run_demo(work, Silent()).clips if len(clip.signed) > 1)
    pictures = [frame.picture for frame in frames(sentence.captioned, max_side=SIDE)][::EVERY]
    images = [Image.fromarray(picture) for picture in pictures]
    milliseconds = 1000 * EVERY // VIDEO_FPS
    images[0].save(path, save_all=True, append_images=images[1:], duration=milliseconds, loop=0, quality=QUALITY, method=6)
    size = path.stat().st_size
    print(f"{path}: {' '.join(sentence.signed)} read as {' '.join(sentence.read)}, {len(images)} frames, {size / 1000:.0f} kB")
    if size > MAX_BYTES:
        raise SystemExit(f"more than {MAX_BYTES / 1000:.0f} kB: a lower QUALITY, or a smaller SIDE")


def write_terminal(folder: Path, path: Path) -> None:
    """A terminal with the command and what it printed."""
    clips = sorted(file.name for file in folder.glob("*.pose"))
    words = ["asl", "translate", *clips, "--isolated"]
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=True,
        env=os.environ | {"COLUMNS": str(COLUMNS)},
    )
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(Text.assemble(("$ ", "bold green"), (" ".join(words), "bold")))
    for line in done.stderr.splitlines():
        console.print(Text(line, "dim"))
    for line in done.stdout.splitlines():
        console.print(Text(line))
    svg = re.sub(r"@font-face \{.*?\}", "", console.export_svg(title="asl"), flags=re.DOTALL)  # fonts of another server
    path.write_text(svg, encoding="utf-8")
    print(f"{path}: {', '.join(clips)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--clips", type=Path)
    chosen = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    write_signer(chosen.work, IMAGES / "signer.webp")
    if chosen.clips:
        write_terminal(chosen.clips.resolve(), IMAGES / "terminal.svg")


if __name__ == "__main__":
    main()
