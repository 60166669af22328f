"""What databases do differently: what of a text is a query, how rows are fetched in batches, what values they give."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_wisdom.exceptions import ParameterError, SourceFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WRITING = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "UPSERT"})
_SELECTING = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "("})
# OIDs of PostgreSQL and its kin, and names of Oracle.
_CHAR_TYPES = (1042, "DB_TYPE_CHAR", "DB_TYPE_NCHAR")
_MIDNIGHT = datetime(1970, 1, 1)  # noqa: DTZ001 - a time of day has no zone
_DAY = timedelta(days=1)


def first_word(sql: str) -> str:
    """Return the word with which a query begins, in upper case.

    What is no statement of SQL's own, such as the call of a procedure, may have a result: the database says so.

    :param sql: The text of the query.
    :raises ParameterError: It is not one statement, or one that writes; nothing has run of it then.
    """
    from sqlparse import split

    statements = [words for words in map(_words, split(sql)) if words]
    if len(statements) != 1:
        raise ParameterError(f"The query must be one statement, and one that selects rows; it is {len(statements)}")
    before = ""
    for word, kind in statements[0]:
        if _writes(before, word, kind):
            raise no_rows(word)
        before = word
    return statements[0][0][0]


def no_rows(word: str = "") -> ParameterError:
    """Return the error of what is no query.

    :param word: What tells that it is none, if known.
    """
    is_other = f": {word} is another statement" if word else ""
    return ParameterError(f"The query has no result, but must be one that selects rows{is_other}")


def _writes(before: str, word: str, kind: str) -> bool:
    if kind == "DDL":
        return not before
    if kind == "DML":
        # Elsewhere it is a name, or the lock of SELECT ... FOR UPDATE.
        return word in _WRITING and before in {"", "(", ")"}
    return word == "INTO" and kind == "Keyword" and before != "AS"


def _words(statement: str) -> list[tuple[str, str]]:
    """Return the words of a statement, each with its kind, such as ``DML``; without comments and semicolons."""
    from sqlparse import tokens
    from sqlparse.lexer import tokenize

    return [
        (value.upper(), kind[-1])
        for kind, value in tokenize(statement)
        if kind not in tokens.Comment and not value.isspace() and value != ";"
    ]


def cursor_of(connection: Any, word: str) -> Any:
    """Return a cursor that fetches rows in batches, also where the driver's own would fetch all of them at once.

    :param connection: A connection, as a hook of Airflow returns it.
    :param word: The word with which the query begins: a cursor of PostgreSQL's server takes those alone that select.
    """
    driver = type(connection).__module__.partition(".")[0]
    if driver in {"psycopg", "psycopg2"} and word in _SELECTING:
        return connection.cursor(name="airflow_wisdom")
    if driver in {"MySQLdb", "pymysql"}:
        return connection.cursor(import_module(f"{driver}.cursors").SSCursor)
    return connection.cursor()


class Columns:
    """The columns of a result.

    :param description: The description that a cursor has, once there is a result.
    :raises SourceFormatError: Two columns have the same name.
    """

    def __init__(self, description: Iterable[Sequence[Any]]) -> None:
        self._descriptions = {_name(column[0]): column for column in description}
        self.names = tuple(_name(column[0]) for column in description)
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise SourceFormatError(f"The query has two columns of one name: {', '.join(twice)}; rename one (AS)")

    def row(self, row: Any) -> dict[str, Any]:
        """Return a row by columns.

        :param row: A row as a cursor fetches it; a connection may be set up so that it is by columns already.
        """
        is_mapping = hasattr(row, "keys") and hasattr(row, "items")
        pairs = row.items() if is_mapping else zip(self.names, row, strict=True)
        return {_name(name): self._value(_name(name), value) for name, value in pairs}

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, str) and value.endswith(" "):
            return value.rstrip(" ") if self._is_padded(name, value) else value
        if isinstance(value, timedelta) and timedelta() <= value < _DAY:
            # As MySQL gives a time of the day.
            return (_MIDNIGHT + value).time()
        return value

    def _is_padded(self, name: str, value: str) -> bool:
        """Tell whether blanks fill a value up to the width of its column, as in ``char(n)``."""
        _, code, _, size, *_ = self._descriptions.get(name, (None,) * 7)
        return len(value) == size or getattr(code, "name", code) in _CHAR_TYPES


def _name(name: Any) -> str:
    return str(name).strip()
