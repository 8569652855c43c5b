"""`saga console`: opens the console, signed in by a link that is good once, for a minute."""

import os
import sys
import webbrowser
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from cli.client import STATE_DIR, Api, ApiError, fail
from cli.orders.order import Url

SESSION = timedelta(hours=8)  # as long as the console remembers anybody
GRAPHICAL = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")  # any of these says that there is one


def open_console(
    *,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the link instead of opening a browser")
    ] = False,
    url: Url = None,
    state_dir: Annotated[Path, typer.Option("--state-dir")] = STATE_DIR,
) -> None:
    """Open the console in the browser, signed in.

    The link signs in once, within a minute. Without a browser it is printed.
    """
    try:
        api = Api.at(url, state_dir, lifetime=SESSION)
        made = api.post("/console/sign-in/links")
    except ApiError as error:
        raise fail(error) from error
    link = f"{api.url.rstrip('/')}/console/sign-in#code={made['code']}"
    if not print_only and has_browser(os.environ) and webbrowser.open(link):
        typer.echo("The console opens in your browser.")
        return
    typer.echo(link)
    typer.echo(f"It signs in once, within {made['expires_in']} s.", err=True)


def has_browser(environ: Mapping[str, str]) -> bool:
    """Whether there is a browser with windows: one of the terminal has no scripts to sign in by."""
    return sys.platform in {"darwin", "win32"} or any(environ.get(name) for name in GRAPHICAL)
