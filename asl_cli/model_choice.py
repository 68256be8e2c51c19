"""The model of a command: found with or without a workspace, and described to the user."""

import os

from asl.cli.options import Call
from asl.pipelines.workspace.errors import BadInput


def reader_and_landmarks(call: Call, model: str | None, graph: str | None):
    """The reader for the model and decoder options, and the landmark settings. Needs no workspace."""
    from asl.pipelines.recogniser.bundle import find_model_or_bundle, load_model_or_bundle
    from asl.pipelines.translation.reader import reader_for
    from asl.pipelines.workspace.settings.sections import resolve

    workspace = optional_workspace(call)
    settings = workspace.settings if workspace else (lambda section, flags: resolve(section, {}, flags))
    decode, landmarks = settings("decode", call.flags), settings("landmarks", call.flags)
    if graph is not None and decode.decoder != "cascade":
        raise BadInput(f"--graph names a cascade, but the decoder is {decode.decoder}", "add --decoder cascade")
    return reader_for(workspace, load_model_or_bundle(find_model_or_bundle(workspace, model)), decode, graph), landmarks


def optional_workspace(call: Call):
    """The workspace, or None if none was given and none was found."""
    try:
        return call.find_workspace()
    except BadInput:
        if call.workspace is not None or os.environ.get("ASL_WORKSPACE"):
            raise
        return None


def warn_of_other_default(workspace, trained: str, progress) -> None:
    """Warns if commands do not use the model that was just trained, because the workspace has another default."""
    default = workspace.settings("model").default
    if default and default != trained:
        progress.warn(f"the default of this workspace is still {default}; to change it: asl models --use {trained}")


def describe_model(model, progress) -> None:
    """Prints what a user must know about the model to judge its output; of the one that comes with asl, once on a machine."""
    from asl.pipelines.recogniser.bundle import default_bundle
    from asl.pipelines.workspace.notices import first_time

    if model.features_note:
        progress.warn(model.features_note)
    if model.only_synthetic:
        progress.warn("this model was trained on synthetic signing only; its accuracy on real signers is unknown")
    if model.folder == default_bundle() and not progress.quiet and first_time(f"shipped-{model.weights_hash[:12]}"):
        progress.say(f"using the model that comes with asl, for {len(model.alphabet)} isolated signs and letters")
        for line in model.card.get("accuracy", []):
            progress.say(f"  {line}")
