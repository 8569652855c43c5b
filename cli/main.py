"""The `saga` command: reads flags, calls, prints, and turns errors into exit codes.

A group of commands lives in a module of its own with a Typer app, and is registered below.
"""

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli.bench import bench
from cli.cost.command import show_cost
from cli.demo import demo
from cli.drill.app import app as drill
from cli.events.app import app as events
from cli.exit_codes import ExitCode
from cli.graph import graph
from cli.health import describe_health
from cli.operate.app import install
from cli.operate.user import app as user
from cli.orders import order, product
from cli.output import mark
from cli.record_histories import record
from cli.security.console import open_console
from cli.security.keys import app as keys
from cli.security.secrets import command as make_secrets
from cli.security.token import token
from cli.services import services
from cli.trace import trace
from cli.verify import verify
from cli.worker import worker
from infrastructure.temporal.program import run_and_end
from local_stack.commands import status as stack_status
from local_stack.commands.doctor import examine
from local_stack.commands.down import down as stop_stack
from local_stack.environment import VERSION
from local_stack.errors import StackError, StartFailed
from local_stack.options import ExternalServices, Options, Ports, Topology, parse_scale
from local_stack.programs import Programs
from local_stack.reporter import LastingConsole, Reporter
from local_stack.state.running_stacks import describe_others
from local_stack.state_dir import find_state_dir

