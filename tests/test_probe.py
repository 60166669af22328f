"""The probe: whichever way the fake's switches are, it finds that out or says why not; and it leaves nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from rigs.network import after_call, before_call, listening
from rigs.running import start_job

from airflow_wisdom.hooks.connection import AwsConnection
from airflow_wisdom.rows import ImportTemplate
from airflow_wisdom.runs.probing.lab import CALLS_PER_SECOND, TAG, Bounds, prefix_of
from airflow_wisdom.runs.probing.probe import Probe, ProbeOptions, clean_up, scrubbed
from airflow_wisdom.runs.probing.questions import (
    NOT_ASKED,
    OPERATIONS,
    OPERATIONS_FOR_PROFILES,
    OPERATIONS_OF_INSTANCE,
    OPERATIONS_OF_OWN_BASE,
    QUESTIONS,
)
from airflow_wisdom.testing import FakeWisdom

DOCS = Path(__file__).parent.parent / "docs"
PRESIGNED = {"GetObject", "PutObject"}
ROWS = re.findall(r"^\| [^|].*? `([\w-]+)` \| .*? \| (.*?) \|$", (DOCS / "unverified.md").read_text(), re.MULTILINE)
"""Id of a row of the docs, and what can be changed."""


@pytest.fixture
def hook(fake_wisdom, virtual_time, monkeypatch):
    """Calls that are made at once, while the time of the fake passes with that of the probe."""
    monkeypatch.setattr("airflow_wisdom.testing.wisdom.pace.monotonic", lambda: virtual_time.now)
    return AwsConnection(None).hook(attempts=1)


@pytest.fixture
def probe(hook):
    """Make a probe, and return its account."""

    def made(*only, **options):
        probing = Probe(hook, ProbeOptions(only=only, **options).checked())
        probing.check()
        account = probing.apply(probing.plan())
        assert [finding.question for finding in account.findings] == list(probing.plan())
        return account

    return made


def found(account, which):
    """The answer to a question, or why there is none; what it says to set is what the docs say can be changed."""
    (finding,) = [each for each in account.findings if each.question.id == which]
    if finding.answer is None:
        assert finding.because
        return finding.because
    changeable = dict(ROWS)[which]
    assert [name for name in finding.answer.setting.split(", ") if name and f"`{name}`" not in changeable] == []
    return finding.answer


def bases(fake):
    return fake.client().list_knowledge_bases()["knowledgeBaseSummaries"]


# Questions and rows


def test_each_row_of_the_docs_has_a_question_or_a_reason():
    asked = [question.id for question in QUESTIONS]
    assert len(ROWS) == len((DOCS / "unverified.md").read_text().split("\n| ")) - 1 - 5
    assert sorted(name for name, _ in ROWS) == sorted([*asked, *NOT_ASKED])
    assert [name for name, _ in ROWS if name in asked] == asked


# What the fake is told, the probe finds out

SWITCHES = [
    ("list-order", 'list_order("oldest_first")'),
    ("list-order", 'list_order("newest_first")'),
    ("list-lag", "lagging_list()"),
    ("unknown-knowledge-base", 'list_of_unknown_knowledge_base("ValidationException")'),
    ("unknown-knowledge-base", 'list_of_unknown_knowledge_base("AccessDeniedException")'),
    ("unknown-knowledge-base", 'list_of_unknown_knowledge_base("ResourceNotFoundException")'),
    ("start-answer", 'import_jobs(answered="FAILED")'),
    ("start-answer", 'import_jobs(answered="COMPLETE")'),
    ("token-reuse", 'reused_client_token("conflict")'),
    ("token-reuse", 'reused_client_token("first")'),
    ("deleted-jobs", "deletions()"),
    ("deleted-jobs", 'deletions(status="DELETED")'),
    ("deleted-jobs", 'deletions(status="DELETE_FAILED")'),
    ("file-size", "quotas(document_bytes=1000000)"),
    ("file-size", "quotas(document_bytes=5242880)"),
    ("partly-failed", 'partly_failed("COMPLETE")'),
    ("partly-failed", 'partly_failed("FAILED")'),
    ("search", "stale_search(missing=1)"),
    ("search", "stale_search(missing=2)"),
    ("search", "search_hides_inactive(True)"),
    ("search-lag", "stale_search()"),
    ("change-time", "quick_response_changes()"),
    ("create-token", 'reused_create_token("first")'),
    ("create-token", 'reused_create_token("conflict")'),
    ("create-token", 'reused_create_token("new")'),
    ("name-in-use", "quick_response_changes()"),
    ("name-in-use", "quick_response_changes(after_seconds=5)"),
]
"""Question, and a switch that the answer has to name."""


def turn(fake, switch):
    eval(f"fake.{switch}", {"fake": fake})


@pytest.mark.parametrize(("which", "switch"), SWITCHES)
def test_an_answer_names_the_switch_by_which_the_fake_does_the_same(probe, fake_wisdom, which, switch):
    turn(fake_wisdom, switch)
    account = probe(which)
    assert found(account, which).switch == switch
    assert account.left == ()
    assert bases(fake_wisdom) == []


OTHER_TESTS = {
    "check_routing_profiles": "test_a_routing_profile_that_does_not_exist",
    "header": "test_a_header_of_ones_own",
    "lagging_list": "test_a_list_that_lags_behind",
    "stale_search": "test_a_search_that_lags_behind",
}


def test_each_switch_for_an_unverified_behaviour_is_turned():
    switches = {name for name, item in vars(FakeWisdom).items() if "unverified" in (item.__doc__ or "")}
    switches = {name for name in switches if not name.startswith("_")}
    assert switches <= {switch.partition("(")[0] for _, switch in SWITCHES} | OTHER_TESTS.keys()
    assert [name for name in OTHER_TESTS.values() if name not in globals()] == []


@pytest.mark.parametrize("lag", [{"calls": 2}, {"seconds": 5}])
def test_a_list_that_lags_behind(probe, fake_wisdom, lag):
    fake_wisdom.lagging_list(**lag)
    answer = found(probe("list-lag"), "list-lag")
    assert answer.text.startswith("no: after ")
    seconds = int(re.fullmatch(r"lagging_list\(seconds=(\d+)\)", answer.switch)[1])
    assert 1 <= seconds <= 10


def test_a_list_that_never_shows_a_job(probe, fake_wisdom):
    fake_wisdom.lagging_list(seconds=3600)
    account = probe("list-lag", "list-order")
    assert found(account, "list-lag").startswith("the list did not show the job within 60 s")
    assert found(account, "list-order") == "the list shows 0 of the jobs of the probe, too few to tell"
    assert bases(fake_wisdom) == []


def test_a_search_that_lags_behind(probe, fake_wisdom):
    fake_wisdom.stale_search(seconds=5)
    account = probe("search", "search-lag", "time-stamps")
    assert found(account, "search").text.startswith("yes, within ")
    assert 5 <= int(re.fullmatch(r"stale_search\(seconds=(\d+)\)", found(account, "search-lag").switch)[1]) <= 10
    assert found(account, "time-stamps").text.startswith("yes")


def test_a_search_that_never_shows_a_change(probe, fake_wisdom):
    fake_wisdom.stale_search(writes=3)
    account = probe("search", "search-lag")
    assert found(account, "search").text.startswith("no: the newest 3 of 4 are not found within 60 s")
    assert found(account, "search-lag") == "the search did not show the change within 60 s"


def test_changes_that_take_a_while(probe, fake_wisdom):
    fake_wisdom.quick_response_changes(after_seconds=5)
    answer = found(probe("change-time"), "change-time")
    assert answer.setting == "timeout"
    assert 5 <= int(re.fullmatch(r"quick_response_changes\(after_seconds=(\d+)\)", answer.switch)[1]) <= 10
    seen = found(probe("change-time", "statuses"), "statuses").text
    assert seen.startswith("seen: CREATED, CREATE_IN_PROGRESS, DELETE_IN_PROGRESS, UPDATE_IN_PROGRESS;")


@pytest.mark.parametrize("change", ["create", "update", "delete"])
def test_changes_that_fail(probe, fake_wisdom, change):
    fake_wisdom.fail_quick_responses(change)
    account = probe("change-time")
    assert f"{change.upper()}_FAILED" in found(account, "change-time")
    assert account.left == ()


@pytest.mark.parametrize("status", [400, 429])
def test_throttling_is_waited_out_and_reported(probe, fake_wisdom, status):
    fake_wisdom.throttle(tps=2, http_status=status)
    account = probe("tag-time", "throttling")
    assert found(account, "throttling").text == f"ThrottlingException, HTTP status {status}"
    assert found(account, "tag-time").text == "no"
    assert account.left == ()


def test_no_throttling_says_nothing(probe):
    assert found(probe("throttling"), "throttling").startswith("AWS did not throttle the probe")


@pytest.mark.parametrize("enabled", [True, False])
def test_a_routing_profile_that_does_not_exist(probe, fake_wisdom, enabled):
    fake_wisdom.check_routing_profiles(enabled)
    base = fake_wisdom.create_knowledge_base()
    fake_wisdom.create_instance(base, ["Billing"])
    answer = found(probe("routing-profile", knowledge_base_id=base, has_instance=True), "routing-profile")
    assert answer.switch == f"check_routing_profiles({enabled})"
    assert answer.setting == ("" if enabled else "instance_id")


def test_a_routing_profile_says_nothing_without_an_instance(probe):
    assert "--instance-id" in found(probe("routing-profile"), "routing-profile")


OTHER_HEADER = {"Title": "name", "Text": "content", "Active": "isActive"}


def test_a_header_of_ones_own(probe, fake_wisdom):
    fake_wisdom.header(OTHER_HEADER)
    account = probe("header", "words", "partly-failed")
    assert found(account, "header").text.startswith('refused: "Name", ')
    assert "AWS: Unknown columns" in found(account, "header").text
    assert found(account, "header").setting == "import_template"
    assert "--template" in found(account, "words")
    assert "--template" in found(account, "partly-failed")
    template = ImportTemplate.of(OTHER_HEADER, fields=OTHER_HEADER)
    account = probe("header", "words", "languages", "spaces", "file-size", "partly-failed", template=template)
    assert found(account, "header").switch == f"header({json.dumps(OTHER_HEADER)})"
    assert found(account, "header").setting == "import_template"
    assert found(account, "partly-failed").text == "COMPLETE"
    assert found(account, "languages") == "the template has no label for language"
    assert found(account, "words").text.startswith("Active: accepted: Yes, ")
    assert found(account, "spaces").text == "accepted at the end of: content; refused: name, isActive"
    assert found(account, "file-size").text.startswith("1,200,000 bytes are accepted, 5,442,880 are not")


def test_labels_that_mean_something_else(probe, fake_wisdom):
    columns = {"Name": "name", "Content": "content", "Channels": "description", "Description": "channels"}
    fake_wisdom.header({**columns, "Shortcut key": "shortcutKey"})
    template = ImportTemplate.of(["Name", "Content", "Channels", "Shortcut key"])
    answer = found(probe("header", template=template), "header")
    assert answer.text.endswith("without effect: Channels")


@pytest.mark.parametrize("pace", [{}, {"after_calls": 1}, {"after_seconds": 20}, {"after_seconds": 3600}])
def test_jobs_that_are_deleted_while_they_run(probe, fake_wisdom, pace):
    fake_wisdom.import_jobs(**pace)
    account = probe("delete-running")
    expected = {
        (): "the job had ended before it was deleted",
        (1,): "all its rows were imported: it may have ended just before it was deleted",
        (20,): "ConflictException: it goes on",
        (3600,): "an import job is still START_IN_PROGRESS after",
    }[tuple(pace.values())]
    answer = found(account, "delete-running")
    assert getattr(answer, "text", answer).startswith(expected)
    assert account.left == ()
    assert bases(fake_wisdom) == []


def test_the_time_of_an_end(probe, fake_wisdom):
    assert found(probe("last-modified"), "last-modified").startswith("the job had ended")
    fake_wisdom.import_jobs(after_seconds=5)
    assert found(probe("last-modified"), "last-modified").text.startswith("yes")


@pytest.mark.parametrize("pace", [{"status": "FAILED"}, {"answered": "FAILED"}])
def test_jobs_that_fail_for_no_reason_tell_nothing_about_their_files(probe, fake_wisdom, pace):
    fake_wisdom.import_jobs(**pace)
    account = probe(*[question.id for question in QUESTIONS if question.ask.__module__.endswith("import_files")])
    assert {finding.question.id: finding.answer for finding in account.findings if finding.answer} == {}
    assert found(account, "header").endswith("and gave no reason")


def test_starts_that_answer_as_expected(probe):
    answer = found(probe("start-answer", "token-lifetime"), "start-answer")
    assert answer.text == "not in 3 starts, one of them of a file that cannot be imported"


def test_a_knowledge_base_that_nobody_may_ask_about(probe, fake_wisdom):
    """Where IAM allows one knowledge base alone, its refusal is not AWS's answer to an unknown id."""
    for operation in ("ListImportJobs", "GetImportJob"):
        fake_wisdom.fault(operation, "AccessDeniedException", http_status=403)
    assert found(probe("unknown-knowledge-base"), "unknown-knowledge-base").endswith("by IAM, it seems")


