"""A span for each SQL statement of a traced request, by SQLAlchemy's own events.

OpenTelemetry's instrumentation of SQLAlchemy does not know version 2.1 yet, and its one of asyncpg
does not see the prepared statements that SQLAlchemy makes. Values are never recorded.
"""

import re
from functools import lru_cache
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
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
    attributes = {
        "db.system.name": "postgresql",
        "db.namespace": connection.engine.url.database or "",
        "db.query.text": statement,
    }
    tracer = trace.get_tracer(__name__)
    connection.info[SPAN] = tracer.start_span(
        summary(statement), kind=SpanKind.CLIENT, attributes=attributes
    )


def _after(connection: Connection, *_: Any) -> None:
    if span := connection.info.pop(SPAN, None):
        span.end()


def _end_failed_span(context: ExceptionContext) -> None:
    connection = context.connection
    if connection is not None and (span := connection.info.pop(SPAN, None)):
        span.set_status(Status(StatusCode.ERROR, type(context.original_exception).__name__))
        span.end()
