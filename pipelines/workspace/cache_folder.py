"""The folder in which asl keeps what it can make again, for each user of a machine."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/asl, else the place that the operating system has for caches. It may not exist yet."""
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "asl"
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "asl"