@pytest.mark.parametrize("which", ["stored-texts", "import-texts"])
def test_texts_that_are_stored_as_they_are(probe, which):
    assert found(probe(which), which).text.startswith("yes")


@pytest.mark.parametrize("which", ["stored-texts", "import-texts"])
def test_texts_that_a_service_strips(probe, which):
    """Here the answers are changed, as a service would change what it stores."""

    def strip(parsed, **_):
        for content in parsed["quickResponse"]["contents"].values():
            content["content"] = content["content"].strip()

    with listening("after-call.*.GetQuickResponse", strip):
        answer = found(probe(which), which)
    assert answer.text.startswith("no: ")
    assert "ends: '  Spaces at the ends  ' becomes 'Spaces at the ends'" in answer.text
    assert "lf" not in answer.text


# A whole probe


def test_a_whole_probe(probe, fake_wisdom, virtual_time):
    fake_wisdom.mark_signatures("CANARY")
    began = virtual_time.now
    account = probe()
    counted = fake_wisdom.calls()
    calls = {name: number for name, number in counted.items() if name not in PRESIGNED}
    # Reports are read by calls of the probe, too.
    assert account.calls == sum(calls.values()) + counted["GetObject"] <= Bounds().calls
    assert account.seconds == virtual_time.now - began >= account.calls / CALLS_PER_SECOND - 1
    # Knowledge bases are listed only where the answer about a new one was lost.
    assert calls.keys() == {*OPERATIONS, *OPERATIONS_OF_OWN_BASE} - {"ListKnowledgeBases"}
    page = " ".join((DOCS / "probe.md").read_text().split())
    shown = re.search(r"about (\d+) calls, (\d+) import jobs, and (\d+) quick responses", page).groups()
    started = [each for each in fake_wisdom.history() if each["operation"] == "StartImportJob" and each["effect"]]
    measured = (account.calls, len(started), calls["DeleteQuickResponse"])
    assert [abs(number - int(told)) <= 5 for number, told in zip(measured, shown, strict=True)] == [True] * 3
    assert bases(fake_wisdom) == []
    unknown = {finding.question.id for finding in account.findings if finding.answer is None}
    assert unknown == {"last-modified", "delete-running", "routing-profile", "throttling"}
    for which, _ in ROWS:
        if which not in unknown | NOT_ASKED.keys():
            found(account, which)
    words = found(account, "words").text
    assert words.startswith("Is active: accepted: Yes, yes, TRUE, true, y, 1, No, no, FALSE, false, n, 0. Content type")
    assert "refused" not in words
    assert found(account, "channels").text == "accepted: Chat, Email; refused: chat, EMAIL, Voice, SMS"
    assert "CANARY" not in json.dumps(account.report())


