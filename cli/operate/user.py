"""`saga user`: what operators do with accounts, by the REST API."""

import json
from typing import Annotated

import typer

from cli.client import Api, ApiError, fail
from cli.operate.batch import AsJson, Url

app = typer.Typer(help="Customers' accounts.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Customers' accounts."""


@app.command()
def erase(
    user: Annotated[str, typer.Argument(help="usr_…")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Forget a person for good. Orders under way go on; nobody can undo this."""
    if not yes:
        typer.confirm(f"Forget who {user} is, for good?", abort=True)
    try:
        erased = Api.at(url).post(f"/v1/users/{user}/erase")
    except ApiError as error:
        raise fail(error) from error
    said = f"{user} is erased: nobody can tell any more who that was"
    typer.echo(json.dumps(erased, indent=2) if as_json else said)
