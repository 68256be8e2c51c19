"""American Sign Language, from video to glosses.

    import asl

    recogniser = asl.load()
    translation = recogniser.translate("clip.mp4")
    print(translation.glosses)

Everything listed in `__all__` is public and stable; the packages below are not. Importing this module loads nothing heavy.
"""

from importlib import import_module
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

from asl.version import __version__

if TYPE_CHECKING:
    from asl.api import Recogniser, Stream, extract, features, load, read_pose, write_pose
    from asl.models.features.holistic import Landmarks
    from asl.pipelines.recogniser.reading import Token
    from asl.pipelines.translation.live_reading import LiveWord
    from asl.pipelines.translation.writers import Translation
    from asl.pipelines.workspace.errors import AslError, BadClip, BadInput

__all__ = [
    "AslError",
    "BadClip",
    "BadInput",
    "Landmarks",
    "LiveWord",
    "Recogniser",
    "Stream",
    "Token",
    "Translation",
    "__version__",
    "extract",
    "features",
    "load",
    "read_pose",
    "write_pose",
]

_MODULES = dict.fromkeys(("Recogniser", "Stream", "extract", "features", "load", "read_pose", "write_pose"), "asl.api")
_MODULES |= dict.fromkeys(("AslError", "BadClip", "BadInput"), "asl.pipelines.workspace.errors")
_MODULES |= {
    "Landmarks": "asl.models.features.holistic",
    "LiveWord": "asl.pipelines.translation.live_reading",
    "Token": "asl.pipelines.recogniser.reading",
    "Translation": "asl.pipelines.translation.writers",
}

# In a checkout this folder holds the API alone: the other rooms lie beside it, or in an installed copy.
__path__ = extend_path(__path__, __name__)


def __getattr__(name: str) -> Any:
    """Loads what is asked for, when it is asked for (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module 'asl' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