@pytest.mark.parametrize(
    ("bounds", "why"),
    [
        (Bounds(calls=30), "the probe has made its 30 calls"),
        (Bounds(quick_responses=2), "the probe may make 2 quick responses, and no more"),
        (Bounds(import_jobs=1), "the probe may start 1 import job, and no more"),
        (Bounds(seconds=3), "the time of the probe is over"),
    ],
)
def test_bounds_are_kept_and_everything_is_removed(probe, fake_wisdom, bounds, why):
    account = probe(bounds=bounds)
    assert why in {finding.because for finding in account.findings}
    assert account.left == ()
    assert bases(fake_wisdom) == []
    made = fake_wisdom.calls()
    assert made.get("StartImportJob", 0) <= bounds.import_jobs
    assert made.get("CreateQuickResponse", 0) <= bounds.quick_responses


# A knowledge base that is named


def test_nothing_else_in_a_named_knowledge_base_is_touched(probe, fake_wisdom):
    base = fake_wisdom.create_knowledge_base(samples=True)
    client = fake_wisdom.client()
    client.create_quick_response(knowledgeBaseId=base, name="wisdom-probe-of-mine", content={"content": "x"})
    job = start_job(fake_wisdom, base)
    client.get_import_job(knowledgeBaseId=base, importJobId=job)
    before = fake_wisdom.quick_responses(base)
    calls = fake_wisdom.calls()
    account = probe(knowledge_base_id=bases(fake_wisdom)[0]["knowledgeBaseArn"])
    assert account.left == ()
    assert fake_wisdom.quick_responses(base) == before
    assert [each["importJobId"] for each in client.list_import_jobs(knowledgeBaseId=base)["importJobSummaries"]] == [
        job
    ]
    for operation in OPERATIONS_OF_OWN_BASE:
        if operation != "ListKnowledgeBases":
            assert fake_wisdom.calls().get(operation, 0) == calls.get(operation, 0)


