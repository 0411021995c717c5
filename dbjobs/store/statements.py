"""Loads the hand-written SQL of one dialect and finds its ``:name`` parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from operator import attrgetter
from typing import Any, NamedTuple, overload

import msgspec
from msgspec.structs import astuple

# A parameter is `:name` or, for a column of a set, `:name.column`; `::type` is a cast.
PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)(?:\.([a-z_]+))?")
_PACKED = "\n-- @packed "
_COMMENT = re.compile(r"--[^\n]*")


class Parameter(NamedTuple):
    """A parameter of a statement; ``column`` is set when it is one column of a Table."""

    name: str
    column: str | None


class Statement(NamedTuple):
    """A statement ready for a driver: its text and what to bind, in order.

    Attributes:
        packed: its only row holds an array for each column (``-- @packed id x`` in PostgreSQL's files names them).
    """

    name: str
    text: str
    parameters: tuple[Parameter, ...]
    packed: bool = False

    def rows(self, rows: Sequence[Any]) -> Sequence[Any]:
        """The rows that it stands for."""
        if not self.packed:
            return rows
        (columns,) = rows
        return [] if columns[0] is None else PackedRows(columns)


class PackedRows(Sequence[tuple[Any, ...]]):
    """Rows that came as an array for each column, made when they are asked for.

    A thousand tuples that live at the same time make Python's garbage collector look at them, and at everything else.
    """

    __slots__ = ("_columns",)

    def __init__(self, columns: Sequence[Sequence[Any]]) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns[0])

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return zip(*self._columns, strict=True)

    @overload
    def __getitem__(self, at: int) -> tuple[Any, ...]: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[tuple[Any, ...]]: ...
    def __getitem__(self, at: int | slice) -> Any:
        return [*self][at] if isinstance(at, slice) else tuple(column[at] for column in self._columns)


class Table:
    """A set of rows passed to a statement as one parameter.

    Args:
        columns: names of the columns.
        rows: one tuple a row, each as long as ``columns``.
    """

    __slots__ = ("_by_column", "_records", "_rows", "columns")

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.columns = columns
        self._rows: Sequence[Sequence[Any]] | None = rows
        self._records: Sequence[msgspec.Struct] = ()
        self._by_column: dict[str, Sequence[Any]] | None = None

    @classmethod
    def of(cls, records: Sequence[msgspec.Struct]) -> Table:
        """A set of structs of one kind (at least one), whose fields are the columns."""
        table = cls(records[0].__struct_fields__, ())
        table._rows, table._records = None, records
        return table

    @classmethod
    def turned(cls, by_column: dict[str, Sequence[Any]]) -> Table:
        """A set whose rows are already turned on their side: for each column its values, all of the same length."""
        table = cls([*by_column], ())
        table._rows, table._by_column = None, by_column
        return table

    @property
    def count(self) -> int:
        """How many rows there are, without making them."""
        if self._rows is not None:
            return len(self._rows)
        if self._by_column is not None:
            return len(next(iter(self._by_column.values()), ()))
        return len(self._records)

    @property
    def rows(self) -> Sequence[Sequence[Any]]:
        """One tuple a row."""
        if self._rows is None:
            if self._records:
                self._rows = [astuple(record) for record in self._records]
            else:
                self._rows = [*zip(*self.by_column().values(), strict=True)]
        return self._rows

    def by_column(self) -> dict[str, Sequence[Any]]:
        """The rows turned on their side: a sequence of values for each column name."""
        if self._by_column is None:
            if self._records:
                self._by_column = {name: [*map(attrgetter(name), self._records)] for name in self.columns}
            elif self.rows:
                self._by_column = dict(zip(self.columns, zip(*self.rows, strict=True), strict=True))
            else:
                self._by_column = dict.fromkeys(self.columns, ())
        return self._by_column

    def as_json(self) -> str:
        """The rows as a JSON array of objects, without what is None or has its struct's default value."""
        if self._records:
            return _encoder.encode(self._records).decode()
        columns = self.columns
        return _encoder.encode(
            [{name: value for name, value in zip(columns, row, strict=True) if value is not None} for row in self.rows]
        ).decode()


_encoder = msgspec.json.Encoder()


class Statements:
    """The statements of a dialect, read once, with the application's own schema name put in.

    Args:
        dialect: the folder below ``dbjobs/sql``.
        replace: what to do to the text of every file (put in the schema name or the prefix).
        placeholder: number of the parameter (from 1) and its name -> the driver's placeholder.
    """

    def __init__(
        self, dialect: str, replace: Callable[[str], str], placeholder: Callable[[int, Parameter], str]
    ) -> None:
        self._folder = files("dbjobs") / "sql" / dialect
        self._replace = replace
        self._placeholder = placeholder
        self._statements: dict[str, Statement] = {}

    def __getitem__(self, name: str) -> Statement:
        statement = self._statements.get(name)
        if statement is None:
            prepared = self.prepare(name, self.text(name))
            statement = prepared._replace(packed=_PACKED in self.source(name))
            self._statements[name] = statement
        return statement

    def source(self, name: str) -> str:
        """The text of a file as it stands, with the schema name put in."""
        return self._replace((self._folder / f"{name}.sql").read_text(encoding="utf-8"))

    def text(self, name: str) -> str:
        """The same without comments."""
        return _COMMENT.sub("", self.source(name)).strip().rstrip(";")

    def prepare(self, name: str, text: str) -> Statement:
        """Turn ``:name`` into the driver's placeholders; the same name is bound once."""
        parameters: list[Parameter] = []

        def put(match: re.Match[str]) -> str:
            parameter = Parameter(match[1], match[2])
            if parameter not in parameters:
                parameters.append(parameter)
            return self._placeholder(parameters.index(parameter) + 1, parameter)

        return Statement(name, PARAMETER.sub(put, text), tuple(parameters))

    def migrations(self) -> Iterator[tuple[int, str, str]]:
        """(version, name, text) of every migration, in order."""
        for file in sorted((self._folder / "migrations").iterdir(), key=lambda file: file.name):
            if file.name.endswith(".sql"):
                source = _COMMENT.sub("", file.read_text(encoding="utf-8"))
                yield int(file.name[:4]), file.name, self._replace(source).strip()
