"""Rows that a task is given are data: whatever way they take through Airflow, no text in them is a template."""

from __future__ import annotations

import copy
import json
from types import MappingProxyType

import pytest
from airflow.sdk import DAG, BaseOperator, XComArg
from hypothesis import given as for_any
from hypothesis import strategies as st
from rigs.imports import importing
from rigs.running import run_dag

from airflow_wisdom.exceptions import SourceError, SourceFormatError
from airflow_wisdom.operators import WisdomImportQuickResponsesOperator
from airflow_wisdom.operators.given import Given, given
from airflow_wisdom.sources import RowsSource, SqlSource

TEXT = "{{ ds }} {{ conn.secret.password }}"
ROW = {"Name": "a", "Content": TEXT}
LISTS = {"Name": "b", "Content": "c", "Channels": f"{TEXT};x", "Routing Profile": TEXT}

READ = {
    "literal": [ROW, LISTS],
    "xcoms": [{**ROW, "Channels": f"{TEXT};x"}, *[ROW] * 5],
    "mapped_upstream": [ROW] * 3,
    "query_partial": ([{"Name": "0"}], [{"Name": "1"}]),
    "partial": ([ROW, LISTS],),
    "partial_xcoms": ([ROW, ROW],),
    "expand": ([ROW], [LISTS]),
    "expand_xcom": ([ROW],),
    "expand_kwargs": ([ROW],),
    "expand_kwargs_xcom": ([ROW, LISTS],),
    "other_group.argument": [ROW],
    "other_group.partial": ([ROW],),
    "other_mapped_group.argument": ([ROW],),
    "other_mapped_group.argument_in_a_list": ([ROW, ROW],),
    # Paths are templates, but not those of XComs.
    "paths": ["/data/given.csv", TEXT],
    "paths_partial": (["/data/given.csv", TEXT],),
}
"""Task -> what it reads, or what it reads at each of its map indexes."""

NATIVE = {"literal": [ROW, LISTS], "template": [ROW], "selected": [ROW], "partial": ([ROW, ROW],), "expand": ([ROW],)}
"""The same where templates give objects rather than text."""


@pytest.mark.parametrize(("name", "expected"), [("dag", READ), ("native", NATIVE)])
@pytest.mark.filterwarnings("ignore", "error:::airflow_wisdom")
def test_no_text_of_a_row_is_rendered_on_any_way(airflow_database, monkeypatch, tmp_path, name, expected):
    monkeypatch.setenv("AIRFLOW_CONN_SECRET", json.dumps({"conn_type": "http", "password": "hunter2"}))
    monkeypatch.setenv("AIRFLOW_CONN_DATABASE", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "db")}))
    tasks = run_dag("given", monkeypatch, dag=name).get_task_instances()
    read = {(ti.task_id, ti.map_index): ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index) for ti in tasks}
    for task, found in expected.items():
        for index, rows in enumerate(found) if isinstance(found, tuple) else [(-1, found)]:
            assert read[task, index] == rows


def test_the_tasks_whose_xcoms_are_in_rows_run_before():
    with DAG("d", schedule=None):
        upstream = {name: XComArg(BaseOperator(task_id=name)) for name in "abcd"}
        rows = [{"Content": upstream["a"]}, [upstream["b"]], MappingProxyType({"Channels": ["x", upstream["c"]]})]
        task = importing("kb", (*rows, upstream["d"]))
    assert task.upstream_task_ids == set("abcd")


@pytest.mark.parametrize(
    "source",
    [
        lambda: (row for row in [ROW]),
        lambda: iter([ROW]),
        lambda: map(dict, [ROW]),
        {"a": ROW}.values,
        lambda: [iter([ROW])],
    ],
)
def test_what_can_be_read_once_is_refused_where_the_dag_is_parsed(source):
    with DAG("d", schedule=None), pytest.raises(SourceError, match=r"new version in each parse.*pass a list"):
        importing("kb", source())
    with DAG("d", schedule=None), pytest.raises(SourceError, match=r"new version in each parse.*pass a list"):
        WisdomImportQuickResponsesOperator.partial(task_id="t", knowledge_base_id="kb", source=source())


def test_the_tasks_whose_xcoms_are_in_a_query_run_before():
    def query(text):
        return SqlSource("SELECT '{{ ds }}'", "db", {"x": text})

    with DAG("d", schedule=None):
        text = XComArg(BaseOperator(task_id="text"))
        task = importing("kb", query(text))
        partial = WisdomImportQuickResponsesOperator.partial(task_id="mapped", source=query(text))
        mapped = partial.expand(mode=["import", "check"])
    assert task.upstream_task_ids == mapped.upstream_task_ids == {"text"}
    assert repr(task.source) == repr(query(text))
    text.resolve = lambda _context: "{{ not rendered }}"
    source = task.source.value
    task.render_template_fields({"ds": "2026-11-24"})
    assert (task.source.sql, task.source.parameters) == ("SELECT '2026-11-24'", {"x": "{{ not rendered }}"})
    assert source == query(text)


def test_rows_look_the_same_in_each_parse():
    """Else the DAG would get a new version each time."""

    def parsed(channels):
        with DAG("d", schedule=None):
            text = XComArg(BaseOperator(task_id="text"))
            return repr(importing("kb", [{"Name": text, "Channels": channels}]).source)

    # Sets of equal items may have them in another order, as in another process.
    assert parsed({0, 8}) == parsed({8, 0})
    assert list({0, 8}) != list({8, 0})
    assert " at 0x" not in parsed(frozenset({"Chat"}))


def test_a_task_with_rows_can_be_copied():
    with DAG("d", schedule=None):
        task = importing("kb", [ROW, LISTS])
    assert copy.deepcopy(task).source == task.source == [ROW, LISTS]


TEXTS = st.sampled_from([TEXT, "{% raw %}", "{{", "a.sql", ""])
ROWS = st.lists(st.dictionaries(st.sampled_from("ab"), TEXTS | st.lists(TEXTS, max_size=2), max_size=2), max_size=3)


@for_any(ROWS | st.lists(ROWS, max_size=2) | st.dictionaries(st.sampled_from("ab"), TEXTS))
def test_airflow_leaves_any_rows_as_they_are(source):
    with DAG("d", schedule=None):
        task = importing("kb", source)
    before = copy.deepcopy(source)
    task.render_template_fields({"ds": "2026-11-24"})
    assert task.source == before
    rendered = task.source.value if isinstance(task.source, Given) else task.source
    assert rendered == before


def test_records_without_columns_are_refused_with_their_place():
    """As a hook's `get_records` returns them."""
    for row in (("Hello", "Hi"), "Hello", None, 1):
        with RowsSource([ROW, row]).open() as table, pytest.raises(SourceFormatError) as raised:
            list(table.rows)
        assert raised.value.line == 2
        assert "Hello" not in str(raised.value)


def test_what_is_no_rows_stays_what_it_is():
    for source in ("path", ["a.csv", "b.csv"], [], None, 1):
        assert given(source) is source
