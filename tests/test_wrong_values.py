"""Wrong parameters are refused before anything is sent, all at once; what everybody writes is understood."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import DAG, BaseOperator
from rigs.imports import ROWS, importing
from rigs.running import PARTLY_BAD_CSV, FakeTaskInstance, run, run_dag, start_job

from airflow_wisdom.exceptions import AirflowConnectionNotFoundError, AwsError, ParameterError, SourceError
from airflow_wisdom.hooks import WisdomHook
from airflow_wisdom.operators import (
    WisdomDeleteImportJobOperator,
    WisdomExportQuickResponsesOperator,
    WisdomGetImportJobOperator,
    WisdomImportQuickResponsesOperator,
    WisdomStartImportJobOperator,
    WisdomSyncQuickResponsesOperator,
)
from airflow_wisdom.sensors import WisdomImportJobSensor
from airflow_wisdom.sources import SqlSource
from airflow_wisdom.storage import Storage
from airflow_wisdom.tasks import FinalError
from airflow_wisdom.transfers import SqlToWisdomOperator

SOME_ID = "01234567-89ab-cdef-0123-456789abcdef"

TEST_CONNECTION = "AIRFLOW_CONN_AWS_DEFAULT"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "quick_responses.csv"
    path.write_bytes(PARTLY_BAD_CSV)
    return str(path)


def problems_of(task):
    """What a task says of its parameters, once it is found that it has sent nothing and is not retried."""
    with pytest.raises(FinalError) as raised:
        task.execute({"ti": FakeTaskInstance()})
    error = raised.value.__cause__
    assert isinstance(error, ParameterError)
    assert str(raised.value) == "; ".join(error.problems)
    return error.problems


EVERY_TASK = {
    "aws": {
        "aws_conn_id": "",
        "region_name": 5,
        "verify": 1,
        "botocore_config": {"nonsense": 1},
        "service_name": "lambda",
    },
    "kb": {"knowledge_base_id": "My knowledge base", "instance_id": "my-alias"},
}

FILES = {"storage_conn_id": "", "sample_size": -1, "retry_data_errors": "perhaps"}
REPORTS = {"on_failed_records": "warning", "failed_records_path": 1, "max_report_bytes": 0}
ROW_RULES = {
    "import_template": 5,
    "column_mapping": {"a": 5},
    "allowed_values": {"language": 5},
    "extra_columns": "drop",
    "spaces": "strip",
    "null_values": 1,
    "on_placeholders": "fail",
    "on_invalid_rows": "warn",
    "strict": "very",
    "invalid_rows_path": "invalid.xlsx",
    "extra_checks": "check",
    "timeout": 0,
}
TABLES = {"source": 5, "source_format": "xls", "delimiter": 0, "encoding": "ansi-latin", "sheet": []}
IMPORTS = {
    "mode": "dry_run",
    "max_rows_per_file": 500,
    "max_active_jobs": "many",
    "max_bytes": 0,
    "metadata": {"airflow-run": "mine"},
    "external_source_configuration": {"x": 1},
    "deferrable": "yes",
    "poll_interval": -1,
    "delete_jobs_on_kill": 2,
}
SYNCS = {
    "key": "id",
    "on_missing": "remove",
    "max_removal_share": "30 %",
    "min_removals": -1,
    "mode": "check",
    "owner_tag": "x" * 257,
    "expected_plan": 5,
    "plan_path": "plan.parquet",
    "content_format": "html",
    "on_unremovable": "skip",
    "on_failed_items": "some",
    "adopt": "maybe",
    "protection": "maybe",
}
JOBS = {"poll_interval": 0, "timeout": "soon", "wait_for_completion": "maybe"}

CONNECT = {"connectConfiguration": {"instanceId": SOME_ID}}

BASES = {**EVERY_TASK["aws"], **EVERY_TASK["kb"]}
del BASES["verify"]

CASES = {
    "import": (
        WisdomImportQuickResponsesOperator,
        {},
        {**BASES, **FILES, **REPORTS, **ROW_RULES, **TABLES, **IMPORTS},
    ),
    "sync": (WisdomSyncQuickResponsesOperator, {}, {**BASES, **FILES, **ROW_RULES, **TABLES, **SYNCS}),
    "sql": (
        SqlToWisdomOperator,
        {},
        {
            **BASES,
            **FILES,
            **REPORTS,
            **ROW_RULES,
            **IMPORTS,
            "sql": None,
            "sql_conn_id": "",
            "fetch_size": "0",
            "sql_hook_params": "{}",
        },
    ),
    "export": (
        WisdomExportQuickResponsesOperator,
        {},
        {**BASES, **FILES, "path": "a.xlsx", "owner_tag": 5, "timeout": True},
    ),
    "start": (
        WisdomStartImportJobOperator,
        {},
        {
            **BASES,
            **FILES,
            **REPORTS,
            **JOBS,
            "source": "s3://bucket/a.csv",
            "content_type": "text/html",
            "import_job_type": None,
            "client_token": "x" * 4097,
            "include_urls": "x",
            "max_bytes": "x",
            "metadata": {"a": 1},
            "external_source_configuration": {},
            "deferrable": "x",
            "delete_jobs_on_kill": "x",
        },
    ),
    "get": (
        WisdomGetImportJobOperator,
        {},
        {**BASES, **FILES, **REPORTS, "import_job_id": "my job", "require_complete": "x", "include_urls": "x"},
    ),
    "delete": (WisdomDeleteImportJobOperator, {}, {**BASES, **JOBS, "import_job_id": ""}),
    "sensor": (
        WisdomImportJobSensor,
        {},
        {
            **BASES,
            **FILES,
            **REPORTS,
            "import_job_id": None,
            "silent_fail": True,
            "include_urls": "x",
            "deferrable": "x",
            "end_from_trigger": "x",
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_all_that_is_wrong_is_said_at_once_before_anything_is_sent(fake_wisdom, case):
    kind, needed, wrong = CASES[case]
    problems = problems_of(kind(task_id="t", **needed, **wrong))
    assert sorted(problem.split()[0] for problem in problems) == sorted(wrong)
    assert fake_wisdom.calls() == {}


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        ("sync", {"source": ""}, "source must be a path, a URI, .* not an empty text"),
        ("sync", {"source": None}, "source must be .* not NoneType"),
        ("sync", {"import_template": True}, "import_template must be a path, a URI, a list of labels"),
        ("sync", {"column_mapping": {"a": 5}}, "column_mapping must map texts to texts, not 'a' to 5"),
        ("sync", {"plan_path": "s3://bucket"}, "plan_path must be s3://bucket/key"),
        ("sync", {"owner_tag": ""}, "owner_tag must be a text of 1 to 256 characters, not ''"),
        ("sync", {"expected_plan": ""}, "expected_plan must be a text that is not empty, not ''"),
        ("sync", {"botocore_config": {"retries": 1}}, "botocore_config must have parameters of botocore.config.Config"),
        ("sync", {"aws_conn_id": ""}, "aws_conn_id must be the id of an Airflow connection, not ''"),
        ("import", {"metadata": {"": "v"}}, "metadata must have keys and values of 1 to 4,096 characters"),
        ("import", {"metadata": {"k": "v" * 4097}}, "metadata must have keys and values of 1 to 4,096 characters"),
        ("import", {"metadata": {"k": ""}}, "metadata must have keys and values of 1 to 4,096 characters"),
        ("import", {"external_source_configuration": {}}, "external_source_configuration must be AWS's .* Missing"),
        (
            "import",
            {"external_source_configuration": {"source": "X", "configuration": CONNECT}},
            "one of AMAZON_CONNECT",
        ),
        ("start", {"source": 5}, "source must be a path on the worker, not 5"),
        ("start", {"source": "s3://b/a.csv"}, "the URI 's3://b/a.csv'; WisdomImportQuickResponsesOperator reads"),
        ("start", {"content_type": "text/html"}, "content_type must be one of text/csv, not 'text/html'"),
        ("start", {"import_job_type": "X"}, "import_job_type must be one of QUICK_RESPONSES, not 'X'"),
        ("start", {"client_token": 5}, "client_token must be a text of 1 to 4,096 characters, not 5"),
        ("sensor", {"silent_fail": True, "import_job_id": SOME_ID}, "silent_fail must be False"),
    ],
)
def test_a_wrong_value_is_explained(fake_wisdom, knowledge_base, kind, wrong, said):
    needed = {"source": "a.csv"} if kind in ("import", "sync", "start") else {}
    (problem,) = problems_of(CASES[kind][0](task_id="t", knowledge_base_id=knowledge_base, **{**needed, **wrong}))
    assert re.search(said, problem)


def test_a_query_is_refused_with_what_is_wrong_with_it(fake_wisdom, knowledge_base):
    task = importing(knowledge_base, SqlSource(None, ""))
    assert problems_of(task) == [
        "source is a query whose sql must be a text that is not empty, not None",
        "source is a query whose conn_id must be the id of an Airflow connection, not ''",
    ]


def test_an_empty_connection_is_never_botos_own_chain(fake_wisdom, monkeypatch):
    """Airflow's own hooks take it for one."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "boto")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "boto")
    for reach in (
        lambda: WisdomHook("").conn,
        lambda: WisdomHook("").named_in_connection(),
        lambda: WisdomHook("").find_knowledge_base(SOME_ID),
        lambda: Storage(aws_conn_id="").files("s3://bucket/a/"),
        lambda: Storage("").files("s3://bucket/a/"),
    ):
        with pytest.raises(AirflowConnectionNotFoundError, match="The id of the Airflow connection is empty; "):
            reach()


