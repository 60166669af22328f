"""The docs: their code runs, and the names in them exist."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from public_names import PUBLIC
from rigs.running import PARTLY_BAD_CSV, run, run_dag, start_job

from airflow_wisdom import operators, sensors, transfers
from airflow_wisdom.operators import WisdomImportQuickResponsesOperator, WisdomSyncQuickResponsesOperator
from airflow_wisdom.provider_info import get_provider_info
from airflow_wisdom.rows import Rules
from airflow_wisdom.testing import FakeWisdom
from airflow_wisdom.triggers import WisdomEndingsTrigger, WisdomJobsCompleteTrigger

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(
    [*ROOT.glob("*.md"), *(page for page in DOCS.rglob("*.md") if "_build" not in page.relative_to(DOCS).parts)]
)
CODE = re.compile(r"```.*?```", re.DOTALL)


def named(page):
    return str(page.relative_to(ROOT))


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


# Snippets

ELSEWHERE = {
    "docs/reference/rows.md": "test_rows_preparing",
    "docs/testing.md": "test_docs_testing",
    "docs/refused-rows.md": "test_the_report_of_a_single_job_is_read_as_shown",
    "docs/migrating.md": "test_after_the_migration_the_quick_responses_are_the_same",
    "docs/connection.md": "test_a_knowledge_base_is_made_as_shown",
    "README.md": "test_the_first_dag_runs_when_copied",
    "docs/start.md": "test_the_first_dag_runs_when_copied",
}
"""Pages whose snippets need something around them -> the test that runs them."""

SNIPPETS = [page for page in PAGES if blocks(page, "python")]


@pytest.mark.parametrize("page", [page for page in SNIPPETS if named(page) not in ELSEWHERE], ids=named)
def test_python_in_the_docs_runs(page):
    """Each snippet of a page goes on where the one before it ended."""
    names = {}
    for code in blocks(page, "python"):
        if "openlineage" in code:
            pytest.importorskip("openlineage.client")
        exec(code, names)
    assert len(names) > 1


@pytest.mark.parametrize("page", SNIPPETS, ids=named)
def test_operators_in_the_docs_have_retries(page):
    """Without one, a passing failure of Airflow's own turns a task red that has done its work."""
    code = [block for block in blocks(page, "python") if re.search(r"\bWisdom\w*(Operator|Sensor)\(", block)]
    assert [block for block in code if "retries" not in block] == []


def test_python_that_is_run_elsewhere_is_there():
    assert ELSEWHERE.keys() <= {named(page) for page in SNIPPETS}
    for name in ELSEWHERE.values():
        assert name in globals() or (ROOT / "tests" / f"{name}.py").exists()


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "start.md"], ids=named)
@pytest.mark.filterwarnings("ignore", "error:::airflow_wisdom")
def test_the_first_dag_runs_when_copied(page, airflow_database, example_connection, tmp_path, monkeypatch):
    """As it is written, into a file of its own."""
    (code,) = blocks(page, "python")
    (tmp_path / "my_first_sync.py").write_text(code)
    for counted in ("rowsCreated", "rowsUnchanged"):
        monkeypatch.delitem(sys.modules, "my_first_sync", raising=False)
        end = run_dag("my_first_sync", monkeypatch, folder=tmp_path)
        assert end.get_task_instance("sync").xcom_pull(task_ids="sync")[counted] == 2


