"""What is started for which flags and variables, and what the children are told."""

import os
from pathlib import Path

import pytest

from contracts.names import DATABASES, SERVICES
from local_stack.errors import PortsTaken, StackError
from local_stack.options import (
    ExternalServices,
    Options,
    Ports,
    Topology,
    parse_scale,
    wanted_ports,
)
from local_stack.plan import Plan, make_plan
from local_stack.ports import demand
from local_stack.programs import Programs
from local_stack.state_dir import StateDir
from local_stack.supervision.child import Child, Job
from local_stack.urls import without_password
from tests.support.ports import free_port
from tests.support.stack import remove_elsewhere

URLS = {
    f"{service}_DATABASE_URL": f"postgresql://me:secret@db.example/{service}"
    for service in map(str.upper, DATABASES)
}


def plan_for(state_dir: Path, environ: dict[str, str]) -> Plan:
    plan = make_plan(Options(state_dir), ExternalServices.by(environ), environ, Programs())
    remove_elsewhere(state_dir)
    return plan


def names(plan: Plan) -> list[str]:
    return [step.name for stage in plan.stages for lane in stage for step in lane]


def child(plan: Plan, name: str) -> Child:
    steps = [step for stage in plan.stages for lane in stage for step in lane]
    return next(step for step in steps if isinstance(step, Child) and step.name == name)


@pytest.mark.parametrize("separate", [False, True])
def test_the_api_works_too_unless_it_is_to_be_separate(tmp_path: Path, separate: bool) -> None:
    options = Options(tmp_path, separate=separate)
    plan = make_plan(options, ExternalServices.by({}), {}, Programs())
    remove_elsewhere(tmp_path)
    assert ("--work" in child(plan, "api").argv) is not separate
    own = options.ports.metrics_of_api(options.workers)
    assert (
        own in {port.port for port in wanted_ports(options, ExternalServices.by({}))}
    ) is not separate


def test_what_is_stored_is_flushed_unless_it_need_not_be(tmp_path: Path) -> None:
    """PostgreSQL's own defaults flush, and the last setting of a name holds."""
    for durable in (True, False):
        plan = make_plan(
            Options(tmp_path, durable=durable), ExternalServices.by({}), {}, Programs()
        )
        remove_elsewhere(tmp_path)
        postgres, temporal = (child(plan, name).argv for name in ("postgres", "temporal"))
        settings = dict(
            postgre.split("=") for postgre in postgres if postgre.startswith(("fsync", "full_page"))
        )
        assert settings.get("fsync") == ("on" if durable else "off")
        assert settings.get("full_page_writes", "on") == ("on" if durable else "off")
        assert ("synchronous=full" in temporal) is durable
        assert "synchronous_commit=on" in postgres  # what it said survives its own crash


def test_everything_is_started_where_nothing_runs(tmp_path: Path) -> None:
    plan = plan_for(tmp_path, {})
    for name in ("postgres", "temporal", "provider", "api", "gateway", "worker-1", "worker-2"):
        assert isinstance(child(plan, name), Child)
    first, second = plan.stages
    assert all(isinstance(lane[-1], Child) for lane in second)
    assert any(
        isinstance(step, Job) and step.name == "migrations" for lane in first for step in lane
    )


def test_the_api_trusts_the_stacks_own_key_where_no_issuer_is_given(tmp_path: Path) -> None:
    plan = plan_for(tmp_path, {})
    assert plan.issuer is not None
    auth = child(plan, "api").env
    assert auth["API_AUTH_ISSUER"] == plan.issuer.name
    assert Path(auth["API_AUTH_JWKS"]).read_text() == plan.issuer.key.jwks


def test_what_runs_is_used(tmp_path: Path) -> None:
    given = {
        **URLS,
        "TEMPORAL_ADDRESS": "temporal.example:7233",
        "TEMPORAL_API_KEY": "key",
        "PAYMENT_PROVIDER_URL": "https://provider.example",
        "PAYMENT_PROVIDER_KEY": "sk_test_mine",
        "API_AUTH_JWKS": "https://issuer.example/jwks",
        "API_AUTH_ISSUER": "https://issuer.example",
        "API_AUTH_AUDIENCE": "orders",
    }
    plan = plan_for(tmp_path, given)
    edge = ["gateway's configuration", "gateway"]
    assert names(plan) == [
        "migrations",
        "personal data",
        "search attributes",
        "api",
        *edge,
        "relay",
        "webhooks",
        "worker-1",
        "worker-2",
    ]
    assert given.items() <= child(plan, "api").env.items()
    assert "secret" not in str(plan.urls)
    assert not (tmp_path / "postgres").exists()
    assert plan.issuer is None
    assert not StateDir(tmp_path).signing_key.exists()


