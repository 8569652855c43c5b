"""Templates to pages. Everything is escaped but what a template itself says."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from console.security.csrf import HEADERS
from contracts.base import Money
from contracts.names import describe_settled, order_of
from contracts.orders import SettledStep

HERE = Path(__file__).parent
THEME = "saga_theme"
THEMES = ("light", "dark")


@cache
def templates() -> Environment:
    """The console's templates."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (money, amounts, words, milliseconds, moment, tell_settled, order_of)
    made.filters |= {item.__name__: item for item in filters}
    return made


def page(request: Request, name: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A whole page, with the headers that every page of the console has."""
    chosen = request.cookies.get(THEME, "")
    usual = {
        "session": request.scope.get("session"),
        "theme": chosen if chosen in THEMES else "",
        "path": request.url.path,
        "attention": getattr(request.state, "attention", None),
        "live": None,
    }
    html = templates().get_template(name).render(**{**usual, **context})
    return HTMLResponse(html, status, dict(HEADERS))


def part(name: str, macro: str, *arguments: Any) -> str:
    """A part of a page, from a template's macro."""
    return str(getattr(templates().get_template(name).module, macro)(*arguments))


def money(amount: Money) -> str:
    """Such as 1,050.00 EUR."""
    return amount.format()


def amounts(held: Iterable[Money]) -> str:
    """Of several currencies."""
    return " + ".join(row.format() for row in held if row.minor) or "nothing"


def tell_settled(steps: Iterable[SettledStep]) -> str:
    """What operators have settled of an order, in short."""
    return ", ".join(describe_settled(each.step, each.action) for each in steps)


def words(name: str) -> str:
    """A name of a status or step for people."""
    return name.replace("_", " ")


def milliseconds(seconds: float | None) -> str:
    """Such as 12 ms, 3.4 s or 5 min."""
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min"


def moment(when: datetime) -> str:
    """To the millisecond, in UTC."""
    return f"{when:%Y-%m-%d %H:%M:%S}.{when.microsecond // 1000:03}"
