"""Drawings of parts of a transducer as SVG: states from left to right, arcs with input, output and cost."""

from collections import defaultdict, deque
from collections.abc import Callable
from xml.sax.saxutils import escape

import pynini
from pywrapfst import Arc

#: Arcs of a drawing at most.
MAX_ARCS = 60
#: Labels that are written at an arrow.
MAX_LABELS = 4
#: Pixels between columns and between rows, radius of a state, margin.
_STEP, _ROW, _RADIUS, _MARGIN = 190, 64, 15, 70
_MARKER = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z"/></marker></defs>'
)

Point = tuple[float, float]


def arcs_around(fst: pynini.Fst, matches: Callable[[Arc], bool], most: int = MAX_ARCS) -> list[tuple[int, Arc]]:
    """The arcs that match, and those that follow them up to states where paths meet; (state, arc), `most` at most."""
    in_degree: dict[int, int] = defaultdict(int)
    every = [(state, arc) for state in fst.states() for arc in fst.arcs(state)]
    for _, arc in every:
        in_degree[arc.nextstate] += 1
    chosen = [(state, arc) for state, arc in every if matches(arc)][:most]
    queue, visited = deque(arc.nextstate for _, arc in chosen), {state for state, _ in chosen}
    while queue and len(chosen) < most:
        state = queue.popleft()
        if state in visited or in_degree[state] > 1:
            continue
        visited.add(state)
        for arc in fst.arcs(state):
            if len(chosen) < most:
                chosen.append((state, arc))
                queue.append(arc.nextstate)
    return chosen


def draw_svg(
    fst: pynini.Fst, arcs: list[tuple[int, Arc]], input_name: Callable[[int], str], output_name: Callable[[int], str]
) -> str:
    """An SVG drawing of (state, arc) pairs. input_name, output_name: names of labels; 0 is ε. Final states have two circles."""
    grid = _grid_positions(arcs)
    width = _MARGIN * 2 + _STEP * max((column for column, _ in grid.values()), default=0)
    height = _MARGIN * 2 + _ROW * max((row for _, row in grid.values()), default=0)
    position = {state: (_MARGIN + _STEP * column, _MARGIN + _ROW * row) for state, (column, row) in grid.items()}
    labels: dict[tuple[int, int], list[str]] = defaultdict(list)
    for state, arc in arcs:
        labels[state, arc.nextstate].append(f"{input_name(arc.ilabel)}:{output_name(arc.olabel)}{_cost(arc)}")
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        _MARKER,
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    lines += [_arrow(position[source], position[target], _shorten(texts)) for (source, target), texts in labels.items()]
    for state, (x, y) in position.items():
        lines += _circles(state, x, y, final=float(fst.final(state)) != float("inf"))
    return "\n".join([*lines, "</svg>", ""])


def _shorten(labels: list[str]) -> list[str]:
    return labels[:MAX_LABELS] + ([f"… {len(labels) - MAX_LABELS} more"] if len(labels) > MAX_LABELS else [])


def _circles(state: int, x: int, y: int, *, final: bool) -> list[str]:
    radii = (_RADIUS, 12) if final else (_RADIUS,)
    circles = [f'<circle cx="{x}" cy="{y}" r="{radius}" fill="white" stroke="black"/>' for radius in radii]
    return [*circles, f'<text x="{x}" y="{y + 4}" text-anchor="middle">{state}</text>']


def _grid_positions(arcs: list[tuple[int, Arc]]) -> dict[int, tuple[int, int]]:
    """State → (column, row). A state is one column right of the nearest state that leads to it."""
    next_row: dict[int, int] = defaultdict(int)
    positions = {}
    for state, column in _columns(arcs).items():
        positions[state] = (column, next_row[column])
        next_row[column] += 1
    return positions


def _columns(arcs: list[tuple[int, Arc]]) -> dict[int, int]:
    """State → column, by breadth-first search from the states that no arc leads to."""
    targets: dict[int, list[int]] = defaultdict(list)
    for state, arc in arcs:
        targets[state].append(arc.nextstate)
    reached = {arc.nextstate for _, arc in arcs}
    columns = dict.fromkeys([state for state in targets if state not in reached] or list(targets)[:1], 0)
    queue = deque(columns)
    # States on a cycle may be left over.
    while queue or (unplaced := [state for state in targets if state not in columns]):
        if not queue:
            columns[unplaced[0]] = 0
            queue.append(unplaced[0])
        state = queue.popleft()
        for target in targets[state]:
            if target not in columns:
                columns[target] = columns[state] + 1
                queue.append(target)
    return columns


def _cost(arc: Arc) -> str:
    cost = float(arc.weight)
    return f" {cost:.2f}" if cost else ""


def _arrow(start: Point, end: Point, labels: list[str]) -> str:
    """An arrow between two states with its labels: a loop if they are the same, and curved if it goes left."""
    (x, y), (u, v) = start, end
    if start == end:
        path = f"M{x - 8} {y - _RADIUS} C{x - 30} {y - 50} {x + 30} {y - 50} {x + 8} {y - _RADIUS}"
        middle = (x, y - 44)
    else:
        bend = -40 if u <= x else 0
        length = max(1.0, ((u - x) ** 2 + (v - y) ** 2) ** 0.5)
        a, b = (u - x) * _RADIUS / length, (v - y) * _RADIUS / length
        middle = ((x + u) / 2, (y + v) / 2 + bend - 6)
        path = f"M{x + a:.0f} {y + b:.0f} Q{(x + u) / 2:.0f} {(y + v) / 2 + 2 * bend:.0f} {u - a:.0f} {v - b:.0f}"
    texts = "".join(
        f'<text x="{middle[0]:.0f}" y="{middle[1] - 12 * (len(labels) - 1 - n):.0f}" text-anchor="middle">{escape(label)}</text>'
        for n, label in enumerate(labels)
    )
    return f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#tip)"/>{texts}'
