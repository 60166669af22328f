"""From a database to a knowledge base."""

from __future__ import annotations

import json
import sqlite3
import weakref
from contextlib import closing

import pytest
from rigs.running import run

from airflow_wisdom.exceptions import SourceFormatError, TemplateMismatchError
from airflow_wisdom.transfers import SqlToWisdomOperator

QUERY = 'SELECT question AS "Name", answer AS "Content", enabled AS "Is active" FROM answers ORDER BY id'


@pytest.fixture
def database(tmp_path, monkeypatch):
    """A table of 250 answers, in a database that Airflow has a connection to."""
    path = tmp_path / "answers.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE answers (id INTEGER, question TEXT, answer TEXT, enabled TEXT)")
        rows = [(n, f"Question {n}", f"Answer, {n}", None) for n in range(1, 251)]
        connection.executemany("INSERT INTO answers VALUES (?, ?, ?, ?)", rows)
        connection.commit()
    monkeypatch.setenv("AIRFLOW_CONN_ANSWERS", json.dumps({"conn_type": "sqlite", "host": str(path)}))


def importing(knowledge_base, sql=QUERY, **kwargs):
    kwargs = {"poll_interval": 0.01, "sql_conn_id": "answers", **kwargs}
    return SqlToWisdomOperator(task_id="import", knowledge_base_id=knowledge_base, sql=sql, **kwargs)


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("fetch_size", [1, 100, 1000])
def test_the_rows_of_a_query_are_imported(fake_wisdom, knowledge_base, database, deferrable, fetch_size):
    summary = run(importing(knowledge_base, deferrable=deferrable, fetch_size=fetch_size))
    assert [job["rowsSent"] for job in summary["importJobs"]] == [100, 100, 50]
    assert summary["rowsImported"] == 250


def test_a_query_takes_parameters(fake_wisdom, knowledge_base, database):
    sql = 'SELECT question AS "Name", answer AS "Content" FROM answers WHERE id <= :most ORDER BY id'
    assert run(importing(knowledge_base, sql, parameters={"most": 3}))["rowsImported"] == 3
    by_place = sql.replace(":most", "?").replace("<=", ">")
    assert run(importing(knowledge_base, by_place, parameters=[248]))["rowsImported"] == 2


def test_own_columns_are_mapped(fake_wisdom, knowledge_base, database):
    mapping = {"question": "Name", "answer": "Content"}
    sql = "SELECT question, answer FROM answers WHERE id = 7"
    assert run(importing(knowledge_base, sql, column_mapping=mapping))["rowsImported"] == 1


def test_columns_that_do_not_fit_are_told_once_for_all_rows(fake_wisdom, knowledge_base, database):
    with pytest.raises(TemplateMismatchError) as raised:
        run(importing(knowledge_base, 'SELECT id, question AS "Name" FROM answers'))
    assert (raised.value.missing, raised.value.unknown) == (["Content"], ["id"])


def test_columns_of_one_name_are_refused(fake_wisdom, knowledge_base, database):
    with pytest.raises(SourceFormatError, match="two columns of one name: Name"):
        run(importing(knowledge_base, 'SELECT question AS "Name", answer AS "Name" FROM answers'))


def test_a_query_without_rows_starts_no_job(fake_wisdom, knowledge_base, database):
    summary = run(importing(knowledge_base, QUERY.replace("ORDER", "WHERE id > 999 ORDER")))
    assert (summary["rowsRead"], summary["importJobs"]) == (0, [])


def test_what_is_no_query_or_no_database_is_refused(fake_wisdom, knowledge_base, database):
    with pytest.raises(ValueError, match="must be one that selects"):
        run(importing(knowledge_base, "UPDATE answers SET enabled = 'x'"))
    with pytest.raises(ValueError, match="'aws_default' does not point to a database"):
        run(importing(knowledge_base, sql_conn_id="aws_default"))


def test_the_same_rows_find_their_jobs(fake_wisdom, knowledge_base, database):
    first = run(importing(knowledge_base))
    second = run(importing(knowledge_base), try_number=2)
    assert [job["importJobId"] for job in first["importJobs"]] == [job["importJobId"] for job in second["importJobs"]]


class Cursor:
    """A cursor of SQLite that answers as those of other databases do."""

    def __init__(self, cursor, batch):
        self._cursor = cursor
        self._batch = batch

    def __getattr__(self, name):
        return getattr(self._cursor, name)

    def fetchmany(self, size):
        return self._batch([dict(zip(("Name", "Content"), row, strict=True)) for row in self._cursor.fetchmany(size)])


class Batch(list):
    """A list whose end can be noticed."""


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(lambda rows: tuple(tuple(row.values()) for row in rows), id="tuples, as of MySQL"),
        pytest.param(lambda rows: rows, id="dicts"),
        pytest.param(lambda rows: [tuple(row.values()) for row in rows] or None, id="None at the end"),
    ],
)
def test_cursors_of_every_kind_come_to_an_end(fake_wisdom, knowledge_base, database, monkeypatch, batch):
    from airflow_wisdom import sources

    real = sources.cursor_of
    monkeypatch.setattr(sources, "cursor_of", lambda connection, word: Cursor(real(connection, word), batch))
    sql = 'SELECT question AS "Name", answer AS "Content" FROM answers ORDER BY id'
    assert run(importing(knowledge_base, sql, fetch_size=60))["rowsImported"] == 250
    assert "Question 1" in {
        response["name"]
        for response in fake_wisdom.client().list_quick_responses(knowledgeBaseId=knowledge_base)[
            "quickResponseSummaries"
        ]
    }


def test_one_batch_of_a_query_at_a_time_is_in_memory(fake_wisdom, knowledge_base, database, monkeypatch):
    """A thousand rows may take megabytes."""
    from airflow_wisdom import sources

    batches, alive = [], []

    def batch(rows):
        alive.append(sum(earlier() is not None for earlier in batches))
        made = Batch(rows)
        batches.append(weakref.ref(made))
        return made

    real = sources.cursor_of
    monkeypatch.setattr(sources, "cursor_of", lambda *which: Cursor(real(*which), batch))
    sql = 'SELECT question AS "Name", answer AS "Content" FROM answers ORDER BY id'
    assert run(importing(knowledge_base, sql, fetch_size=60))["rowsImported"] == 250
    assert alive == [0, 0, 0, 0, 0, 0]
