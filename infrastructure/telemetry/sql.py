"""A span for each SQL statement of a traced request, by SQLAlchemy's own events.

OpenTelemetry's instrumentation of SQLAlchemy does not know version 2.1 yet, and its one of asyncpg
does not see the prepared statements that SQLAlchemy makes. Values are never recorded.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, ExceptionContext

WRITES = re.compile(r"\b(INSERT|(?<!DO )(?<!FOR )UPDATE|DELETE)\s+(?:INTO\s+|FROM\s+)?\"?(\w+)")
READS = re.compile(r"\bFROM\s+\"?(\w+)")
SPAN = "order-saga.span"


def instrument() -> None:
    """From now on, of all engines of this process. Once."""
    event.listen(Engine, "before_cursor_execute", _before)
    event.listen(Engine, "after_cursor_execute", _after)
    event.listen(Engine, "handle_error", _end_failed_span)


@lru_cache(maxsize=1024)
def summary(statement: str) -> str:
    """What it writes to which tables (`INSERT barrier, UPDATE products`); else what it reads."""
    if writes := WRITES.findall(statement):
        return ", ".join(dict.fromkeys(f"{verb} {table}" for verb, table in writes))
    found = READS.search(statement)
    return f"SELECT {found[1]}" if found else "SQL"


@contextmanager
def span_of(statement: str, database: str | None) -> Iterator[None]:
    """The span of a statement that the driver runs without SQLAlchemy, for the block."""
    if not trace.get_current_span().is_recording():
        yield
        return
    span = _start_span(statement, database)
    with trace.use_span(
        span, end_on_exit=True, record_exception=False, set_status_on_exception=False
    ):
        try:
            yield
        except Exception as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def _start_span(statement: str, database: str | None) -> Span:
    attributes = {
        "db.system.name": "postgresql",
        "db.namespace": database or "",
        "db.query.text": statement,
    }
    tracer = trace.get_tracer(__name__)
    return tracer.start_span(summary(statement), kind=SpanKind.CLIENT, attributes=attributes)


def _before(
    connection: Connection,
    _cursor: Any,
    statement: str,
    _parameters: Any,
    _context: Any,
    _many: Any,
) -> None:
    if not trace.get_current_span().is_recording():
        return
    connection.info[SPAN] = _start_span(statement, connection.engine.url.database)


def _after(connection: Connection, *_: Any) -> None:
    if span := connection.info.pop(SPAN, None):
        span.end()


def _end_failed_span(context: ExceptionContext) -> None:
    connection = context.connection
    if connection is not None and (span := connection.info.pop(SPAN, None)):
        span.set_status(Status(StatusCode.ERROR, type(context.original_exception).__name__))
        span.end()