def test_one_given_database_is_used_beside_ours(tmp_path: Path) -> None:
    given = {"USER_DATABASE_URL": URLS["USER_DATABASE_URL"]}
    plan = plan_for(tmp_path, given)
    env = child(plan, "worker-1").env
    assert "postgres" in names(plan)
    assert env["USER_DATABASE_URL"] == given["USER_DATABASE_URL"]
    assert env["ORDER_DATABASE_URL"].endswith("@127.0.0.1:15432/orders")


def test_nothing_of_the_users_leads_away_from_our_servers(tmp_path: Path) -> None:
    env = child(plan_for(tmp_path, {"TEMPORAL_API_KEY": "key", "PGSSLMODE": "require"}), "api").env
    assert env["TEMPORAL_ADDRESS"] == "127.0.0.1:7233"
    assert env["TEMPORAL_CONFIG_FILE"] == os.devnull
    assert "TEMPORAL_API_KEY" not in env
    assert "PGSSLMODE" not in env


def test_a_provider_without_its_key_is_refused() -> None:
    with pytest.raises(StackError, match="PAYMENT_PROVIDER_KEY"):
        ExternalServices.by({"PAYMENT_PROVIDER_URL": "https://provider.example"})


def test_a_port_asked_for_twice_is_refused(tmp_path: Path) -> None:
    port = free_port()
    options = Options(tmp_path, workers=0, ports=Ports(api=port, provider=port))
    wanted = [item for item in wanted_ports(options, ExternalServices()) if item.port == port]
    with pytest.raises(PortsTaken, match=f"port {port} is asked for twice, by API and payment"):
        demand(wanted)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@h:1/d?password=secret", "postgresql://me@h:1/d"),
        ("https://provider.example/v1", "https://provider.example/v1"),
        ("https://u:p%40ss@[::1]:1/", "https://u@[::1]:1/"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


def split_plan(state_dir: Path, environ: dict[str, str], **scale: int) -> Plan:
    options = Options(state_dir, topology=Topology.SERVICES, scale=scale)
    plan = make_plan(options, ExternalServices.by(environ), environ, Programs())
    remove_elsewhere(state_dir)
    return plan


def test_services_as_processes_are_started_after_what_they_need_and_before_who_calls_them(
    tmp_path: Path,
) -> None:
    _, services, callers = split_plan(tmp_path, {}, payment=3).stages
    started = [step.name for lane in services for step in lane]
    others = [f"{service}-1" for service in SERVICES if service != "payment"]
    payments = ["payment-1", "payment-2", "payment-3"]
    assert started[0] == "discovery"
    assert sorted(started[1:]) == sorted([*others, *payments])
    assert {"api", "worker-1", "gateway"} <= {step.name for lane in callers for step in lane}


def test_who_calls_services_has_their_urls_and_no_database(tmp_path: Path) -> None:
    plan = split_plan(tmp_path, {})
    for caller in ("api", "worker-1"):
        env = child(plan, caller).env
        assert env["PAYMENT_SERVICE_URL"] == "http://127.0.0.1:8503"
        assert Path(env["SERVICE_AUTH_KEY"]).stat().st_mode & 0o077 == 0
        own = {"EVENT_DATABASE_URL"} if caller == "api" else set()  # where webhooks are
        assert {
            variable
            for variable in env
            if variable.endswith("_DATABASE_URL") or "PROVIDER" in variable
        } == own


def test_who_sends_webhooks_has_the_event_database_and_no_other(tmp_path: Path) -> None:
    env = child(plan_for(tmp_path, {}), "webhooks").env
    found = {
        variable for variable in env if variable.endswith("_DATABASE_URL") or "PROVIDER" in variable
    }
    assert found == {"EVENT_DATABASE_URL"}
    assert env["WEBHOOK_ALLOWED_NETWORKS"] == "127.0.0.1"
    plan = plan_for(tmp_path, {"WEBHOOK_ALLOWED_NETWORKS": ""})
    assert child(plan, "webhooks").env["WEBHOOK_ALLOWED_NETWORKS"] == ""


def test_the_api_knows_where_its_console_looks(tmp_path: Path) -> None:
    plan = split_plan(tmp_path, {})
    env = child(plan, "api").env
    places = [word.partition("=") for word in env["CONSOLE_METRICS"].split()]
    assert ("worker-1", "http://127.0.0.1:9201/metrics") in [
        (place[0], place[2]) for place in places
    ]
    assert {place[0] for place in places} >= {"worker-1", "payment-1", "discovery"}
    assert env["CONSOLE_ENVOY"].endswith("gateway.sock")
    given = child(split_plan(tmp_path, {"CONSOLE_ENVOY": "http://envoy.example"}), "api").env
    assert given["CONSOLE_ENVOY"] == "http://envoy.example"


def test_demo_orders_are_offered_beside_the_sandbox_only(tmp_path: Path) -> None:
    assert child(plan_for(tmp_path, {}), "api").env["CONSOLE_DEMO_ORDERS"] == "true"
    real = {"PAYMENT_PROVIDER_URL": "https://provider.example", "PAYMENT_PROVIDER_KEY": "sk_1"}
    assert child(plan_for(tmp_path, real), "api").env["CONSOLE_DEMO_ORDERS"] == "false"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_its_own_database_and_can_mint_no_token(tmp_path: Path, service: str) -> None:
    env = child(split_plan(tmp_path, {}), f"{service}-1").env
    databases = {variable for variable in env if variable.endswith("_DATABASE_URL")}
    assert databases == {f"{service.upper()}_DATABASE_URL", "REGISTRY_DATABASE_URL"}
    assert "SERVICE_AUTH_KEY" not in env
    assert "PRIVATE" not in Path(env["SERVICE_AUTH_JWKS"]).read_text()
    assert ("PAYMENT_PROVIDER_KEY" in env) == (service == "payment")


def test_the_registry_may_be_elsewhere_too(tmp_path: Path) -> None:
    registry = {"REGISTRY_DATABASE_URL": "postgresql://me:secret@db.example/registry"}
    for name in ("ours", "elsewhere"):
        (tmp_path / name).mkdir()
    assert "postgres" in names(split_plan(tmp_path / "ours", URLS))
    plan = split_plan(tmp_path / "elsewhere", URLS | registry)
    assert "postgres" not in names(plan)
    assert registry.items() <= child(plan, "discovery").env.items()


def test_a_strategy_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="USER_BALANCING is 'fair'"):
        split_plan(tmp_path, {"USER_BALANCING": "fair"})