@pytest.mark.parametrize("kind", ["CUSTOM"])
def test_a_knowledge_base_of_another_type_is_refused(probe, fake_wisdom, kind):
    base = fake_wisdom.create_knowledge_base(knowledge_base_type=kind)
    with pytest.raises(ValueError, match=f"is of type {kind}, not QUICK_RESPONSES"):
        probe(knowledge_base_id=base)
    assert "CreateQuickResponse" not in fake_wisdom.calls()


# Whatever happens


@pytest.mark.parametrize("number", [1, 2, 3, 9, 20, 60])
def test_nothing_is_left_after_an_interruption(probe, fake_wisdom, number):
    """At any call; the one whose answer nobody waits for has its effect or not."""
    calls = []

    def interrupt():
        calls.append(1)
        if len(calls) == number:
            raise KeyboardInterrupt

    with before_call("*", interrupt):
        account = probe()
    assert account.interrupted
    assert account.left == ()
    assert bases(fake_wisdom) == []
    assert "the probe was interrupted" in {finding.because for finding in account.findings}


@pytest.mark.parametrize("operation", ["CreateKnowledgeBase", "CreateQuickResponse", "StartImportJob"])
def test_nothing_is_left_if_nobody_reads_the_answer(probe, fake_wisdom, operation):
    def interrupt():
        raise KeyboardInterrupt

    named = fake_wisdom.create_knowledge_base()
    options = {} if operation == "CreateKnowledgeBase" else {"knowledge_base_id": named}
    with after_call(operation, 1, interrupt):
        account = probe("list-lag", "tag-time", **options)
    assert account.interrupted
    assert account.left == ()
    assert [each["knowledgeBaseId"] for each in bases(fake_wisdom)] == [named]
    assert fake_wisdom.quick_responses(named) == []
    assert fake_wisdom.client().list_import_jobs(knowledgeBaseId=named)["importJobSummaries"] == []