def test_a_file_to_upload_that_is_not_there_is_named(fake_wisdom, knowledge_base, tmp_path):
    for path in (tmp_path, tmp_path / "gone.csv"):
        task = WisdomStartImportJobOperator(task_id="t", knowledge_base_id=knowledge_base, source=str(path))
        with pytest.raises(SourceError, match=f"The source {path} cannot be read"):
            run(task)


@pytest.mark.parametrize(
    "wrong",
    [
        {"null_values": (text for text in ["NULL"])},
        {"allowed_values": {"language": iter(["en_US"])}},
        {"extra_checks": map(str, [])},
        {"import_template": {"Name": 1}.keys()},
        {"metadata": zip("a", "b", strict=True)},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_can_be_read_once_is_refused_where_the_dag_is_parsed(wrong):
    """Its address would be in the serialized DAG, which would have another version after each parse."""
    (name,) = wrong
    for make in (WisdomImportQuickResponsesOperator, WisdomImportQuickResponsesOperator.partial):
        with DAG("d", schedule=None), pytest.raises(ParameterError, match=rf"^{name} is or has a .*pass a list"):
            make(task_id="t", **{"source": "a.csv", **wrong} if make is WisdomImportQuickResponsesOperator else wrong)


def test_a_problem_names_parameter_value_and_what_is_allowed(fake_wisdom, knowledge_base):
    wrong = {
        "on_invalid_rows": "warn",
        "max_rows_per_file": 500,
        "timeout": 0,
        "metadata": dict.fromkeys("abcdef", "x"),
    }
    assert problems_of(importing(knowledge_base, **wrong)) == [
        "timeout must be more than 0 and at most 100 years: seconds, a timedelta, or a text such as 90m, not 0",
        "on_invalid_rows must be one of fail, skip, not 'warn'",
        "max_rows_per_file must be a whole number from 1 to 100, not 500",
        "metadata may have 5 pairs, not 6",
    ]


@pytest.mark.parametrize("key", ["airflow-import", "airflow-dag", "airflow-run", "airflow-task", "airflow-file"])
def test_a_users_metadata_cannot_stand_for_ours(fake_wisdom, knowledge_base, source, key):
    for task in (
        importing(knowledge_base, metadata={key: "mine"}),
        WisdomStartImportJobOperator(
            task_id="t", knowledge_base_id=knowledge_base, source=source, metadata={key: "mine"}
        ),
    ):
        assert problems_of(task) == [f"metadata must not have the key {key}, by which a job says where it comes from"]


def test_options_that_contradict_each_other_are_said_with_the_rest(fake_wisdom, knowledge_base, source, tmp_path):
    sync = WisdomSyncQuickResponsesOperator(
        task_id="t", knowledge_base_id=knowledge_base, source=source, on_missing="delete", plan_path=source, mode="x"
    )
    assert [problem.partition(" ")[0] for problem in problems_of(sync)] == ["mode", "owner_tag"]
    sync.mode = "plan"
    sync.owner_tag = "faq"
    (problem,) = problems_of(sync)
    assert problem.startswith("plan_path is the same file as source")


# Which job


@pytest.mark.parametrize("wrong", ["", None, 5, "my job", "..", "arn:aws:wisdom:us-east-1:123456789012:x/" + SOME_ID])
@pytest.mark.parametrize(
    "kind",
    [WisdomGetImportJobOperator, WisdomDeleteImportJobOperator, WisdomImportJobSensor],
    ids=lambda kind: kind.__name__,
)
def test_a_job_is_named_by_its_id(fake_wisdom, knowledge_base, kind, wrong):
    before = fake_wisdom.history()
    (problem,) = problems_of(kind(task_id="t", knowledge_base_id=knowledge_base, import_job_id=wrong))
    assert problem.startswith("import_job_id must be the id of the import job")
    assert problem.endswith(f"not {wrong!r}")
    assert fake_wisdom.history() == before


@pytest.mark.parametrize("part", ["", "..", ".", " "])
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("import_job_id", lambda hook, kb, part: hook.delete_import_job(kb, part)),
        ("import_job_id", lambda hook, kb, part: hook.get_import_job(kb, part)),
        ("knowledge_base_id", lambda hook, kb, part: list(hook.list_import_jobs(part))),
        ("knowledge_base_id", lambda hook, kb, part: hook.delete_knowledge_base(part)),
        ("knowledge_base_id", lambda hook, kb, part: hook.upload(part, b"x")),
        ("quick_response_id", lambda hook, kb, part: hook.delete_quick_response(kb, part)),
        ("quick_response_id", lambda hook, kb, part: hook.update_quick_response(kb, part, {"name": "x"})),
        ("resource_arn", lambda hook, kb, part: hook.tag_resource(part, {"a": "b"})),
        ("content_id", lambda hook, kb, part: hook.conn.delete_content(knowledgeBaseId=kb, contentId=part)),
        ("instance_id", lambda hook, kb, part: hook.routing_profiles(part)),
    ],
)
def test_an_empty_id_never_makes_another_request(fake_wisdom, knowledge_base, name, call, part):
    """Of ``DELETE /knowledgeBases/<id>/importJobs/``, the job's id left out, the knowledge base would be gone."""
    before = fake_wisdom.history()
    with pytest.raises(ParameterError, match=rf"{name} must name what \w+ is about, not {part!r}"):
        call(WisdomHook(), knowledge_base, part)
    assert fake_wisdom.history() == before