@pytest.mark.parametrize(
    ("what", "function"), [("import", "import_answers"), ("sync", "write_answers")], ids=["import", "sync"]
)
def test_after_the_migration_the_quick_responses_are_the_same(
    fake_wisdom, knowledge_base, tmp_path, monkeypatch, what, function
):
    """What the task does that calls boto3, and what the operator does that takes its place."""
    page = DOCS / "migrating.md"
    table = tmp_path / "answers.csv"
    another = fake_wisdom.create_knowledge_base("another")
    before, after = {}, {}
    exec(marked(page, f"{what} before"), before)
    exec(marked(page, f"{what} after").replace("/data/answers.csv", str(table)), after)
    monkeypatch.setattr("time.sleep", lambda _: None)
    operator = after[function]
    operator.knowledge_base_id = another
    for rows in ("Hello,Hi!\nHours,Until 8.\n", "Hours,Until 10.\nNew,Yes.\n")[: 1 + (what == "sync")]:
        table.write_text(f"Name,Content\n{rows}")
        before[function].function(knowledge_base, str(table))
        run(operator)
        made = [
            {one["name"]: one["contents"]["plainText"]["content"] for one in fake_wisdom.quick_responses(base)}
            for base in (knowledge_base, another)
        ]
        assert made[0] == made[1]
        assert len(made[0]) == 2


def test_the_report_of_a_single_job_is_read_as_shown(fake_wisdom, knowledge_base, capsys):
    (code,) = blocks(DOCS / "refused-rows.md", "python")
    job = start_job(fake_wisdom, knowledge_base, PARTLY_BAD_CSV)
    exec(code, {"knowledge_base_id": knowledge_base, "import_job_id": job})
    printed = capsys.readouterr().out
    assert "\nCOMPLETE\n" in printed
    assert "Good evening!" in printed


def test_a_knowledge_base_is_made_as_shown(fake_wisdom_over_http, wisdom_server, monkeypatch, capsys):
    """The fake associates no instance by this call: botocore checks the request, and the test looks at it."""
    import boto3
    from botocore.awsrequest import AWSResponse

    first, second = blocks(DOCS / "connection.md", "python")
    exec(first.replace("http://127.0.0.1:5055", wisdom_server), {})
    printed = capsys.readouterr().out.split()[-1]
    fake_wisdom_over_http.client().get_knowledge_base(knowledgeBaseId=printed)
    sent = []

    def answer(request, **_):
        sent.append(json.loads(request.body))
        return AWSResponse(request.url, 200, {}, type("Raw", (), {"stream": lambda *_: iter([b"{}"])})())

    session = boto3.session.Session()
    session.events.register("before-send.connect.CreateIntegrationAssociation", answer)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    exec(second.replace('"contact-centre"', '"another"').replace("<id of your Amazon Connect instance>", "1" * 36), {})
    assert sent[0]["IntegrationType"] == "WISDOM_QUICK_RESPONSES"
    assert sent[0]["IntegrationArn"].startswith("arn:aws:wisdom:")


@pytest.mark.filterwarnings("ignore", "error:::airflow_wisdom")
def test_the_rows_of_another_task_are_imported(airflow_database, example_connection, monkeypatch):
    """The DAG that `docs/sources.md` quotes."""
    end = run_dag("rows", monkeypatch)
    assert str(end.state) == "success"
    assert end.get_task_instance("import").xcom_pull(task_ids="import")["rowsImported"] == 2


# Data that the docs show

JSON_PAGES = [page for page in PAGES if blocks(page, "json")]


@pytest.mark.parametrize("page", JSON_PAGES, ids=named)
def test_json_in_the_docs_is_json(page):
    for block in blocks(page, "json"):
        assert json.loads(block)


def shape(value):
    """The members of nested dicts and of the first item of each list; those of a record are the user's own."""
    if isinstance(value, dict):
        return {name: shape(item) if name != "failedRecords" else bool(item) for name, item in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value) if value is None else None


def test_the_summary_has_the_members_that_the_docs_show(fake_wisdom, knowledge_base, tmp_path):
    fake_wisdom.routing_profiles(["Billing"])
    rows = [
        {"Name": "imported", "Content": " text "},
        {"Name": "refused by AWS", "Content": "text", "Routing Profile": "Nobody"},
        {"Name": "not valid", "Content": ""},
    ]
    task = WisdomImportQuickResponsesOperator(
        task_id="import",
        knowledge_base_id=knowledge_base,
        source=rows,
        on_invalid_rows="skip",
        invalid_rows_path=str(tmp_path / "invalid.csv"),
        on_failed_records="warn",
        failed_records_path=str(tmp_path / "failed.csv"),
        poll_interval=0.01,
    )
    (shown,) = blocks(DOCS / "guides" / "import.md", "json")
    assert shape(run(task)) == shape(json.loads(shown))