def test_jobs_that_still_run_in_a_named_knowledge_base_are_left_and_told(probe, fake_wisdom, knowledge_base):
    """They could not be deleted, and may yet import their rows."""
    fake_wisdom.import_jobs(after_seconds=3600)
    account = probe("list-lag", knowledge_base_id=knowledge_base)
    jobs = fake_wisdom.client().list_import_jobs(knowledgeBaseId=knowledge_base)["importJobSummaries"]
    assert {each.partition(": DeleteImportJob: ConflictException")[0] for each in account.left} == {
        f"import job {job['importJobId']}" for job in jobs
    }
    assert len(account.left) == len(jobs) > 0


def test_jobs_that_still_run_for_a_while_are_waited_for(probe, fake_wisdom, knowledge_base):
    fake_wisdom.import_jobs(after_seconds=20)
    assert probe("start-answer", knowledge_base_id=knowledge_base).left == ()
    assert fake_wisdom.client().list_import_jobs(knowledgeBaseId=knowledge_base)["importJobSummaries"] == []


def test_a_knowledge_base_whose_id_nobody_knows_is_looked_for_again(probe, fake_wisdom):
    """A list may lag behind."""

    def interrupt():
        raise KeyboardInterrupt

    fake_wisdom.nonsense("ListKnowledgeBases", {"knowledgeBaseSummaries": []}, times=2)
    with after_call("CreateKnowledgeBase", 1, interrupt):
        assert probe("tag-time").left == ()
    fake_wisdom.clear_faults()
    assert bases(fake_wisdom) == []