# Which knowledge base


@pytest.mark.parametrize(
    "name", ["My knowledge base", "arn:aws:connect:us-east-1:123456789012:instance/" + "0" * 36, "0" * 36]
)
def test_the_name_of_a_knowledge_base_is_no_id(fake_wisdom, name):
    (problem,) = problems_of(importing(name))
    assert problem.startswith("knowledge_base_id must be the id of the knowledge base (0123")
    assert f"or its ARN, not its name or anything else: {name!r}" in problem
    assert fake_wisdom.calls() == {}


def test_an_arn_is_as_good_as_an_id(fake_wisdom, knowledge_base):
    there = fake_wisdom.client().get_knowledge_base(knowledgeBaseId=knowledge_base)["knowledgeBase"]
    assert run(importing(there["knowledgeBaseArn"], ROWS[:1]))["rowsImported"] == 1


def connect(monkeypatch, **extra):
    monkeypatch.setenv(
        TEST_CONNECTION, json.dumps({"conn_type": "aws", "extra": {"region_name": "us-east-1", **extra}})
    )


@pytest.mark.parametrize("blank", [None, ""])
def test_the_connection_may_name_the_knowledge_base(fake_wisdom, knowledge_base, monkeypatch, blank):
    connect(monkeypatch, knowledge_base_id=knowledge_base)
    assert run(importing(blank, ROWS[:1]))["knowledgeBaseId"] == knowledge_base