def test_the_summary_of_a_sync_has_the_members_that_the_docs_show(fake_wisdom, knowledge_base, tmp_path):
    fake_wisdom.fault("CreateQuickResponse", "ValidationException", http_status=400, times=1)
    task = WisdomSyncQuickResponsesOperator(
        task_id="sync",
        knowledge_base_id=knowledge_base,
        source=[{"Name": "refused by AWS", "Content": "text"}, {"Name": "not valid", "Content": ""}],
        on_invalid_rows="skip",
        invalid_rows_path=str(tmp_path / "invalid.csv"),
        on_failed_items="warn",
        plan_path=str(tmp_path / "plan.csv"),
    )
    (shown,) = blocks(DOCS / "guides" / "sync.md", "json")
    shown = json.loads(shown)
    assert shape(run(task)) == shape(shown)
    ends = ("Invalid", "Unchanged", "Created", "Updated", "Failed", "Planned")
    assert shown["rowsRead"] == sum(shown[f"rows{end}"] for end in ends)


AWS_NAMES_IT = {"metadata", "failedRecords"}
"""Members whose own members are not the package's to name."""


def members_of(value):
    """The names of all members of a summary, those of its lists included."""
    if isinstance(value, list):
        return {name for item in value for name in members_of(item)}
    if not isinstance(value, dict):
        return set()
    below = [members_of(item) for name, item in value.items() if name not in AWS_NAMES_IT]
    return set(value).union(*below)


@pytest.mark.parametrize("page", ["guides/import.md", "guides/sync.md", "guides/export.md", "waiting.md"])
def test_every_member_of_a_summary_is_documented_in_one_place(page):
    """Each of the pages has an example, which other tests compare with what the tasks push."""
    (shown,) = [found for each in blocks(DOCS / page, "json") if "summaryVersion" in (found := json.loads(each))]
    documented = set(re.findall(r"`(\w+)`", (DOCS / "summary.md").read_text()))
    assert members_of(shown) - documented == set()


def marked(page, mark):
    """The block of a page after a comment that names it."""
    return re.search(rf"<!-- {mark} -->\n\n```\w+\n(.*?)```", page.read_text(), re.DOTALL)[1]


def test_the_log_of_a_sync_is_what_the_docs_show(fake_wisdom, knowledge_base, tmp_path, monkeypatch, caplog):
    guide = DOCS / "guides" / "sync.md"
    monkeypatch.chdir(tmp_path)
    sync = WisdomSyncQuickResponsesOperator(
        task_id="sync",
        knowledge_base_id=knowledge_base,
        source="responses.csv",
        owner_tag="faq",
        on_missing="deactivate",
    )
    Path("responses.csv").write_text(marked(guide, "first day"))
    run(sync)
    (router,) = (one for one in fake_wisdom.quick_responses(knowledge_base) if one["name"] == "Router")
    by_hand = {"content": {"content": "Unplug it, and wait 10 seconds."}}
    fake_wisdom.edit_by_hand(knowledge_base, router["quickResponseId"], **by_hand)
    Path("responses.csv").write_text(marked(guide, "second day"))
    caplog.clear()
    with caplog.at_level("INFO", logger="airflow_wisdom.runs.progress"):
        run(sync)
    said = [record.getMessage() for record in caplog.records if record.name == "airflow_wisdom.runs.progress"]

    def without_ids(line):
        return re.sub(r"fingerprint \w{32}$|arn:aws:connect:\S+, \S+$", "", line)

    assert list(map(without_ids, said)) == list(map(without_ids, marked(guide, "log").splitlines()))