@pytest.mark.parametrize("wrong", ["payment", "payment=0", "payment=10", "payment=x", "bank=2"])
def test_a_scale_that_makes_no_sense_is_refused(wrong: str) -> None:
    with pytest.raises(StackError, match="--scale"):
        parse_scale([wrong])
    assert parse_scale(["payment=3", "user=2"]) == {"payment": 3, "user": 2}


def test_services_need_the_gateways_envoy_and_scale_needs_services(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="--no-gateway"):
        Options(tmp_path, gateway=False, topology=Topology.SERVICES)
    with pytest.raises(StackError, match="--topology services"):
        Options(tmp_path, scale={"payment": 3})


def test_keys_of_payloads_reach_who_speaks_to_temporal_and_nobody_else(tmp_path: Path) -> None:
    """Temporal itself least of all."""
    options = Options(tmp_path, topology=Topology.SERVICES, encrypt=True)
    plan = make_plan(options, ExternalServices.by({}), {}, Programs())
    remove_elsewhere(tmp_path)
    for name in ("api", "worker-1"):
        assert child(plan, name).env["PAYLOAD_KEYS_FILE"] == str(StateDir(tmp_path).payload_keys)
        assert child(plan, name).env["PAYLOAD_ENCRYPTION"] == "required"
    for name in ("temporal", "provider", "gateway", "relay", "order-1", "discovery"):
        assert not [
            variable for variable in child(plan, name).env if variable.startswith("PAYLOAD_KEYS")
        ]
    for name, knows in {"user-1": True, "api": False, "order-1": False, "codec": False}.items():
        assert ("USER_KEYS_FILE" in child(plan, name).env) is knows, name
    assert StateDir(tmp_path).payload_keys.stat().st_mode & 0o777 == 0o600
