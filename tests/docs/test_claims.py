"""What the documents name exists, and their tables agree with the code."""

import re
from datetime import timedelta
from pathlib import Path
from pkgutil import resolve_name

import pytest
from typer.testing import CliRunner

from api.__main__ import AuthSettings
from api.security.authentication import Scope
from cli.main import app
from contracts.names import SEARCH_ATTRIBUTES
from infrastructure.envoy.settings import PREFIX, GatewaySettings
from infrastructure.http.circuit_breaker import Limits
from infrastructure.postgres.primary import SERVER_SETTINGS
from infrastructure.security.access_tokens import MAX_LEEWAY
from infrastructure.security.jwks import MAX_AGE, MIN_INTERVAL
from infrastructure.settings import ProviderSettings
from local_stack.options import Ports
from saga.__main__ import main as run_engine
from sandbox.payment_methods import METHODS
from services.composition import DEADLINES
from tests.docs.markdown import (
    ARCHITECTURE,
    AUTHENTICATION,
    CONTRIBUTING,
    DOCUMENTS,
    GATEWAY,
    PAYMENT_METHODS,
    PORTS,
    ROOT,
    anchors,
    links,
    prose,
    shell_blocks,
    table_rows,
)

CODE = re.compile(r"`([^`\n]+)`")
TARGET = re.compile(r"^(?!suite-)([a-z-]+):.*## ", re.MULTILINE)
SUITE = re.compile(r"^suite-([a-z-]+):.*#: ", re.MULTILINE)

# Where the code has what ARCHITECTURE's table of time-outs names; looked up late, so that a name
# that has moved fails one test.
TIMES = {
    "Step.attempt": "saga.step:Step.attempt",
    "Step.patience": "saga.step:Step.patience",
    "CHARGE": "workflows.place_order:CHARGE.attempt",
    "Step.park_after": "saga.step:Step.park_after",
    "PLACE_ORDER": "workflows.place_order:PLACE_ORDER.deadline",
    "STICKY_TIMEOUT": "workers.registration:STICKY_TIMEOUT",
    "GRACEFUL_SHUTDOWN": "workers.registration:GRACEFUL_SHUTDOWN",
    "CONCURRENT_ACTIVITIES": "workers.registration:CONCURRENT_ACTIVITIES",
    "SHORT": "saga.activity_execution:SHORT",
    "TASK_TIMEOUT": "api.temporal.start_options:TASK_TIMEOUT",
    "LOCAL_ACTIVITIES": "workers.registration:LOCAL_ACTIVITIES",
    "RPC_TIMEOUT": "api.temporal.saga_gateway:RPC_TIMEOUT",
    "HEAD_TIMEOUT": "api.http.limits:HEAD_TIMEOUT",
    "BODY_TIMEOUT": "api.http.limits:BODY_TIMEOUT",
    "WRITE_TIMEOUT": "api.http.limits:WRITE_TIMEOUT",
    "HEARTBEAT": "api.http.sse:HEARTBEAT",
    "MOST_STREAMS": "api.dependencies:MOST_STREAMS",
    "LONGEST_WAIT": "api.http.prefer:LONGEST_WAIT",
    "MOST_STARTS": "api.dependencies:MOST_STARTS",
    "MOST_WAITING": "api.dependencies:MOST_WAITING",
    "UPDATE_TIMEOUT": "api.temporal.errors:UPDATE_TIMEOUT",
    "DOUBTFUL_QUERY_TIMEOUT": "api.temporal.errors:DOUBTFUL_QUERY_TIMEOUT",
}


def in_words(value: object) -> str:
    """A duration or a limit as the documents write it."""
    return f"{value.total_seconds():g} s" if isinstance(value, timedelta) else str(value)


def commands_of(program: str) -> set[str]:
    """Every call of this program in the documents, in blocks and in running text."""
    blocks = [block.commands for document in DOCUMENTS for block in shell_blocks(document)]
    inline = [code for document in DOCUMENTS for code in CODE.findall(prose(document))]
    # `python -m saga` is the engine's program, and has other commands.
    call = re.compile(rf"(?<![\w/.-])(?<!-m ){program} ([a-z-][^|;)\n]*)")
    return {found.strip() for text in [*blocks, *inline] for found in call.findall(text)}


def test_the_commands_of_the_engine_exist(capsys: pytest.CaptureFixture[str]) -> None:
    calls = {call.split()[0] for call in commands_of("python -m saga")}
    assert calls >= {"new", "verify"}
    for command in calls:
        with pytest.raises(SystemExit) as ended:
            run_engine([command, "--help"])
        assert ended.value.code == 0, command
        assert f"python -m saga {command}" in capsys.readouterr().out


def row_of(name: str) -> list[str]:
    """The row of ARCHITECTURE's table of times that names this."""
    rows = [row for row in table_rows(ARCHITECTURE) if len(row) == 4 and f"`{name}`" == row[2]]
    assert len(rows) == 1, f"{name}: {rows}"
    return rows[0]