def test_a_sync_takes_as_many_calls_as_the_docs_say(fake_wisdom, knowledge_base):
    table = re.findall(
        r"^\| (none|20|50|all)\b.* \| ([\d,]+) \|$", (DOCS / "guides" / "sync.md").read_text(), re.MULTILINE
    )
    shown = {which: int(calls.replace(",", "")) for which, calls in table}
    rows = [{"Name": f"n{number}", "Content": "old"} for number in range(1000)]

    def calls(changed=0):
        for row in rows[:changed]:
            row["Content"] = f"the {changed} first ones are new"
        before = sum(fake_wisdom.calls().values())
        run(WisdomSyncQuickResponsesOperator(task_id="sync", knowledge_base_id=knowledge_base, source=rows))
        return sum(fake_wisdom.calls().values()) - before

    assert shown == {"all": calls(), "none": calls(), "20": calls(20), "50": calls(50)}


def test_the_event_of_a_failed_job_has_the_members_that_the_docs_show(fake_wisdom, knowledge_base):
    fake_wisdom.import_jobs(status="FAILED")
    job = start_job(fake_wisdom, knowledge_base)
    trigger = WisdomJobsCompleteTrigger(knowledge_base_id=knowledge_base, import_job_ids=[job])

    async def fired():
        return (await anext(trigger.run())).payload

    shown = json.loads(blocks(DOCS / "waiting.md", "json")[0])
    assert shape(asyncio.run(fired())) == shape(shown)


# Names in the docs

