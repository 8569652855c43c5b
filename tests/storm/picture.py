"""The storm as a picture: an SVG without any library."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from tests.storm.arrivals import Sample

WIDTH, HEIGHT, LEFT, TOP, GAP = 860, 200, 60, 40, 60
Line = tuple[str, str, Callable[[Sample], float]]
SAGAS: Sequence[Line] = (
    ("open sagas", "#1f6feb", lambda it: it.open),
    ("being undone", "#d1242f", lambda it: it.undoing),
    ("window", "#6e7781", lambda it: it.window),
)
RATES: Sequence[Line] = (
    ("accepted", "#1a7f37", lambda it: it.accepted),
    ("refused", "#d1242f", lambda it: it.refused),
    ("ended", "#1f6feb", lambda it: it.ended),
)


def drawn(samples: Sequence[Sample], cut: float, mended: float) -> str:
    """Two charts over the seconds: how many sagas there are, and orders a second."""
    flow = [_between(*pair) for pair in pairwise(samples)]
    end = samples[-1].at
    parts = [
        _chart("Sagas", TOP, SAGAS, samples, end),
        _chart("Orders a second", TOP + HEIGHT + GAP, RATES, flow, end),
    ]
    x, width = LEFT + WIDTH * cut / end, WIDTH * (mended - cut) / end
    height = 2 * (HEIGHT + GAP) + TOP
    box = f'x="{x:.0f}" y="{TOP}" width="{width:.0f}" height="{height - TOP - GAP}"'
    outage = f'<rect {box} fill="#fff1e5"/>'
    label = f'<text x="{x + 6:.0f}" y="{TOP + 14}">provider away</text>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 2 * LEFT} {height}" '
    font = 'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
    return "\n".join([head + font, outage, label, *parts, "</svg>", ""])


def _chart(
    title: str, top: int, lines: Sequence[Line], samples: Sequence[Sample], end: float
) -> str:
    most = max([1.0, *(value(sample) for _, _, value in lines for sample in samples)])
    bottom = top + HEIGHT
    parts = [f'<text x="{LEFT}" y="{top - 8}" font-weight="bold">{title}</text>']
    for share in (0, 0.5, 1):
        y = bottom - HEIGHT * share
        parts.append(f'<path d="M{LEFT} {y:.0f}h{WIDTH}" stroke="#d0d7de"/>')
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{most * share:.0f}</text>'
        )
    for number, (name, colour, value) in enumerate(lines):
        points = " ".join(
            f"{LEFT + WIDTH * sample.at / end:.1f},{bottom - HEIGHT * value(sample) / most:.1f}"
            for sample in samples
        )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        x = LEFT + 160 + 130 * number
        parts.append(f'<text x="{x}" y="{top - 8}" fill="{colour}">{name}</text>')
    parts.append(f'<text x="{LEFT}" y="{bottom + 16}">0 s</text>')
    parts.append(f'<text x="{LEFT + WIDTH}" y="{bottom + 16}" text-anchor="end">{end:.0f} s</text>')
    return "\n".join(parts)


def _between(before: Sample, after: Sample) -> Sample:
    """What happened a second between two looks."""
    seconds = after.at - before.at
    return after._replace(
        accepted=round((after.accepted - before.accepted) / seconds),
        refused=round((after.refused - before.refused) / seconds),
        ended=round((after.ended - before.ended) / seconds),
    )
