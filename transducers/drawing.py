"""A part of a transducer as a picture: states left to right, arcs with what they read, write and cost."""

from collections import defaultdict, deque
from collections.abc import Callable
from xml.sax.saxutils import escape

import pynini

#: Arcs that a picture can hold.
MOST_ARCS = 60
_STEP, _ROW, _RADIUS, _MARGIN = 190, 64, 15, 70


def arcs_around(fst: pynini.Fst, matches: Callable[[pynini.Arc], bool], most: int = MOST_ARCS) -> list[tuple[int, pynini.Arc]]:
    """(state, arc) of the arcs that match, and of what leads on from them until paths meet again, `most` at most."""
    degree = defaultdict(int)
    every = [(state, arc) for state in fst.states() for arc in fst.arcs(state)]
    for _, arc in every:
        degree[arc.nextstate] += 1
    chosen = [(state, arc) for state, arc in every if matches(arc)][:most]
    queue, known = deque(arc.nextstate for _, arc in chosen), {state for state, _ in chosen}
    while queue and len(chosen) < most:
        state = queue.popleft()
        if state in known or degree[state] > 1:  # a state that many lead to is where this way ends
            continue
        known.add(state)
        for arc in fst.arcs(state):
            if len(chosen) < most:
                chosen.append((state, arc))
                queue.append(arc.nextstate)
    return chosen


def draw_svg(
    fst: pynini.Fst, arcs: list[tuple[int, pynini.Arc]], reads: Callable[[int], str], writes: Callable[[int], str]
) -> str:
    """An SVG picture of some arcs. reads, writes: names of labels, ε of 0. A double circle is a state that may end."""
    place = _places(arcs)
    width = _MARGIN * 2 + _STEP * max((x for x, _ in place.values()), default=0)
    height = _MARGIN * 2 + _ROW * max((y for _, y in place.values()), default=0)
    at = {state: (_MARGIN + _STEP * x, _MARGIN + _ROW * y) for state, (x, y) in place.items()}
    together: dict[tuple[int, int], list[pynini.Arc]] = defaultdict(list)
    for state, arc in arcs:
        together[state, arc.nextstate].append(arc)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for (source, target), own in together.items():
        labels = [f"{reads(arc.ilabel)}:{writes(arc.olabel)}{_cost(arc)}" for arc in own]
        lines.append(_arrow(at[source], at[target], labels[:4] + ([f"… {len(labels) - 4} more"] if len(labels) > 4 else [])))
    for state, (x, y) in at.items():
        final = float(fst.final(state)) != float("inf")
        lines += [
            f'<circle cx="{x}" cy="{y}" r="{r}" fill="white" stroke="black"/>' for r in ((_RADIUS, 12) if final else (_RADIUS,))
        ]
        lines.append(f'<text x="{x}" y="{y + 4}" text-anchor="middle">{state}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _places(arcs: list[tuple[int, pynini.Arc]]) -> dict[int, tuple[int, int]]:
    """State → (column, row): a column further than the nearest state that leads to it."""
    onwards = defaultdict(list)
    reached = {arc.nextstate for _, arc in arcs}
    for state, arc in arcs:
        onwards[state].append(arc.nextstate)
    column: dict[int, int] = {}
    for root in [state for state in onwards if state not in reached] or list(onwards)[:1]:
        column.setdefault(root, 0)
    queue = deque(column)
    while queue or (left := [state for state in onwards if state not in column]):
        if not queue:
            column[left[0]] = 0
            queue.append(left[0])
        state = queue.popleft()
        for target in onwards[state]:
            if target not in column:
                column[target] = column[state] + 1
                queue.append(target)
    rows: dict[int, int] = defaultdict(int)
    place = {}
    for state, x in column.items():
        place[state] = (x, rows[x])
        rows[x] += 1
    return place


def _cost(arc: pynini.Arc) -> str:
    cost = float(arc.weight)
    return f" {cost:.2f}" if cost else ""


def _arrow(start: tuple[int, int], end: tuple[int, int], labels: list[str]) -> str:
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
    words = "".join(
        f'<text x="{middle[0]:.0f}" y="{middle[1] - 12 * (len(labels) - 1 - n):.0f}" text-anchor="middle">{escape(label)}</text>'
        for n, label in enumerate(labels)
    )
    return f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#tip)"/>{words}'
