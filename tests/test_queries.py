"""What databases do differently."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import date, datetime, time, timedelta, timezone
from types import SimpleNamespace

import pytest

from airflow_wisdom.exceptions import SourceFormatError
from airflow_wisdom.queries import Columns, cursor_of, first_word
from airflow_wisdom.rows.reading.objects import read_rows
from airflow_wisdom.sources import SqlSource

QUERIES = [
    ("SELECT 1", "SELECT"),
    ("  -- the answers\n/* all; of them */ select 1 ; ; -- done; really", "SELECT"),
    ("(SELECT 1) UNION (SELECT 2)", "("),
    ("WITH a AS (SELECT 1), b AS (SELECT 2) SELECT * FROM a", "WITH"),
    ("VALUES (1)", "VALUES"),
    ("TABLE answers", "TABLE"),
    ("SELECT ';' AS \"a;b\", $$ ; UPDATE $$ FROM answers FOR UPDATE", "SELECT"),
    ("SELECT * FROM answers FOR NO KEY UPDATE", "SELECT"),
    ("SELECT REPLACE(a, 'x', 'y'), (REPLACE(a, 'x', 'y')), can_insert AS insert, x AS into FROM answers", "SELECT"),
    ("SELECT 'INSERT INTO x', \"update\", drop_date FROM answers WHERE deleted = 'DELETE'", "SELECT"),
    ("EXEC answers_of 'sales'", "EXEC"),
    ("{call answers_of(?)}", "{"),
    ("SHOW TABLES", "SHOW"),
]


@pytest.mark.parametrize(("sql", "word"), QUERIES)
def test_what_may_have_a_result_is_a_query(sql, word):
    assert first_word(sql) == word


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("UPDATE answers SET a = 1", "UPDATE"),
        ("/* SELECT */ update answers set a = 1", "UPDATE"),
        ("INSERT INTO answers VALUES (1) RETURNING a", "INSERT"),
        ("DELETE FROM answers RETURNING a", "DELETE"),
        ("MERGE INTO answers USING b ON a = b WHEN MATCHED THEN DELETE", "MERGE"),
        ("REPLACE INTO answers VALUES (1)", "REPLACE"),
        ("WITH x AS (DELETE FROM answers RETURNING a) SELECT * FROM x", "DELETE"),
        ("WITH x AS (SELECT 1) INSERT INTO answers SELECT * FROM x", "INSERT"),
        ("SELECT * INTO copy FROM answers", "INTO"),
        ("CREATE TABLE a AS SELECT 1", "CREATE"),
        ("DROP TABLE answers", "DROP"),
        ("TRUNCATE answers", "TRUNCATE"),
    ],
)
def test_what_writes_is_none(sql, word):
    with pytest.raises(ValueError, match=f"must be one that selects rows: {word} is another statement"):
        first_word(sql)


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("SELECT 1; SELECT 2", 2),
        ("SELECT 1; UPDATE a SET b = 1", 2),
        ("", 0),
        ("-- nothing", 0),
        ("BEGIN; SELECT 1", 2),
    ],
)
def test_a_query_is_one_statement(sql, count):
    with pytest.raises(ValueError, match=f"must be one statement, and one that selects rows; it is {count}"):
        first_word(sql)


@pytest.fixture
def database(tmp_path, monkeypatch):
    path = tmp_path / "answers.db"
    monkeypatch.setenv("AIRFLOW_CONN_ANSWERS", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE answers (name TEXT)")
        connection.execute("INSERT INTO answers VALUES ('Hello')")
        connection.commit()
        yield connection


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE answers SET name = 'x'",
        "SELECT name FROM answers; UPDATE answers SET name = 'x'",
        "INSERT INTO answers VALUES ('x') RETURNING name",
        "PRAGMA user_version = 1",
    ],
)
def test_a_statement_without_rows_is_refused_and_changes_nothing(database, sql):
    with pytest.raises(ValueError, match="selects rows"), SqlSource(sql, "answers").open():
        pass
    assert database.execute("SELECT name FROM answers").fetchall() == [("Hello",)]


def test_dates_and_times_are_iso_8601():
    moment = datetime(2026, 11, 25, 9, 30, tzinfo=timezone.utc)
    values = {"a": date(2026, 11, 25), "b": moment, "c": time(9, 30), "d": time(9, 30, 0, 5, timezone.utc)}
    (row,) = read_rows([values]).rows
    assert row.mistakes == ()
    assert list(row.values.values()) == [
        "2026-11-25",
        "2026-11-25T09:30:00+00:00",
        "09:30:00",
        "09:30:00.000005+00:00",
    ]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (timedelta(hours=9, minutes=30), time(9, 30)),
        (timedelta(), time()),
        (timedelta(hours=838), timedelta(hours=838)),
        (timedelta(seconds=-1), timedelta(seconds=-1)),
    ],
)
def test_the_time_of_day_of_mysql_is_one(value, read):
    """Its drivers give a duration, which it may be as well."""
    assert Columns([("a",)]).row((value,)) == {"a": read}


@pytest.mark.parametrize(
    ("description", "value", "read"),
    [
        (("a", 1042, None, None, None, None, None), "yes  ", "yes"),
        (("a", 1043, None, None, None, None, None), "yes  ", "yes  "),
        (("a", SimpleNamespace(name="DB_TYPE_CHAR"), 5, None, None, None, True), "yes  ", "yes"),
        (("a", SimpleNamespace(name="DB_TYPE_VARCHAR"), 9, None, None, None, True), "yes  ", "yes  "),
        (("a", str, None, 5, 5, 0, True), "yes  ", "yes"),
        (("a", str, None, 9, 9, 0, True), "yes  ", "yes  "),
        (("a", str, None, 5, 5, 0, True), " a\nbc", " a\nbc"),
        (("a", str, None, 3, 3, 0, True), "   ", ""),
        (("a", 1042, None, None, None, None, None), None, None),
        (("a", None, None, None, None, None, None), "yes  ", "yes  "),
    ],
    ids=str,
)
def test_what_pads_a_char_is_no_part_of_its_value(description, value, read):
    """PostgreSQL and Oracle say what is a char(n), and others how wide it is."""
    assert Columns([description]).row((value,)) == {"a": read}
    assert Columns([description]).row({"a": value}) == {"a": read}


def test_columns_of_one_name_are_refused():
    with pytest.raises(SourceFormatError, match="two columns of one name: a; rename one"):
        Columns([("a",), ("b",), ("a",)])


def test_a_column_is_called_the_same_in_each_row(database):
    """MySQL calls that of a text by the text, blanks included."""
    with SqlSource("SELECT 1 AS ' x ', name FROM answers", "answers").open() as table:
        assert table.columns == ("x", "name")
        assert [tuple(row.values) for row in table.rows] == [table.columns]


def test_an_ordinary_cursor_is_the_connection_s_own(database):
    assert type(cursor_of(database, "SELECT")) is sqlite3.Cursor
