"""`asl build-fst --draw`: draws a part of one transducer of a built cascade, with the names of its labels."""

from collections.abc import Callable
from pathlib import Path

from asl.pipelines.cascade.graph_folder import Graph
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import write_atomically
from asl.pipelines.workspace.settings.fields import nearest_hint
from asl.transducers.cascade import read_level
from asl.transducers.drawing import arcs_around, draw_svg
from asl.transducers.level_names import LEVELS, LEXICON_GRAMMAR

DRAWN = (*LEVELS[1:], "LG")


def draw(graph: Graph, level: str, name: str, path: Path) -> Path:
    """Writes an SVG of the arcs of a level (C, M, D, L, G or LG) that involve a gloss or unit, and of the arcs that follow.

    name: of the gloss or unit; "" for all. Raises BadInput if there is no such level, or nothing of that name in it.
    """
    if level not in DRAWN:
        raise BadInput(f"--draw {level}: no such transducer", f"known: {', '.join(DRAWN)}")
    fst = read_level(graph.folder, LEXICON_GRAMMAR if level == "LG" else level)
    unit, gloss = _label_names(graph)
    input_name, output_name = (gloss if level == "G" else unit), (gloss if level in ("L", "G", "LG") else unit)

    def matches(label_name: str) -> bool:
        return not name or name in (label_name, *label_name.split(" ")[0].split("/")[0].split("+"))

    arcs = arcs_around(fst, lambda arc: matches(input_name(arc.ilabel)) or matches(output_name(arc.olabel)))
    if not arcs:
        raise BadInput(f"{level} has no arc for '{name}'", nearest_hint(name, graph.alphabet.glosses))
    write_atomically(path, draw_svg(fst, arcs, input_name, output_name))
    return path


def _label_names(graph: Graph) -> tuple[Callable[[int], str], Callable[[int], str]]:
    """The name of a unit label (or one that D writes), and of a gloss label. Labels above both are disambiguation symbols."""
    unit_names, written_by_d, glosses = graph.card["columns"]["names"], graph.card["written"], graph.alphabet.glosses

    def unit(label: int) -> str:
        if not label:
            return "ε"
        return written_by_d.get(str(label)) or (unit_names[label - 1] if label <= len(unit_names) else f"#{label}")

    def gloss(label: int) -> str:
        return "ε" if not label else glosses[label - 1] if label <= len(glosses) else "#0"

    return unit, gloss