def first_column(document: Path, header: str) -> set[str]:
    """What is in code type in the first column of the document's table with this header."""
    rows = [row for row in table_rows(document) if len(row) == 2]
    begin = next(number for number, row in enumerate(rows) if row[0] == header) + 2
    names: set[str] = set()
    for cell, _ in rows[begin:]:
        if not (found := CODE.findall(cell)):
            break
        names |= set(found)
    return names


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda it: it.name)
def test_links_lead_somewhere(document: Path) -> None:
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


def test_saga_commands_and_options_exist() -> None:
    calls = commands_of("saga")
    assert len(calls) > 10
    for call in calls:
        words = call.split()
        path = [word for word in words if re.fullmatch("[a-z]+(-[a-z]+)*", word)]
        shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, f"saga {call}: {shown.output}"
        for option in (word for word in words if word.startswith("--")):
            assert f" {option} " in shown.output, f"saga {call}: no option {option}"


def test_make_targets_exist_and_all_are_described() -> None:
    makefile = (ROOT / "Makefile").read_text()
    calls = commands_of("make")
    assert {call.split()[0] for call in calls} <= set(TARGET.findall(makefile))
    suites = {name for call in calls for name in re.findall(r"SUITE=([a-z-]+)", call)}
    assert suites <= set(SUITE.findall(makefile))
    described = {row[0] for row in table_rows(CONTRIBUTING)}
    assert {f"`make {target}`" for target in TARGET.findall(makefile)} <= described
    assert {f"`make test SUITE={suite}`" for suite in SUITE.findall(makefile)} <= described


def test_files_named_in_the_documents_exist() -> None:
    """As far as they look like a path of the repository: a folder of ours, a slash, a name."""
    ours = "|".join(item.name for item in ROOT.iterdir() if item.is_dir() and item.name[0] != ".")
    path = re.compile(rf"(?<![\w./-])((?:{ours})/[\w./-]*)(?![\w<*$-])")
    for document in DOCUMENTS:
        for text in [
            *CODE.findall(prose(document)),
            *(block.commands for block in shell_blocks(document)),
        ]:
            for named in path.findall(text):
                assert (ROOT / named).exists(), f"{document.name}: {named}"


def test_the_page_on_payment_methods_lists_all() -> None:
    assert first_column(PAYMENT_METHODS, "method") == set(METHODS)
    for name, how in METHODS.items():
        row = next(row for row in table_rows(PAYMENT_METHODS) if f"`{name}`" in row[0])
        if how.authentication:
            assert "authenticate" in row[1]
        elif how.decline:
            assert row[1] == f"rejected: `{how.decline.decline_code}`"


def test_the_page_on_ports_has_those_of_the_local_stack() -> None:
    rows = [row for row in table_rows(PORTS) if row[0].isdecimal()]
    told = {flag.strip("`"): int(port) for port, flag, _ in rows}
    fields = Ports.model_fields.items()
    assert told == {f"--{name.replace('_', '-')}-port": field.default for name, field in fields}


def test_search_attributes_are_listed() -> None:
    named = {row[0].strip("`") for row in table_rows(ARCHITECTURE)}
    assert named >= set(SEARCH_ATTRIBUTES)


@pytest.mark.parametrize("name", TIMES)
def test_times_and_limits_are_those_of_the_code(name: str) -> None:
    assert row_of(name)[1] == in_words(resolve_name(TIMES[name]))


def test_the_page_on_authentication_has_the_settings_and_scopes_of_the_code() -> None:
    rows = {row[0].strip("`"): row[-1] for row in table_rows(AUTHENTICATION)}
    assert set(AuthSettings.model_fields) == {
        match.lower() for match in rows if match.startswith("API_")
    }
    assert set(Scope) <= set(rows)
    defaults = {name: field.default for name, field in AuthSettings.model_fields.items()}
    leeway = f"{defaults['api_auth_leeway']:g} unless set, {MAX_LEEWAY:g} at most"
    assert leeway in rows["API_AUTH_LEEWAY"]
    assert f"{defaults['api_auth_max_token_bytes']} unless" in rows["API_AUTH_MAX_TOKEN_BYTES"]
    text = prose(AUTHENTICATION)
    assert f"trusted for {MAX_AGE / 60:g} minutes more" in text
    assert f"not more often than every {MIN_INTERVAL:g} seconds" in text


def test_times_between_services_are_those_of_the_code() -> None:
    others = {deadline for service, deadline in DEADLINES.items() if service != "payment"}
    assert row_of("DEADLINES")[1] == f"{others.pop():g} s, payment {DEADLINES['payment']:g} s"
    assert not others
    assert row_of("Limits.recovery")[1] == f"{Limits().recovery:g} s"


def test_times_of_settings_are_those_of_the_code() -> None:
    provider = ProviderSettings.model_fields["payment_provider_timeout"].default
    assert row_of("payment_provider_timeout")[1] == f"{provider:g} s"
    for name, value in SERVER_SETTINGS.items():
        if name.endswith("_timeout"):
            assert row_of(name)[1].replace(" ", "") == value


def test_the_gateways_settings_are_as_the_code_has_them() -> None:
    rows = [row for row in table_rows(GATEWAY) if row[0].startswith(f"`{PREFIX}")]
    told = {name.strip("`").removeprefix(PREFIX).lower(): value for name, _, value in rows}
    fields = GatewaySettings.model_fields
    assert told == {name: f"{field.default:g}" for name, field in fields.items()}