def test_the_connection_may_name_the_instance(fake_wisdom, knowledge_base, monkeypatch):
    fake_wisdom.routing_profiles(["Billing"])
    connect(monkeypatch, instance_id=fake_wisdom.create_instance(knowledge_base))
    row = {**ROWS[0], "Routing Profile": "Nobody"}
    summary = run(importing(None, [ROWS[1], row], on_invalid_rows="skip"))
    assert (summary["rowsImported"], summary["rowsInvalid"]) == (1, 1)


def test_what_a_task_says_itself_wins_over_the_connection(fake_wisdom, knowledge_base, monkeypatch):
    connect(monkeypatch, knowledge_base_id="0" * 36, instance_id="0" * 36)
    assert run(importing(knowledge_base, ROWS[:1]))["rowsImported"] == 1


@pytest.mark.parametrize("extra", [{}, {"knowledge_base_id": "My knowledge base"}])
def test_a_connection_that_names_none_or_a_name_is_said_so(fake_wisdom, monkeypatch, extra):
    connect(monkeypatch, **extra)
    (problem,) = problems_of(importing(None))
    assert problem.startswith("knowledge_base_id ")
    assert fake_wisdom.calls() == {}


# Templates


def render(task):
    """Render a task's templates as Airflow does."""
    with DAG("d", schedule=None) as dag:
        dag.add_task(task)
    task.render_template_fields({"conn": Connections(), "params": {"rows": 7}})
    return task


