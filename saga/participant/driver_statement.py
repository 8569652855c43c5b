"""A statement of SQLAlchemy's as text for asyncpg: put together once, and run without SQLAlchemy.

PostgreSQL answers such a statement in a fraction of a millisecond. Most of the time that it takes
here is SQLAlchemy's work on each execution: the key of its cache, the cursor, the result.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, RowMapping, Select
from sqlalchemy.dialects.postgresql.asyncpg import dialect

Row = RowMapping | Mapping[str, Any]
_DIALECT: Dialect = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own


class DriverStatement:
    """`text` has numbered parameters, and `arguments` are these in order.

    A list for `IN` is no fixed number of parameters, so a statement may have none.
    """

    def __init__(self, statement: Select[Any]) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        self.text = str(compiled)
        literals, binds = compiled.params, compiled.binds
        self._parameters = [
            (
                name,
                binds[name].required,
                literals[name],
                binds[name].type.dialect_impl(_DIALECT).bind_processor(_DIALECT),
            )
            for name in compiled.positiontup or ()
        ]
        self._columns = [
            (column.name, column.type.dialect_impl(_DIALECT).result_processor(_DIALECT, None))
            for column in statement.selected_columns
        ]

    def arguments(self, parameters: Mapping[str, Any]) -> list[Any]:
        """The parameters of one execution, as the driver takes them; others are left out.

        KeyError for one that is missing.
        """
        found = []
        for name, required, literal, process in self._parameters:
            value = parameters[name] if required else literal
            found.append(value if process is None else process(value))
        return found

    def row(self, record: Sequence[Any]) -> Mapping[str, Any]:
        """What the driver has answered, by the names of the columns."""
        return {
            name: value if process is None else process(value)
            for (name, process), value in zip(self._columns, record, strict=True)
        }
