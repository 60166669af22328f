"""An import that only checks, and checks of the user's own."""

from __future__ import annotations

import json
from functools import partial

import pytest
from rigs.imports import INVALID, ROWS, importing
from rigs.quick_responses import prepared
from rigs.running import FakeTaskInstance, run, run_dag

from airflow_wisdom.exceptions import ExtraCheckError, InvalidRowsError, StorageError
from airflow_wisdom.operators import WisdomImportQuickResponsesOperator, WisdomSyncQuickResponsesOperator
from airflow_wisdom.rows.reading.objects import read_rows

try:
    from airflow.serialization.serialized_objects import DagSerialization
except ImportError:  # Airflow before 3.2
    from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization

pytestmark = pytest.mark.usefixtures("no_patience")

NOTHING_ELSE = {"CreateKnowledgeBase"}


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_check_sends_nothing_and_says_so(fake_wisdom, knowledge_base, caplog, deferrable):
    ti = FakeTaskInstance()
    summary = run(importing(knowledge_base, mode="check", deferrable=deferrable), ti=ti)
    assert (summary["status"], summary["rowsRead"], summary["rowsOnlyChecked"]) == ("CHECKED", 250, 250)
    assert (summary["rowsSent"], summary["rowsImported"], summary["importJobs"]) == (0, 0, [])
    assert ti.xcoms["return_value"] == summary
    assert set(fake_wisdom.calls()) == NOTHING_ELSE
    assert "250 of 250 rows are valid; nothing was sent" in caplog.text


def test_a_check_fails_where_an_import_would_and_reports_all_the_same(fake_wisdom, knowledge_base, tmp_path):
    ti, target = FakeTaskInstance(), tmp_path / "invalid.csv"
    with pytest.raises(InvalidRowsError, match="3 of 7 rows"):
        run(importing(knowledge_base, ROWS[:3] + INVALID, mode="check", invalid_rows_path=str(target)), ti=ti)
    summary = ti.xcoms["return_value"]
    assert (summary["status"], summary["rowsInvalid"], summary["rowsOnlyChecked"]) == ("CHECKED", 3, 4)
    assert summary["invalidRowsPath"] == str(target)
    assert target.read_text().count("\n") == 4
    summary = run(importing(knowledge_base, ROWS[:3] + INVALID, mode="check", on_invalid_rows="skip"))
    assert (summary["rowsInvalid"], summary["rowsOnlyChecked"], summary["rowsSent"]) == (3, 4, 0)
    assert set(fake_wisdom.calls()) == NOTHING_ELSE


def test_a_check_does_not_find_the_jobs_of_an_import(fake_wisdom, knowledge_base):
    run(importing(knowledge_base, ROWS[:3]))
    before = dict(fake_wisdom.calls())
    assert run(importing(knowledge_base, ROWS[:3], mode="check"), try_number=2)["importJobs"] == []
    assert dict(fake_wisdom.calls()) == before


def test_a_check_knows_routing_profiles(fake_wisdom, knowledge_base):
    instance = fake_wisdom.create_instance(knowledge_base, ["Billing"])
    rows = [{"Name": "a", "Content": "b", "Routing Profile": "Biling"}]
    with pytest.raises(InvalidRowsError, match="the nearest are: Billing"):
        run(importing(None, rows, instance_id=instance, mode="check"))


def test_a_mode_is_one_of_two(fake_wisdom, knowledge_base):
    with pytest.raises(ValueError, match="mode must be one of import, check"):
        run(importing(knowledge_base, mode="plan"))


