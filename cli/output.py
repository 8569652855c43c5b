"""The marks that commands print beside what went well and what did not, and their tables.

A table has columns whose cells stay on one line, since half an id or half an amount is of no use,
and others that give way. Where even the first do not fit the terminal, it comes in parts.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import TextType

GAP = 2  # columns of the terminal between two of the table
LEAST = 16  # what a column that wraps is left with, if its words are longer
UNBOUNDED = 10_000


def mark(*, well: bool) -> str:
    """One of both, in rich's markup."""
    return "[green]✓[/]" if well else "[red]✗[/]"


def keep_whole(*names: str, right: bool = False) -> tuple[Column, ...]:
    """Columns whose cells stay on one line while others give way: ids, states, amounts, times."""
    return tuple(Column(name, no_wrap=True, justify="right" if right else "left") for name in names)


class FittingTable(Table):
    """A table without lines. Columns that are given by a name alone are wrapped.

    Where it is too wide it is shown in parts, each with the `keys` columns that come first. These
    are folded, if they would take more than half of the width.
    """

    def __init__(
        self,
        *columns: Column | str,
        title: TextType | None = None,
        caption: TextType | None = None,
        keys: int = 1,
    ) -> None:
        super().__init__(
            *columns,
            title=title,
            caption=caption,
            title_justify="left",
            caption_justify="left",
            box=None,
            pad_edge=False,
        )
        self._keys = keys

    @classmethod
    def of(cls, table: Table, keys: int = 1) -> "FittingTable":
        """The same rows and columns."""
        new = cls(title=table.title, caption=table.caption, keys=keys)
        new._fill(table.columns, table)
        return new

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's way of showing what there is."""
        parts = self._split(console, options)
        if parts == [self.columns]:
            yield from super().__rich_console__(console, options)
            return
        for number, columns in enumerate(parts):
            last = number == len(parts) - 1
            title, caption = None if number else self.title, self.caption if last else None
            part = FittingTable(title=title, caption=caption, keys=self._keys)
            part._fill(columns, self)
            yield part
            if not last:
                yield ""

    def _split(self, console: Console, options: ConsoleOptions) -> list[list[Column]]:
        """The columns of each part; one part if all fit."""
        width = options.max_width + GAP  # as none is behind the last
        measure = partial(self._measure, console, options)
        if sum(map(measure, self.columns)) <= width:
            return [self.columns]
        keys, others = self.columns[: self._keys], self.columns[self._keys :]
        if sum(map(measure, keys)) > width / 2:
            keys = [replace(key, no_wrap=False, overflow="fold") for key in keys]
        most = width - sum(map(measure, keys))
        parts: list[list[Column]] = [[]]
        used = 0
        for column in others:
            wanted = measure(column)
            if parts[-1] and used + wanted > most:
                parts.append([])
                used = 0
            parts[-1].append(column)
            used += wanted
        return [[*keys, *part] for part in parts]

    def _measure(self, console: Console, options: ConsoleOptions, column: Column) -> int:
        """How much of the terminal's width it needs at least, with the gap behind it."""
        unbounded = options.update(width=UNBOUNDED)
        cells = (*([column.header] if self.show_header else []), *column.cells)
        found = [Measurement.get(console, unbounded, cell) for cell in cells]
        if column.no_wrap:
            return max((each.maximum for each in found), default=0) + GAP
        return min(LEAST, max((each.minimum for each in found), default=0)) + GAP

    def _fill(self, columns: Sequence[Column], source: Table) -> None:
        """Have these columns of another table, and its rows."""
        for column in columns:
            copy = column.copy()
            copy._index = len(self.columns)
            self.columns.append(copy)
        for row, cells in zip(
            source.rows, zip(*(c.cells for c in columns), strict=True), strict=True
        ):
            self.add_row(*cells, style=row.style, end_section=row.end_section)
