"""A definition as a picture of its own, for pages that draw no Mermaid."""

from collections.abc import Iterator
from html import escape
from typing import Any

from saga.definition import SagaDefinition
from saga.step import Step, StepKind, activity_name

WIDTH, HEIGHT, GAP, MARGIN = 158, 54, 34, 16  # of a box, and between boxes, in pixels
FILLS = {
    StepKind.READ: ("#eef2f7", "#64748b"),
    StepKind.COMPENSATABLE: ("#e0f2fe", "#0369a1"),
    StepKind.PIVOT: ("#fef3c7", "#b45309"),
    StepKind.RETRIABLE: ("#dcfce7", "#15803d"),
}
UNDO = "#b91c1c"
HEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
    'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="context-stroke"/></marker></defs>'
)


def svg(definition: SagaDefinition) -> str:
    """The picture: boxes from left to right, below each what undoes it."""
    stages = [list(stage) for stage in definition.stages]
    rows = max(map(len, stages))
    width = 2 * MARGIN + len(stages) * WIDTH + (len(stages) - 1) * GAP
    height = 2 * MARGIN + rows * (2 * HEIGHT + GAP) + (rows - 1) * GAP
    parts = [HEAD]
    for column, stage in enumerate(stages):
        for row, step in enumerate(stage):
            parts += _step(step, MARGIN + column * (WIDTH + GAP), _top(row))
        if column:
            parts.append(_arrow(MARGIN + column * (WIDTH + GAP) - GAP, MARGIN + HEIGHT // 2))
    title = f"<title>{escape(definition.name)}: its steps, and how each is undone</title>"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="12" role="img">\n'
        + "\n".join([title, *parts])
        + "\n</svg>\n"
    )


def _top(row: int) -> int:
    return MARGIN + row * (2 * HEIGHT + 2 * GAP)


def _step(step: Step[Any, Any], x: int, y: int) -> Iterator[str]:
    fill, stroke = FILLS[step.kind]
    thick = 3 if step.kind is StepKind.PIVOT else 1
    yield _box(x, y, f'fill="{fill}" stroke="{stroke}" stroke-width="{thick}"')
    yield _text(x, y + 16, step.name, ' font-weight="bold"')
    each = ", once for each" if step.commands is not None else ""
    yield _text(x, y + 31, step.kind + each + (", waits" if step.awaits else ""))
    yield _text(x, y + 46, activity_name(step.action))
    if step.compensation is not None:
        below = y + HEIGHT + GAP
        middle = x + WIDTH // 2
        yield (
            f'<path d="M{middle} {y + HEIGHT}V{below}" stroke="{UNDO}" stroke-dasharray="4" '
            f'marker-end="url(#head)"/>'
        )
        yield _box(x, below, f'fill="#fff" stroke="{UNDO}" stroke-dasharray="4"')
        yield _text(x, below + 23, "undone by", f' fill="{UNDO}"')
        yield _text(x, below + 38, activity_name(step.compensation))


def _box(x: int, y: int, style: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" {style}/>'


def _text(x: int, y: int, text: str, style: str = "") -> str:
    middle = x + WIDTH // 2
    return f'<text x="{middle}" y="{y}" text-anchor="middle"{style}>{escape(text)}</text>'


def _arrow(x: int, y: int) -> str:
    return f'<path d="M{x} {y}H{x + GAP}" stroke="#334155" marker-end="url(#head)"/>'