@pytest.mark.airflow("3.1", because="to dag.test() of 3.0 every asset is inactive")
@pytest.mark.filterwarnings("ignore", "error:::airflow_wisdom")
def test_a_check_makes_no_event_of_its_outlets(airflow_database, example_connection, monkeypatch):
    """Nothing has come into the knowledge base, so that nobody who waits for that is woken."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    def events():
        with create_session() as session:
            return session.scalar(select(func.count()).select_from(AssetEvent))

    monkeypatch.setenv("AIRFLOW_VAR_IMPORT_MODE", "check")
    before = events()
    assert run_dag("checking", monkeypatch).state == "success"
    assert events() == before
    monkeypatch.setenv("AIRFLOW_VAR_IMPORT_MODE", "import")
    assert run_dag("checking", monkeypatch).state == "success"
    assert events() == before + 1


# Checks of the user's own


def no_links(row):
    return "has a link" if "http" in row["Content"] else None


def judged(rows, *checks):
    with prepared(read_rows(rows), rules={"extra_checks": checks}) as made:
        return [str(mistake) for mistake in made.mistakes]


def test_what_a_check_returns_is_a_mistake_of_its_row():
    rows = [{"Name": "A", "Content": "x"}, {"Name": "B", "Content": "see http://x"}]
    assert judged(rows, no_links) == ["row 2: has a link"]


def test_a_check_gets_every_label_and_what_would_be_sent():
    seen = []
    judged([{"Name": " A ", "Content": "x", "Language": "NULL"}], lambda row: seen.append(dict(row)))
    assert (seen[0]["Name"], seen[0]["Language"], seen[0]["Shortcut key"]) == ("A", "", "")


def test_a_check_cannot_change_a_row():
    with pytest.raises(ExtraCheckError, match="it raised AttributeError"):
        judged([{"Name": "A", "Content": "x"}], lambda row: row.update(Name="B"))


def test_all_that_is_wrong_with_a_row_is_told_at_once():
    assert judged([{"Name": "", "Content": "http"}], no_links, lambda row: "second") == [
        'row 1, column "Name": is required, but empty',
        "row 1: has a link",
        "row 1: second",
    ]


def test_a_long_reason_is_cut_and_a_secret_in_it_is_not_shown():
    (told,) = judged([{"Name": "A", "Content": "x"}], lambda row: "https://b/k?X-Amz-Signature=abc " + "y" * 10_000)
    assert "abc" not in told
    assert len(told) < 250


def breaks(row):
    raise KeyError(row["Content"])


class Checker:
    def __call__(self, row):
        return 1 / 0


@pytest.mark.parametrize(
    ("check", "name", "problem"),
    [
        (breaks, "breaks", "it raised KeyError"),
        (partial(breaks), "partial", "it raised KeyError"),
        (Checker(), "Checker", "it raised ZeroDivisionError"),
        (lambda row: True, "<lambda>", "it returned bool, but must return a text or None"),
    ],
)
def test_a_check_that_fails_itself_is_named_with_the_line_and_no_mistake_of_the_row(check, name, problem):
    rows = [{"Name": "A", "Content": "secret text"}]
    with pytest.raises(ExtraCheckError) as raised:
        judged(rows, check)
    assert str(raised.value) == f"The check {name} of extra_checks failed for row 1: {problem}"
    assert (raised.value.check, raised.value.line) == (name, 1)


def test_a_check_that_fails_sends_nothing_and_replaces_no_report(fake_wisdom, knowledge_base, tmp_path):
    (tmp_path / "invalid.csv").write_text("yesterday's")
    with pytest.raises(ExtraCheckError, match=r"breaks .* for row 1"):
        run(importing(knowledge_base, extra_checks=[breaks], invalid_rows_path=str(tmp_path / "invalid.csv")))
    assert set(fake_wisdom.calls()) == NOTHING_ELSE
    assert (tmp_path / "invalid.csv").read_text() == "yesterday's"


def test_imports_and_syncs_have_them(fake_wisdom, knowledge_base):
    rows = [{"Name": "B", "Content": "see http://x"}]
    with pytest.raises(InvalidRowsError, match="row 1: has a link"):
        run(importing(knowledge_base, rows, extra_checks=[no_links]))
    how = {"task_id": "sync", "knowledge_base_id": knowledge_base, "source": rows}
    with pytest.raises(InvalidRowsError, match="row 1: has a link"):
        run(WisdomSyncQuickResponsesOperator(**how, extra_checks=[no_links]))


@pytest.mark.parametrize("wrong", [["no_links"], [None]])
def test_checks_have_to_be_functions(fake_wisdom, knowledge_base, wrong):
    with pytest.raises(ValueError, match="extra_checks must be a list of functions"):
        run(importing(knowledge_base, extra_checks=wrong))


@pytest.mark.parametrize("is_mapped", [False, True])
def test_a_dag_with_checks_can_be_stored_and_is_the_same_in_each_parse(is_mapped):
    """Airflow keeps DAGs as JSON; a task of a new DAG version in each parse would run as another one."""
    from airflow.sdk import DAG

    def stored():
        with DAG("checked", schedule=None) as dag:
            how = {"task_id": "import", "knowledge_base_id": "kb", "extra_checks": [no_links, lambda row: None]}
            if is_mapped:
                WisdomImportQuickResponsesOperator.partial(**how).expand(source=["a.csv", "b.csv"])
            else:
                WisdomImportQuickResponsesOperator(**how, source="a.csv")
        return json.dumps(DagSerialization.to_dict(dag), sort_keys=True)

    assert stored() == stored()
    DagSerialization.from_dict(json.loads(stored()))


def test_a_report_that_cannot_be_written_fails_before_anything_is_sent(fake_wisdom, knowledge_base):
    """Also without invalid rows: those of an earlier run may be there."""
    with pytest.raises(StorageError, match="cannot be written"):
        run(importing(knowledge_base, invalid_rows_path="/proc/nosuch/invalid.csv"))
    assert set(fake_wisdom.calls()) == NOTHING_ELSE