class Connections:
    def __getattr__(self, name):
        if name != "here":
            raise LookupError(f"The conn_id `{name}` isn't defined")
        return type("Connection", (), {"extra_dejson": {"knowledge_base_id": "kb"}})


def unfilled(task):
    with pytest.raises(ParameterError) as raised:
        render(task).execute({"ti": FakeTaskInstance()})
    return raised.value.problems


def test_a_template_that_cannot_be_filled_in_is_said_in_one_line(fake_wisdom, caplog):
    task = importing(
        "{{ conn.here.extra_dejson.other }}", ["{{ conn.gone.host }}"], mode="{{ params.mode }}", spaces="x"
    )
    why = "the template {!r} could not be filled in: {}"
    missing = "the extra of the Airflow connection 'here' has no 'other'"
    assert unfilled(task) == [
        "source: " + why.format("{{ conn.gone.host }}", "The conn_id `gone` isn't defined"),
        "knowledge_base_id: " + why.format("{{ conn.here.extra_dejson.other }}", missing),
        "mode: " + why.format("{{ params.mode }}", "'dict object' has no attribute 'mode'"),
        "spaces must be one of trim, invalid, not 'x'",
    ]
    assert "Traceback" not in caplog.text
    assert fake_wisdom.calls() == {}


def test_a_template_in_a_query_is_found_too(fake_wisdom, knowledge_base):
    (problem,) = unfilled(importing(knowledge_base, SqlSource("SELECT {{ nothing }}", "db")))
    assert problem.startswith("source: the template 'SELECT {{ nothing }}' could not be filled in")


def test_a_file_with_a_query_that_is_not_there_is_named(fake_wisdom, knowledge_base):
    (problem,) = unfilled(
        SqlToWisdomOperator(task_id="t", sql="gone.sql", sql_conn_id="db", knowledge_base_id=knowledge_base)
    )
    assert (
        problem == "sql: the template 'gone.sql' could not be filled in: there is no such file in the folder of the DAG"
    )


def test_templates_that_can_be_filled_in_are(fake_wisdom, knowledge_base):
    task = importing(knowledge_base, ROWS[:8], max_rows_per_file="{{ params.rows }}")
    assert len(run(render(task))["importJobs"]) == 2


# Values that everybody writes


@pytest.mark.parametrize(
    "values",
    [
        {"timeout": None, "poll_interval": None},
        {"timeout": timedelta(hours=1), "poll_interval": timedelta(milliseconds=10)},
        {"timeout": "3600", "poll_interval": "0.01"},
        {"timeout": "1h", "deferrable": "False", "strict": "False", "delete_jobs_on_kill": "false"},
        {"deferrable": "True", "poll_interval": timedelta(milliseconds=10), "delete_jobs_on_kill": "False"},
        {
            "max_rows_per_file": "50",
            "max_active_jobs": "2",
            "max_bytes": "100_000",
            "sample_size": "0",
            "max_report_bytes": "9",
        },
        {"verify": "True", "on_failed_records": "3", "retry_data_errors": "False"},
    ],
)
def test_an_import_understands_what_everybody_writes(fake_wisdom, knowledge_base, values):
    assert run(importing(knowledge_base, ROWS[:1], **values))["rowsImported"] == 1


def test_a_switch_that_is_off_as_text_is_off(fake_wisdom, knowledge_base):
    task = importing(knowledge_base, ROWS[:1], deferrable="False", strict="False", verify="False")
    run(task)
    assert (task.deferrable, task.strict, task.verify) == (False, "False", False)
    assert task.row_options().strict is False


@pytest.mark.parametrize(
    "values",
    [
        {"timeout": None, "poll_interval": timedelta(milliseconds=10)},
        {"timeout": "1h", "poll_interval": "0.01", "deferrable": "True"},
    ],
)
def test_single_jobs_understand_it_too(fake_wisdom, knowledge_base, source, values):
    started = run(
        WisdomStartImportJobOperator(
            task_id="t", knowledge_base_id=knowledge_base, source=source, on_failed_records="1", **values
        )
    )
    assert started["status"] == "COMPLETE"
    values.pop("deferrable", None)
    where = {"task_id": "t", "knowledge_base_id": knowledge_base, "import_job_id": started["importJobId"]}
    assert run(WisdomGetImportJobOperator(**where, require_complete="False"))["rowsRefused"] == 1
    run(WisdomDeleteImportJobOperator(**where, wait_for_completion="True", **values))
    with pytest.raises(AwsError):
        run(WisdomGetImportJobOperator(**where))


