"""The page on encryption on a stack that encrypts, and nothing personal in that stack's files."""

from pathlib import Path
from shutil import which

import pytest

from infrastructure.settings import UserKeySettings
from infrastructure.telemetry.settings import TelemetrySettings
from infrastructure.temporal.codec_settings import PayloadSettings
from tests.docs.markdown import DOCUMENTS, ROOT, shell_blocks, table_rows
from tests.docs.test_commands import run, script, shown_wrong, usual_ports
from tests.support.stack import Stack, client, running_stack
from tests.support.waiting import until

ENCRYPTION = ROOT / "docs/encryption.md"
MARK = "canary5d1c"
# Orders keep their payment method and a customer's words; so does the provider.
AT_HOME = ("postgres", "sandbox.db")


def test_the_page_names_the_settings_of_the_code() -> None:
    named = {row[0].strip("`") for row in table_rows(ENCRYPTION)}
    assert {field.upper() for field in PayloadSettings.model_fields} <= named
    assert {field.upper() for field in UserKeySettings.model_fields} <= named
    assert {"LOG_ERRORS"} <= named
    assert "log_errors" in TelemetrySettings.model_fields
    assert ENCRYPTION in DOCUMENTS


@pytest.mark.skipif(which("curl") is None, reason="the page's commands need curl")
async def test_the_page_holds_on_a_stack_that_encrypts(tmp_path: Path) -> None:
    first, *blocks = shell_blocks(ENCRYPTION)
    assert first.commands.strip() == "saga up --encrypt"
    async with running_stack(tmp_path, options=["--encrypt"]) as stack:
        output = run(stack, script(stack, blocks))
        for place, ours in usual_ports(stack).items():
            output = output.replace(ours, place)
        assert shown_wrong(blocks, output) == {}
        assert "It adds up." in demo(stack)
        await canaries(stack)
    found = [file for file in files(stack.state_dir) if MARK.encode() in file.read_bytes()]
    assert found == []
    assert (stack.state_dir / "spans").exists()
    assert (stack.state_dir / "temporal.db").stat().st_size > 0


def demo(stack: Stack) -> str:
    """It kills a worker, too."""
    done = stack.saga("demo")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


async def canaries(stack: Stack) -> None:
    """Orders with personal data wherever a customer can put some."""
    async with client(stack) as http:
        body = {"name": f"Ada {MARK}", "email": f"{MARK}@example.com"}
        user = (await http.post("/v1/users", json=body)).json()["id"]
        for number, method in enumerate((f"pm_{MARK}", "pm_sandbox_down")):
            order = {
                "customer_id": user,
                "items": [{"sku": "SAFE-1", "quantity": 1}],
                "payment_method": method,
            }
            key = {"Idempotency-Key": f"{MARK}-{number}"}
            placed = await http.post("/v1/orders", json=order, headers=key)
            place = f"/v1/orders/{placed.json()['id']}"
            if method == "pm_sandbox_down":
                await http.post(f"{place}/cancel", json={"reason": f"call me, {MARK}"})

            async def ended(place: str = place) -> bool:
                return (await http.get(place)).json()["status"] in {"rejected", "cancelled"}

            await until(ended)


def files(folder: Path) -> list[Path]:
    """All that the stack wrote, but where the data is at home."""
    own = [path for path in folder.iterdir() if path.name not in AT_HOME]
    return [item for top in own for item in ([top] if top.is_file() else top.rglob("*"))]
