"""`saga up` uses what is there already: another stack's Temporal, databases and provider."""

from pathlib import Path

from tests.support.stack import Stack, running_stack

GIVEN = (
    "TEMPORAL_ADDRESS",
    "USER_DATABASE_URL",
    "ORDER_DATABASE_URL",
    "INVENTORY_DATABASE_URL",
    "PAYMENT_DATABASE_URL",
    "EVENT_DATABASE_URL",
    "PAYMENT_PROVIDER_URL",
    "PAYMENT_PROVIDER_KEY",
)


async def test_what_has_its_variable_set_is_used_and_not_started(
    stack: Stack, tmp_path: Path
) -> None:
    given = {name: stack.state.environment[name] for name in GIVEN}
    async with running_stack(tmp_path, workers=1, environment=given) as second:
        started = {child.name for child in second.state.children}
        assert started == {"api", "gateway", "relay", "webhooks", "worker-1"}
        done = second.saga("demo", "--url", second.api)
        assert done.returncode == 0, done.stdout + done.stderr
