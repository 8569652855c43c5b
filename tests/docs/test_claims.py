"""What the documents name exists, and their tables agree with the code."""

import re
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from api import sagas
from cli.main import app
from contracts.names import SEARCH_ATTRIBUTES
from contracts.orders import OrderStatus
from infrastructure.database import SERVER_SETTINGS
from infrastructure.settings import ProviderSettings
from saga.runner import BLOCKED_RETRY
from saga.step import Step
from sandbox.methods import METHODS
from tests.docs.markdown import (
    ARCHITECTURE,
    CONTRIBUTING,
    DOCUMENTS,
    README,
    ROOT,
    anchors,
    links,
    prose,
    shell_blocks,
    table_rows,
)
from workers import queues
from workflows.place_order import CHARGE_PAYMENT

TO_COME = {OrderStatus.BLOCKED, OrderStatus.RETURNED}
CODE = re.compile(r"`([^`\n]+)`")
TARGET = re.compile(r"^([a-z-]+):.*## ", re.MULTILINE)

TIMES: dict[str, timedelta | str] = {
    "Step.attempt": Step.attempt,
    "Step.patience": Step.patience,
    "CHARGE_PAYMENT": CHARGE_PAYMENT.attempt,
    "payment_provider_timeout": timedelta(
        seconds=ProviderSettings.model_fields["payment_provider_timeout"].default
    ),
    "BLOCKED_RETRY": BLOCKED_RETRY,
    "STICKY_TIMEOUT": queues.STICKY_TIMEOUT,
    "GRACEFUL_SHUTDOWN": queues.GRACEFUL_SHUTDOWN,
    "RPC_TIMEOUT": sagas.RPC_TIMEOUT,
    "UPDATE_TIMEOUT": sagas.UPDATE_TIMEOUT,
    "CONCURRENT_ACTIVITIES": str(queues.CONCURRENT_ACTIVITIES),
    "statement_timeout": SERVER_SETTINGS["statement_timeout"],
    "lock_timeout": SERVER_SETTINGS["lock_timeout"],
    "idle_in_transaction_session_timeout": SERVER_SETTINGS["idle_in_transaction_session_timeout"],
}


def commands_of(program: str) -> set[str]:
    """Every command line of this program in the documents, in blocks and in running text."""
    lines = [line for it in DOCUMENTS for block in shell_blocks(it) for line in block.commands.split("\n")]
    inline = [code for it in DOCUMENTS for code in CODE.findall(prose(it))]
    called = re.compile(rf"(?:^|[\s($])({program} [a-z-][^|;)]*)")
    return {found[1].strip() for text in [*lines, *inline] if (found := called.search(text))}
