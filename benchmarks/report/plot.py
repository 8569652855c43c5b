"""A run's results as a picture (PNG) and as a page (HTML) that holds it and the numbers."""

import base64
from html import escape
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.report.goals import judge
from benchmarks.report.result import Results, Summary
from benchmarks.stats import Spread

STYLE = (
    "body{font:16px sans-serif;margin:2em}td,th{padding:.2em .8em;text-align:left}img{width:100%}"
)


def write(results: Results, folder: Path) -> list[Path]:
    """Write `bench.png` and `bench.html`; where they are."""
    png, html = folder / "bench.png", folder / "bench.html"
    _figure(results).savefig(png, dpi=120)
    html.write_text(_page(results, png.read_bytes()))
    return [png, html]


def _figure(results: Results) -> Figure:
    """Three columns of bars: throughput, time alone, CPU; whiskers from lowest to highest."""
    subjects = list(results.subjects.values())
    figure = Figure(figsize=(16, 2 + 0.5 * len(subjects)), layout="constrained")
    rates, alone, cpu = figure.subplots(1, 3, sharey=True)
    _bars(rates, "sagas a second, at saturation", subjects, [subject.rate for subject in subjects])
    _bars(alone, "milliseconds, alone", subjects, [subject.alone_ms for subject in subjects])
    _bars(cpu, "CPU milliseconds each", subjects, [subject.cpu_ms for subject in subjects])
    return figure


def _bars(axes: Axes, title: str, subjects: list[Summary], values: list[Spread]) -> None:
    medians = [value.median for value in values]
    below = [value.median - value.low for value in values]
    above = [value.high - value.median for value in values]
    axes.barh([subject.title for subject in subjects], medians, xerr=[below, above], capsize=3)
    axes.set_title(title)
    axes.invert_yaxis()


def _page(results: Results, png: bytes) -> str:
    picture = base64.b64encode(png).decode()
    machine = ", ".join(f"{name}: {value}" for name, value in results.machine.items())
    goals = "".join(
        f"<tr><td>{escape(item.name)}<td>{escape(item.goal)}<td>"
        + ("not measured" if item.value is None else f"{item.value:.3g}<td>")
        + ("" if item.met is None else "met" if item.met else "<b>not met</b>")
        for item in judge(results.subjects)
    )
    data = escape(results.model_dump_json(indent=1))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>saga bench</title>'
        f"<style>{STYLE}</style><h1>saga bench</h1><p>{escape(machine)}</p>"
        f'<img alt="bars" src="data:image/png;base64,{picture}">'
        f"<table><tr><th>goal<th>asked<th>measured<th>{goals}</table>"
        f"<details><summary>all numbers</summary><pre>{data}</pre></details></html>"
    )
