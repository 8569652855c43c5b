"""`saga user add|show|deactivate|erase`: what operators do with accounts, by the REST API."""

import json
from typing import Annotated, Any

import typer

from cli.client import Api
from cli.operate.batch import AsJson, Url
from cli.operate.errors import report_errors

UserId = Annotated[str, typer.Argument(help="usr_…")]
app = typer.Typer(help="Customers' accounts.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Customers' accounts."""


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="The person's name")],
    email: Annotated[str, typer.Argument(help="Where mails go")],
    *,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Open an account."""
    with report_errors():
        user = Api.at(url).post("/v1/users", {"name": name, "email": email})
    _print(user, as_json=as_json)


@app.command()
def show(user: UserId, *, as_json: AsJson = False, url: Url = None) -> None:
    """Show an account."""
    with report_errors():
        found = Api.at(url).get(f"/v1/users/{user}")
    _print(found, as_json=as_json)


@app.command()
def deactivate(user: UserId, *, as_json: AsJson = False, url: Url = None) -> None:
    """Close an account for new orders; those under way go on."""
    with report_errors():
        closed = Api.at(url).post(f"/v1/users/{user}/deactivate")
    _print(closed, as_json=as_json)


@app.command()
def erase(
    user: UserId,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Forget a person for good. Orders under way go on; nobody can undo this."""
    if not yes:
        typer.confirm(f"Forget who {user} is, for good?", abort=True)
    with report_errors():
        erased = Api.at(url).post(f"/v1/users/{user}/erase")
    said = f"{user} is erased: nobody can tell any more who that was"
    typer.echo(json.dumps(erased, indent=2) if as_json else said)


def _print(user: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(user))
        return
    state = "erased" if user["erased"] else "active" if user["active"] else "closed"
    who = "" if user["erased"] else f": {user['name']}, {user['email']}"
    typer.echo(f"{user['id']} is {state}{who}; opened at {user['created_at']}")