@pytest.mark.parametrize("after_effect", [True, False])
def test_an_answer_that_is_lost_leaves_nothing(probe, fake_wisdom, after_effect):
    fake_wisdom.fault("CreateKnowledgeBase", lost=True, after_effect=after_effect, times=100)
    account = probe("tag-time")
    assert account.error is not None
    assert account.left == ()
    assert bases(fake_wisdom) == []


@pytest.mark.parametrize("after", [5, 25, 60, 100])
def test_a_call_that_fails_is_an_answer_that_is_missing(probe, fake_wisdom, after):
    fake_wisdom.fault("*", "AccessDeniedException", http_status=403, after=after)
    account = probe()
    assert account.left == ()
    assert bases(fake_wisdom) == []


def test_a_knowledge_base_that_cannot_be_made_is_told_at_once(probe, fake_wisdom, virtual_time):
    began = virtual_time.now
    fake_wisdom.quotas(knowledge_bases=0)
    account = probe()
    assert account.error.code == "ServiceQuotaExceededException"
    assert fake_wisdom.calls() == {"CreateKnowledgeBase": 1}
    assert virtual_time.now - began < 1


def test_an_answer_that_makes_no_sense_keeps_the_others_from_nothing(probe, fake_wisdom):
    fake_wisdom.nonsense("GetQuickResponse", {"quickResponse": None}, times=1000)
    account = probe("tag-time", "name-case", bounds=Bounds(seconds=600))
    assert found(account, "tag-time")
    assert found(account, "name-case").text
    assert account.left == ()


def denied(fake, operation, times=10_000):
    fake.fault(
        operation,
        "AccessDeniedException",
        http_status=403,
        times=times,
        message="User: arn:aws:sts::123456789012:assumed-role/me/me is not authorized, in account 123456789012",
    )


def test_what_cannot_be_removed_goes_with_the_knowledge_base(probe, fake_wisdom):
    denied(fake_wisdom, "DeleteQuickResponse")
    denied(fake_wisdom, "DeleteImportJob")
    assert probe("tag-time", "list-lag").left == ()
    assert bases(fake_wisdom) == []


def test_what_is_left_is_told_and_can_be_removed_later(probe, fake_wisdom, hook):
    denied(fake_wisdom, "DeleteKnowledgeBase")
    account = probe("tag-time")
    (base,) = bases(fake_wisdom)
    assert account.own_id == base["knowledgeBaseId"]
    assert base["name"] == f"{prefix_of(account.run)}base"
    assert base["tags"] == {TAG: account.run}
    assert account.left
    assert account.left[0].startswith(f"knowledge base {account.own_id}: DeleteKnowledgeBase: AccessDeniedException")
    fake_wisdom.clear_faults()
    other = fake_wisdom.create_knowledge_base("wisdom-probe-00000000-base")
    another = fake_wisdom.create_knowledge_base("wisdom-probe-11111111-base", tags={TAG: "22222222"})
    assert clean_up(hook, account.run, None) == (True, [])
    for run in (account.run, "00000000", "11111111", "22222222"):
        assert clean_up(hook, run, None) == (False, [])
    assert [each["knowledgeBaseId"] for each in bases(fake_wisdom)] == [other, another]


def test_what_is_left_in_a_named_knowledge_base_can_be_removed_later(probe, fake_wisdom, knowledge_base, hook):
    denied(fake_wisdom, "DeleteQuickResponse")
    account = probe("tag-time", "list-lag", knowledge_base_id=knowledge_base)
    mine = fake_wisdom.quick_responses(knowledge_base)
    assert len(account.left) == len(mine) > 0
    assert {each["quickResponseId"] for each in mine} == {each.split()[2].rstrip(":") for each in account.left}
    fake_wisdom.clear_faults()
    assert clean_up(hook, "00000000", knowledge_base) == (False, [])
    assert fake_wisdom.quick_responses(knowledge_base) == mine
    assert clean_up(hook, account.run, knowledge_base) == (True, [])
    assert fake_wisdom.quick_responses(knowledge_base) == []
    assert len(bases(fake_wisdom)) == 1


