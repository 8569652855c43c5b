"""What can go wrong with the stack, for people.

StackError
├── StartFailed     a part did not come up; `log` holds its last words
└── PortsTaken      somebody else listens where we would
"""


class StackError(Exception):
    """The command cannot go on. The message says what to do about it."""


class StartFailed(StackError):
    """A part of the stack did not come up; `tail` is the end of its log."""

    def __init__(self, name: str, reason: str, tail: str = "") -> None:
        super().__init__(f"{name} did not start: {reason}")
        self.tail = tail


class PortsTaken(StackError):
    """Ports that something else holds; the message names each, its holder and the flag."""
