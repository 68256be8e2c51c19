"""The model that a command reads with: found with or without a workspace, and introduced to the person."""

import os

from asl.cli.options import Call
from asl.pipelines.workspace.errors import BadInput


def reader_and_landmarks(call: Call, model: str | None, graph: str | None):
    """The reader that was asked for, and MediaPipe's settings; there need not be a workspace."""
    from asl.pipelines.recogniser.bundle import find_any, load_any
    from asl.pipelines.translation.reader import reader_for
    from asl.pipelines.workspace.settings.sections import resolve

    workspace = optional_workspace(call)
    settings = workspace.settings if workspace else (lambda section, flags: resolve(section, {}, flags))
    decode, landmarks = settings("decode", call.flags), settings("landmarks", call.flags)
    return reader_for(workspace, load_any(find_any(workspace, model)), decode, graph), landmarks


def optional_workspace(call: Call):
    """The workspace; None where none is named and there is none here."""
    try:
        return call.find_workspace()
    except BadInput:
        if call.workspace or "ASL_WORKSPACE" in os.environ:
            raise
        return None


def say_what_model(model, progress) -> None:
    """What somebody has to know of the model before they believe it."""
    from asl.pipelines.recogniser.bundle import default_bundle

    if model.only_synthetic:
        progress.warn("this model was trained on synthetic signing only: nobody knows how well it reads people")
    if model.folder == default_bundle():
        progress.say(f"no model of your own: this is asl's, for {len(model.alphabet)} isolated signs and letters")
        for line in model.card.get("accuracy", []):
            progress.say(f"  {line}")