def test_a_knowledge_base_that_is_listed_but_gone_is_not_left(probe, fake_wisdom, hook):
    denied(fake_wisdom, "DeleteKnowledgeBase")
    account = probe("tag-time")
    fake_wisdom.clear_faults()
    # As a list shows it that lags behind.
    fake_wisdom.fault("GetKnowledgeBase", "ResourceNotFoundException", http_status=404, times=10)
    assert clean_up(hook, account.run, None) == (False, [])


@pytest.mark.parametrize("run", ["", "a", "5d41402a-", "*", "5D41402A"])
def test_only_the_id_of_a_probe_is_cleaned_up_after(hook, fake_wisdom, run):
    with pytest.raises(ValueError, match="8 hexadecimal digits"):
        clean_up(hook, run, None)
    assert fake_wisdom.calls() == {}


def test_an_interruption_of_the_clean_up_says_what_is_left(probe, fake_wisdom):
    def interrupt():
        raise KeyboardInterrupt

    with before_call("DeleteQuickResponse", interrupt):
        account = probe("tag-time")
    assert account.interrupted
    assert account.left == (f"whatever is named {prefix_of(account.run)}*: the clean-up did not get so far",)
    assert len(bases(fake_wisdom)) == 1


# The report


def test_no_report_names_the_account(probe, fake_wisdom):
    for operation in ("SearchQuickResponses", "StartImportJob", "DeleteKnowledgeBase"):
        denied(fake_wisdom, operation)
    text = json.dumps(probe().report(region="us-east-1"))
    assert "not authorized" in text
    assert "arn:" not in text
    assert "123456789012" not in text
    assert text.count("<arn>") > 3


@pytest.mark.parametrize(
    ("text", "scrubs"),
    [
        ("to arn:aws:sts::123456789012:assumed-role/a/b.c@d here", "to <arn> here"),
        ("arn:aws-us-gov:wisdom:us-gov-west-1:123456789012:knowledge-base/a/b", "<arn>"),
        ("(arn:aws-cn:iam::123456789012:user/x)", "(<arn>)"),
        ("account 123456789012, 1234567890123, 123", "account <account>, 1234567890123, 123"),
        (
            "https://b.s3.amazonaws.com/123456789012/k?X-Amz-Signature=abc",
            "https://b.s3.amazonaws.com/<account>/k?<redacted>",
        ),
    ],
)
def test_what_names_an_account_is_replaced(text, scrubs):
    assert scrubbed(text) == scrubs


# Permissions


def test_the_policy_allows_what_a_probe_calls_and_nothing_else():
    """A whole probe calls these operations, see above."""
    statements = json.loads((DOCS / "policies" / "airflow-wisdom-probe.json").read_text())["Statement"]
    actions = {statement["Sid"]: set(statement["Action"]) for statement in statements}
    assert actions["OwnKnowledgeBase"] == {f"wisdom:{name}" for name in OPERATIONS_OF_OWN_BASE}
    assert actions["RoutingProfiles"] == {f"connect:{name}" for name in OPERATIONS_FOR_PROFILES}
    assert actions["Instance"] == {f"connect:{name}" for name in OPERATIONS_OF_INSTANCE}
    always = actions["Always"] | actions["QuickResponses"] | actions["Create"]
    assert always == {f"wisdom:{name}" for name in OPERATIONS}
    page = (DOCS / "probe.md").read_text()
    assert [sid for sid in actions if f"`{sid}`" not in page] == []


ALONE = [question.id for question in QUESTIONS if question.id not in {which for which, _ in SWITCHES}]


@pytest.mark.parametrize("which", ALONE)
def test_each_question_can_be_asked_alone(probe, fake_wisdom, which):
    """The others are asked alone above."""
    account = probe(which)
    assert account.left == ()
    assert bases(fake_wisdom) == []
    unknown = {"last-modified", "delete-running", "routing-profile", "throttling"}
    assert isinstance(found(account, which), str) == (which in unknown)
