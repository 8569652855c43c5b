"""`saga user list|show|add|deactivate|erase`: what operators do with accounts, by the REST API."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.client import Api
from cli.operate.batch import AsJson, Url
from cli.operate.errors import report_errors
from cli.output import FittingTable, keep_whole

UserId = Annotated[str, typer.Argument(help="usr_…")]
app = typer.Typer(help="Customers' accounts.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Customers' accounts."""


@app.command("list")
def list_users(
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100)] = 20,
    cursor: Annotated[str | None, typer.Option("--cursor", help="From the last page")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List accounts, newest first. Who one is shows in `saga user show` alone."""
    with report_errors():
        page = Api.at(url).get("/v1/users", limit=limit, cursor=cursor)
    if as_json:
        typer.echo(json.dumps(page))
        return
    console = Console()
    console.print(make_table(page["items"]) if page["items"] else "there is no account")
    if page["next_cursor"]:
        console.print(f"more: saga user list --cursor {page['next_cursor']}", soft_wrap=True)


def make_table(accounts: list[dict[str, Any]]) -> FittingTable:
    """A line an account."""
    table = FittingTable(*keep_whole("account", "state", "opened"))
    for account in accounts:
        opened = account["created_at"][:19].replace("T", " ")
        table.add_row(account["id"], _name_state(account), opened)
    return table


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
    who = "" if user["erased"] else f": {user['name']}, {user['email']}"
    typer.echo(f"{user['id']} is {_name_state(user)}{who}; opened at {user['created_at']}")


def _name_state(account: dict[str, Any]) -> str:
    return "erased" if account["erased"] else "active" if account["active"] else "closed"
