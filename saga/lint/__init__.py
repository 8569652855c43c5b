"""What is looked at before a saga ever runs: its declaration and its code, and the namespace."""

from saga.lint.locks import lint_locks
from saga.lint.sagas import Finding, lint
from saga.lint.search_attributes import (
    SEARCH_ATTRIBUTES,
    MissingSearchAttributes,
    check_search_attributes,
)

__all__ = [
    "SEARCH_ATTRIBUTES",
    "Finding",
    "MissingSearchAttributes",
    "check_search_attributes",
    "lint",
    "lint_locks",
]
