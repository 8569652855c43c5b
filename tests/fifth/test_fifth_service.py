"""A fifth service, added by docs/adding-a-service.md: all blocks and commands of it are used."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.docs.markdown import prose, table_rows
from tests.support.code_copy import ROOT, copy_of_the_code, list_changed_files, run_in
from tests.support.page import follow, run_shell

PAGE = ROOT / "docs/adding-a-service.md"
NAME = "shipping"
CACHE = ROOT / ".mypy_cache"
PROOFS: list[str] = []  # the page's runs of pytest
PROGRAMS = Path(sys.executable).parent
TYPED = (
    *(
        "contracts/shipping.py",
        "contracts/events/integration_events.py",
        "infrastructure/settings.py",
    ),
    *("services/shipping", "services/composition.py", "activities/shipping.py"),
    *(
        "workers/registration.py",
        "tests/support/fakes/shipping.py",
        "tests/contracts/test_shipping.py",
    ),
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code with the service."""
    folder = copy_of_the_code(tmp_path_factory.mktemp("fifth"))
    if CACHE.exists():  # else all that is imported is checked again, which takes minutes
        shutil.copytree(CACHE, folder / CACHE.name)
    PROOFS[:] = follow(PAGE, folder)
    return folder


def test_the_page_lists_every_file_and_counts_them(tree: Path) -> None:
    cells = [re.fullmatch(r"`(.+)`", row[0]) for row in table_rows(PAGE)]
    listed = [found[1].replace("<service>", NAME) for found in cells if found]
    assert sorted(listed) == sorted(list_changed_files(tree))
    assert f"That is {len(listed)} files" in prose(PAGE)


@pytest.mark.parametrize(
    "check",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("lint-imports",),
        ("mypy", "--follow-imports=silent", *TYPED),
    ],
    ids=lambda it: " ".join(it[:2]),
)
def test_it_passes_the_checks(tree: Path, check: tuple[str, ...]) -> None:
    ran = run_in(tree, str(PROGRAMS / check[0]), *check[1:])
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"


@pytest.mark.parametrize("number", [0, 1], ids=["its contract", "where it runs"])
def test_the_pages_own_proofs_pass(tree: Path, number: int) -> None:
    assert len(PROOFS) == len(("its contract", "where it runs"))
    run_shell(tree, PROOFS[number])


def test_whatever_concerns_all_services_knows_it(tree: Path) -> None:
    """A stack would run it, a relay its outbox, and the API would ask it for records of steps."""
    asked = """
from local_stack.options import Ports, parse_scale
from contracts.names import DATABASES, STEP_RECORDERS
from relay.relays import OUTBOXES
from services.composition import DEADLINES
from services.locations import ServiceLocationSettings
assert parse_scale(["shipping=2"]) == {"shipping": 2}
assert Ports().instance("shipping", 1) not in {Ports().service(it) for it in OUTBOXES}
assert DATABASES["shipping"] == "shipping"
assert "shipping" in OUTBOXES and "shipping" in STEP_RECORDERS and DEADLINES["shipping"] < 5
assert "shipping_service_url" in ServiceLocationSettings.model_fields
"""
    ran = run_in(tree, sys.executable, "-c", asked)
    assert ran.returncode == 0, ran.stderr
