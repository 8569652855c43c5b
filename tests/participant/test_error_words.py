"""An error is told in words, also one that says nothing by itself."""

import re
from pathlib import Path

import pytest

from saga.participant.errors import describe_error

ROOT = Path(__file__).parents[2]
OURS = (
    *("activities", "api", "cli", "console", "infrastructure", "local_stack", "relay", "saga"),
    *("services", "workers", "workflows"),
)
# An error's class with what it says behind it, which may be nothing.
BARE = re.compile(r"(?:type\((\w+)\)|(\w+)\.__class__)\.__name__\}: \{(?:str\()?(?:\1|\2)\)?\}")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(), "TimeoutError: no answer in time"),
        (TimeoutError("the lock"), "TimeoutError: the lock"),
        (ConnectionResetError(), "ConnectionResetError: it says no more"),
        (ValueError("  "), "ValueError: it says no more"),
        (KeyError("sku"), "KeyError: 'sku'"),
    ],
)
def test_an_error_is_told_in_words(error: Exception, words: str) -> None:
    assert describe_error(error) == words


def test_nobody_tells_of_an_error_that_may_say_nothing() -> None:
    assert BARE.search('f"{type(error).__name__}: {error}"')
    assert BARE.search('f"{raised.__class__.__name__}: {raised}"')
    files = [path for package in OURS for path in (ROOT / package).rglob("*.py")]
    assert len(files) > 300
    assert [str(path) for path in files if BARE.search(path.read_text())] == []
