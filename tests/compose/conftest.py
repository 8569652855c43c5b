"""One project for all: it takes a minute or two to come up."""

import secrets
from collections.abc import Iterator

import pytest

from tests.compose.up import Project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The whole system, up and healthy; nothing is left of it afterwards."""
    name = f"saga-test-{secrets.token_hex(3)}"
    found = Project.made(tmp_path_factory.mktemp("compose"), name)
    try:
        found.up()
        yield found
    finally:
        ended = found.compose("down", "--volumes", "--timeout", "60", within=300)
    assert ended.returncode == 0, ended.stderr
    assert found.containers() == []