app = typer.Typer(
    help="A durable order saga on Temporal: its local stack, and orders on it.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
# The help shows commands by what one wants to do, in this order.
START, ORDERS, OPERATE, PROVE, DEVELOP = "Start", "Orders", "Operate", "Prove", "Develop"

Port = Annotated[int, typer.Option(min=1, max=65535, help="Listen here on 127.0.0.1")]
Base = Annotated[int, typer.Option(min=1, max=65000, help="Worker n listens on this plus n")]
ServicesBase = Annotated[int, typer.Option(min=1, max=65000, help="Services listen from here on")]
StateFolder = Annotated[Path, typer.Option("--state-dir", help="Where data, logs and passwords go")]
Workers = Annotated[int, typer.Option("--workers", min=0, max=100, help="Worker processes")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]

STATE_DIR = Path(".saga")
DEFAULT = Ports()


@app.command(rich_help_panel=START)
def up(
    context: typer.Context,
    *,
    state_dir: StateFolder = STATE_DIR,
    workers: Workers = 2,
    separate: Annotated[
        bool, typer.Option("--separate", help="Have the API leave all work to the workers")
    ] = False,
    gateway: Annotated[bool, typer.Option(help="Start the API's gateway")] = True,
    tracing: Annotated[bool, typer.Option(help="Keep spans, for `saga trace`")] = True,
    encrypt: Annotated[
        bool, typer.Option("--encrypt", help="Encrypt payloads on Temporal; stays on once it is")
    ] = False,
    durable: Annotated[
        bool, typer.Option(help="Flush to disk; without, faster, and lost if the machine crashes")
    ] = True,
    gateway_port: Port = DEFAULT.gateway,
    api_port: Port = DEFAULT.api,
    temporal_port: Port = DEFAULT.temporal,
    temporal_ui_port: Port = DEFAULT.temporal_ui,
    codec_port: Port = DEFAULT.codec,
    provider_port: Port = DEFAULT.provider,
    postgres_port: Port = DEFAULT.postgres,
    metrics_base_port: Base = DEFAULT.metrics_base,
    health_base_port: Base = DEFAULT.health_base,
    topology: Annotated[Topology, typer.Option(help="Where the services run")] = Topology.MONOLITH,
    scale: Annotated[list[str], typer.Option(help="SERVICE=N: so many instances of it")] = [],  # noqa: B006 - typer's way
    services_base_port: ServicesBase = DEFAULT.services_base,
    port_offset: Annotated[
        int, typer.Option(min=0, help="Move every port that is not given by so much")
    ] = 0,
) -> None:
    """Start the whole stack, and keep it up until Ctrl-C.

    What runs already is used instead: set TEMPORAL_ADDRESS, USER_DATABASE_URL,
    ORDER_DATABASE_URL, INVENTORY_DATABASE_URL, PAYMENT_DATABASE_URL, EVENT_DATABASE_URL,
    REGISTRY_DATABASE_URL,
    PAYMENT_PROVIDER_URL or API_AUTH_JWKS.
    """
    given = Ports(
        gateway=gateway_port,
        api=api_port,
        temporal=temporal_port,
        temporal_ui=temporal_ui_port,
        codec=codec_port,
        provider=provider_port,
        postgres=postgres_port,
        metrics_base=metrics_base_port,
        health_base=health_base_port,
        services_base=services_base_port,
    )
    ports = given.move_defaults(port_offset)
    instances = parse_scale(scale)
    from local_stack.commands.up import up as run_stack  # noqa: PLC0415 - heavy

    options = Options(
        state_dir.absolute(),
        workers,
        ports,
        gateway,
        topology,
        instances,
        tracing,
        separate or VERSION[1] in os.environ,  # an API that works goes by no version
        encrypt,
        durable,
    )
    programs = context.find_object(Programs) or Programs()
    raise typer.Exit(run_stack(options, os.environ, Reporter(LastingConsole()), programs))


@app.command(rich_help_panel=START)
def down(state_dir: StateFolder = STATE_DIR) -> None:
    """Stop the stack, or end what a killed one left running."""
    typer.echo(stop_stack(find_state_dir(state_dir)))


@app.command(rich_help_panel=START)
def status(state_dir: StateFolder = STATE_DIR, as_json: AsJson = False) -> None:
    """Show what runs. Exit code 0 if all of it does, and answers well; 3 if not."""
    found = stack_status.status(find_state_dir(state_dir), describe_health)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        console = Console()
        here = ": none runs here" if found["state"] == "down" else ""
        console.print(f"the stack is [bold]{found['state']}[/]{here}")
        if others := describe_others(state_dir):
            typer.echo(others.strip())
        Reporter(console).table(found["urls"])
        if found["children"]:
            console.print(stack_status.children_table(found))
        for line in found["unwell"]:
            console.print(f"[yellow]{escape(line)}[/]")
    raise typer.Exit(ExitCode.DONE if found["up"] else ExitCode.DEGRADED)


@app.command(rich_help_panel=START)
def doctor(
    state_dir: StateFolder = STATE_DIR, workers: Workers = 2, as_json: AsJson = False
) -> None:
    """Check ports, programs, versions, disk and clock. Exit code 1 if something is wrong."""
    options = Options(state_dir.absolute(), workers)
    findings = examine(options, ExternalServices.by(os.environ))
    if as_json:
        typer.echo(json.dumps([finding.model_dump() for finding in findings], indent=2))
    else:
        console = Console(soft_wrap=True, highlight=False)
        for found in findings:
            beside = mark(well=found.ok)
            console.print(f"{beside} {escape(found.name)}: {escape(found.detail)}")
            if not found.ok:
                console.print(f"  [yellow]→ {escape(found.fix)}[/]")
    raise typer.Exit(0 if all(found.ok for found in findings) else 1)


app.command(rich_help_panel=START)(demo)
app.command(rich_help_panel=START)(token)
app.command("secrets", rich_help_panel=START)(make_secrets)
app.add_typer(order.app, name="order", rich_help_panel=ORDERS)
app.add_typer(product.app, name="product", rich_help_panel=ORDERS)
app.add_typer(user, name="user", rich_help_panel=ORDERS)
install(app, OPERATE)
app.command("console", rich_help_panel=OPERATE)(open_console)
app.command(rich_help_panel=OPERATE)(trace)
app.command(rich_help_panel=OPERATE)(services)
app.add_typer(events, name="events", rich_help_panel=OPERATE)
app.add_typer(keys, name="keys", rich_help_panel=OPERATE)
app.add_typer(drill, name="drill", rich_help_panel=OPERATE)
app.command(rich_help_panel=PROVE)(verify)
app.command(rich_help_panel=PROVE)(bench)
app.command(rich_help_panel=DEVELOP)(graph)
app.command(rich_help_panel=DEVELOP)(record)
app.command("cost", rich_help_panel=DEVELOP)(show_cost)
app.command(rich_help_panel=DEVELOP)(worker)


def main(programs: Programs | None = None) -> None:
    """The console's entry: an error that a person can mend is told in words, with exit code 1.

    `programs` replaces ours in the stack, for tests.
    """
    try:
        run_and_end(partial(app, obj=programs))
    except StackError as error:
        console = Console(stderr=True, soft_wrap=True, highlight=False)
        if isinstance(error, StartFailed) and error.tail:
            console.print(escape(error.tail), style="dim")
        console.print(f"[red]error:[/] {escape(str(error))}")
        sys.exit(1)


if __name__ == "__main__":
    main()