FOLDERS = ("airflow_wisdom/", "dags_examples/", "docs/", "tests/")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_relative_links_lead_somewhere(page):
    text = CODE.sub("", page.read_text())
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link and not link.startswith("#")]
    links += re.findall(r"```\{(?:image|include|literalinclude)\} (\S+)", page.read_text())
    missing = [link for link in links if not (page.parent / link.partition("#")[0]).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_files_in_backticks_exist(page):
    paths = [path for path in re.findall(r"`([\w./*-]+)`", CODE.sub("", page.read_text())) if path.startswith(FOLDERS)]
    made = ("docs/_build",)
    missing = [path for path in paths if not path.startswith(made) and not list(ROOT.glob(path))]
    assert missing == []


def test_links_to_the_outside_are_of_one_kind():
    """`make linkcheck` checks whether they still work, where there is a network."""
    for page in PAGES:
        for link in re.findall(r"\]\((\w+://[^)]+)\)", page.read_text()):
            assert link.startswith("https://")


@pytest.mark.parametrize("drawing", ["rows", "wait", "retry", "sync"])
def test_drawings_say_what_they_show_and_load_nothing(drawing):
    text = (DOCS / "images" / f"{drawing}.svg").read_text()
    root = ET.fromstring(text)
    name = "{http://www.w3.org/2000/svg}"
    assert root.attrib["role"] == "img"
    assert root.find(f"{name}title").text
    assert len(root.find(f"{name}desc").text) > 100
    assert re.findall(r"href|@import|url\((?!#)|<script|<image", text) == []
    assert any(f"images/{drawing}.svg" in page.read_text() for page in PAGES)


def test_every_module_has_its_place_in_the_reference():
    package = ROOT / "airflow_wisdom"
    modules = {path.stem for path in package.glob("[a-z]*.py")}
    modules |= {path.parent.name for path in package.glob("*/__init__.py")}
    reference = "".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    documented = set(re.findall(r"(?:automodule|currentmodule):: airflow_wisdom\.(\w+)", reference))
    assert documented == modules


@pytest.fixture
def generated(monkeypatch):
    """The extension of Sphinx that writes parts of pages from the code."""
    pytest.importorskip("docutils")
    monkeypatch.syspath_prepend(str(DOCS))
    import generated

    return generated


def test_every_exception_is_explained(generated):
    """As the extension demands; and each has a sentence in its docstring to show there."""
    (block,) = blocks(DOCS / "errors.md", r"{exceptions}")
    explained = re.findall(r"^(\w+)\n: \S", block, re.MULTILINE)
    assert sorted(explained) == sorted(generated.all_exceptions())
    assert all(generated.meaning(kind).endswith((".", ":")) for kind in generated.all_exceptions().values())


def test_a_table_is_a_list_on_a_phone(tmp_path, monkeypatch):
    """Each cell but the first has the heading of its column, and a name in code stays in one piece."""
    application = pytest.importorskip("sphinx.application")
    monkeypatch.syspath_prepend(str(DOCS))
    (tmp_path / "conf.py").write_text('extensions = ["myst_parser", "narrow"]\n')
    long = "a_" * 30
    (tmp_path / "index.md").write_text(f"# Title\n\n| what | `how` & <why> |\n|---|---|\n| `one-two` | `{long}` |\n")
    folders = (tmp_path, tmp_path, tmp_path / "out", tmp_path / "trees")
    application.Sphinx(*folders, "html", status=None, freshenv=True).build()
    written = (tmp_path / "out" / "index.html").read_text()
    assert re.findall(r"data-label=\"(.*?)\"", written) == ["how &amp; &lt;why&gt;"]
    assert re.findall(r'<code class="[^"]*whole[^"]*"><span class="pre">(.*?)<', written) == ["how", "one-two"]


def test_the_lower_bounds_of_the_page_are_those_of_the_package(generated):
    tomllib = pytest.importorskip("tomllib")
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert generated.lower_bounds() == dict(sorted(line.split(">=") for line in needed))


def test_every_option_is_on_its_page(generated):
    options = "\n".join(generated.Options.lines(None))
    for name, option in get_provider_info()["config"]["wisdom"]["options"].items():
        assert f"`{name}`\n: *{option['type']}, " in options
        assert option["description"] in options
    assert "```{options}" in (DOCS / "configuration.md").read_text()


def test_what_is_unverified_names_parameters_and_switches_that_exist():
    kinds = [getattr(operators, name) for name in operators.__all__]
    kinds += [sensors.WisdomImportJobSensor, transfers.SqlToWisdomOperator, WisdomEndingsTrigger, Rules]
    parameters = {name for kind in kinds for base in kind.__mro__ for name in _parameters(base)}
    options = {f"[wisdom] {name}" for name in get_provider_info()["config"]["wisdom"]["options"]}
    rows = re.findall(r"^\| .* \| (.*?) \|$", (DOCS / "unverified.md").read_text(), re.MULTILINE)
    assert len(rows) > 20
    for row in rows:
        deciding, _, switches = row.partition("fake: ")
        for name in re.findall(r"`([^`]+)`", deciding):
            assert name.endswith("=)") or name in parameters | options
        for name, parameter in SWITCH.findall(switches):
            assert parameter in {"", *inspect.signature(getattr(FakeWisdom, name)).parameters}


SWITCH = re.compile(r"`(\w+)\((?:(\w+)=)?[^`]*\)`")
"""A switch of the fake, and its first parameter if that is named."""


def unverified_switches():
    """The switches that choose between behaviours which AWS does not document, as their own docstrings say."""
    switches = [name for name, item in vars(FakeWisdom).items() if "unverified" in (item.__doc__ or "")]
    return {name for name in switches if name[0] != "_"}


def test_every_switch_for_an_unverified_behaviour_is_marked_and_listed():
    marked = re.findall(r"^\| .* ¹ \| (.*) \|$", (DOCS / "testing.md").read_text(), re.MULTILINE)
    listed = (DOCS / "unverified.md").read_text()
    assert unverified_switches() == {name for switches in marked for name, _ in SWITCH.findall(switches)}
    assert unverified_switches() <= {name for name, _ in SWITCH.findall(listed)}


def _parameters(kind):
    return inspect.signature(kind.__init__).parameters if kind.__module__.startswith("airflow_wisdom") else ()


def test_the_docs_name_every_public_name():
    pages = "".join(path.read_text() for path in DOCS.rglob("*.md"))
    assert [name for names in PUBLIC.values() for name in names if not re.search(rf"\b{name}\b", pages)] == []
