"""`asl build-fst --draw`: a part of one transducer of a built cascade, with the names of its labels."""

from collections.abc import Callable
from pathlib import Path

from asl.pipelines.cascade.graph_folder import Graph
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import write_atomically
from asl.pipelines.workspace.settings.fields import nearest_hint
from asl.transducers.cascade import read_level
from asl.transducers.drawing import around, svg
from asl.transducers.level_names import LEVELS, LEXICON_GRAMMAR

DRAWN = (*LEVELS[1:], "LG")


def draw(graph: Graph, level: str, what: str, path: Path) -> Path:
    """Writes an SVG of the arcs of a level, C M D L G or LG, that have to do with a gloss or unit, and of what follows them.

    Raises BadInput: no such level, or nothing of that name in it.
    """
    if level not in DRAWN:
        raise BadInput(f"--draw {level}: no such transducer", f"known: {', '.join(DRAWN)}")
    fst = read_level(graph.folder, LEXICON_GRAMMAR if level == "LG" else level)
    unit, gloss = _names(graph)
    reads, writes = (gloss if level == "G" else unit), (gloss if level in ("L", "G", "LG") else unit)

    def about(name: str) -> bool:
        return not what or what in (name, *name.split(" ")[0].split("/")[0].split("+"))

    arcs = around(fst, lambda arc: about(reads(arc.ilabel)) or about(writes(arc.olabel)))
    if not arcs:
        raise BadInput(f"{level} has nothing about '{what}'", nearest_hint(what, graph.alphabet.glosses))
    write_atomically(path, svg(fst, arcs, reads, writes))
    return path


def _names(graph: Graph) -> tuple[Callable[[int], str], Callable[[int], str]]:
    """Of units and what D writes above them, and of glosses; what lies above both are symbols that keep L∘G determinisable."""
    columns, above, glosses = graph.card["columns"]["names"], graph.card["written"], graph.alphabet.glosses

    def unit(label: int) -> str:
        if not label:
            return "ε"
        return above.get(str(label)) or (columns[label - 1] if label <= len(columns) else f"#{label}")

    def gloss(label: int) -> str:
        return "ε" if not label else glosses[label - 1] if label <= len(glosses) else "#0"

    return unit, gloss
