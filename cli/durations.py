"""Spans of time as people write them on a command line."""

import re
from datetime import timedelta

import typer

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
SPAN = re.compile(r"([0-9]{1,6})([smhd])")


def lifetime(text: str, *, least: timedelta = timedelta(0)) -> timedelta:
    """From 90s, 15m, 1h or 7d. BadParameter says what is wrong."""
    found = SPAN.fullmatch(text)
    span = timedelta(**{UNITS[found[2]]: int(found[1])}) if found else None
    if span is None or span < least:
        raise typer.BadParameter(f"{text!r}: say a number and a unit, such as 90s, 15m, 1h or 7d")
    return span