@pytest.mark.parametrize(
    ("values", "poke_interval", "timeout"),
    [
        ({"poke_interval": timedelta(seconds=5), "timeout": timedelta(minutes=1)}, 5.0, 60.0),
        ({"poke_interval": "5", "timeout": "1m"}, 5.0, 60.0),
        ({"poke_interval": None, "timeout": None}, 60.0, 7 * 86400.0),
        ({"timeout": 0}, 60.0, 0.0),
    ],
)
def test_a_sensor_understands_it_too(fake_wisdom, knowledge_base, values, poke_interval, timeout):
    job = start_job(fake_wisdom, knowledge_base)
    task = WisdomImportJobSensor(task_id="t", knowledge_base_id=knowledge_base, import_job_id=job, **values)
    assert (task.poke_interval, task.timeout) == (poke_interval, timeout)
    fake_wisdom.client().get_import_job(knowledgeBaseId=knowledge_base, importJobId=job)
    assert run(task)["status"] == "COMPLETE"


# Tasks in tasks, and tasks in place of what they return


class Outer(BaseOperator):
    def execute(self, context):
        raise NotImplementedError


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_task_that_defers_is_refused_inside_of_another(fake_wisdom, knowledge_base, deferrable):
    task = importing(knowledge_base, ROWS[:1], deferrable=deferrable)
    context = {"ti": FakeTaskInstance(), "task": Outer(task_id="import")}
    if not deferrable:
        assert task.execute(context)["rowsImported"] == 1
        return
    before = fake_wisdom.calls()
    with pytest.raises(FinalError, match="deferrable must be False where another task calls this one"):
        task.execute(context)
    assert fake_wisdom.calls() == before


def test_a_sensor_that_starts_from_its_trigger_is_refused_inside_of_another(fake_wisdom, knowledge_base):
    job = start_job(fake_wisdom, knowledge_base)
    task = WisdomImportJobSensor(
        task_id="t", knowledge_base_id=knowledge_base, import_job_id=job, start_from_trigger=True
    )
    before = fake_wisdom.calls()
    with pytest.raises(FinalError, match="start_from_trigger must be False where another task calls this one"):
        task.execute({"ti": FakeTaskInstance(), "task": Outer(task_id="wait")})
    assert fake_wisdom.calls() == before


def test_a_task_that_is_run_for_itself_may_defer(fake_wisdom, knowledge_base):
    fake_wisdom.import_jobs(after_seconds=3600)

    class OfAUser(WisdomImportQuickResponsesOperator):
        """A subclass, as users make them."""

    task = OfAUser(task_id="t", knowledge_base_id=knowledge_base, source=ROWS[:1], deferrable=True)
    with pytest.raises(TaskDeferred):
        task.execute({"ti": FakeTaskInstance(), "task": task})


@pytest.mark.filterwarnings("ignore", "error:::airflow_wisdom")
def test_a_mapped_task_may_defer(airflow_database, example_connection, monkeypatch):
    """Also as Airflow calls it; and one in a `@task` is told before it sends anything."""
    tasks = run_dag("nested", monkeypatch).get_task_instances()
    states = {(ti.task_id, ti.map_index): str(ti.state) for ti in tasks}
    assert states == {("mapped", 0): "success", ("mapped", 1): "success", ("nested", -1): "failed"}


@pytest.mark.parametrize("given", ["task", "function", "list"])
def test_a_task_in_place_of_its_output_is_refused_at_parse(given):
    with DAG("d", schedule=None):
        upstream = Outer(task_id="upstream")
        assert importing("kb", upstream.output).upstream_task_ids == {"upstream"}
    wrong = {"task": upstream, "function": lambda: ROWS, "list": [upstream]}[given]
    said = "call it, and pass what it returns" if given == "function" else "the task upstream: pass its output"
    with pytest.raises(SourceError, match=said):
        importing("kb", wrong)
    with pytest.raises(SourceError, match=said):
        WisdomImportQuickResponsesOperator.partial(task_id="t", source=wrong)
