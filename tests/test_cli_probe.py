"""The command `probe`: what it says before, what it reports, how it ends, and what it says is left."""

from __future__ import annotations

import json
import re

import pytest
from rigs.commands import Ran
from rigs.network import before_call

from airflow_wisdom.cli import main
from airflow_wisdom.cli.commands import KNOWLEDGE_BASE
from airflow_wisdom.cli.exits import AWS, DONE, INTERRUPTED, USAGE
from airflow_wisdom.runs.probing.lab import Bounds
from airflow_wisdom.runs.probing.questions import (
    NOT_ASKED,
    OPERATIONS,
    OPERATIONS_FOR_PROFILES,
    OPERATIONS_OF_OWN_BASE,
    QUESTIONS,
)


@pytest.fixture
def probe(fake_wisdom, virtual_time, monkeypatch, capsys):
    monkeypatch.setattr("airflow_wisdom.testing.wisdom.pace.monotonic", lambda: virtual_time.now)

    def run(*argv):
        return Ran(main(["probe", *map(str, argv)]), capsys.readouterr())

    return run


def bases(fake):
    return [each["knowledgeBaseId"] for each in fake.client().list_knowledge_bases()["knowledgeBaseSummaries"]]


# Before


def test_a_dry_run_says_what_would_be_done_and_calls_nothing(probe, fake_wisdom, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name)
    document = probe("--dry-run", "-o", "json").document
    assert fake_wisdom.calls() == {}
    assert [each["id"] for each in document["questions"]] == [question.id for question in QUESTIONS]
    assert document["notAsked"] == NOT_ASKED
    assert document["permissions"] == [
        *(f"wisdom:{name}" for name in (*OPERATIONS, *OPERATIONS_OF_OWN_BASE)),
        *(f"connect:{name}" for name in OPERATIONS_FOR_PROFILES),
    ]
    bounds = Bounds()
    assert document["atMost"] == {
        "calls": bounds.calls,
        "quickResponses": bounds.quick_responses,
        "importJobs": bounds.import_jobs,
        "seconds": bounds.seconds,
    }
    table = probe("--dry-run", "--timeout", "10m").out
    assert "at most 600 s" in table
    for question in QUESTIONS:
        assert f"{question.id}\t{question.text}\t{question.does}\n" in table
    assert [why for why in NOT_ASKED.values() if why not in table] == []


def test_a_dry_run_for_a_named_knowledge_base(probe):
    named = probe("--dry-run", "-o", "json", "--knowledge-base-id", "kb", "--only", "header").document
    assert [each["id"] for each in named["questions"]] == ["header"]
    assert named["knowledgeBase"] == "named"
    assert named["permissions"] == [f"wisdom:{name}" for name in OPERATIONS]
    instance = probe("--dry-run", "-o", "json", "--instance-id", "i", "--only", "header").document
    assert instance["permissions"] == [*named["permissions"], "connect:ListIntegrationAssociations"]


def test_nothing_begins_without_a_yes(probe, fake_wisdom):
    ran = probe()
    assert ran.code == USAGE
    assert ran.error.endswith("pass --yes, or see --dry-run first")
    assert fake_wisdom.calls() == {}


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (["--only", "nonsense"], "no such question: nonsense. A dry run lists them"),
        (["--only", "max-jobs"], f"no such question: max-jobs. max-jobs: {NOT_ASKED['max-jobs']}"),
        (["--knowledge-base-id", "a", "--instance-id", "b"], "either names the knowledge base"),
        (["--conn-id", "aws_default", "--endpoint-url", "http://x"], "put endpoint_url into the connection's extra"),
        (["--clean-up", "0123abcd", "--dry-run"], "which asks nothing and removes at once"),
        (["--clean-up", "nonsense"], "the id of a probe has 8 hexadecimal digits, unlike 'nonsense'"),
    ],
)
def test_what_makes_no_sense_is_refused(probe, fake_wisdom, argv, why):
    ran = probe("--yes", *argv)
    assert ran.code == USAGE
    assert ran.error.endswith(why)
    assert fake_wisdom.calls() == {}


def test_a_template_without_a_name_is_refused(probe, fake_wisdom, tmp_path):
    path = tmp_path / "template.csv"
    path.write_text("Title,Content\n")
    ran = probe("--yes", "--template", path)
    assert ran.code == USAGE
    assert ran.error.endswith("the template has no label that means name: see --label")
    assert fake_wisdom.calls() == {}


def test_a_template_is_tried(probe, fake_wisdom, tmp_path):
    fake_wisdom.header({"Title": "name", "Content": "content"})
    path = tmp_path / "template.csv"
    path.write_text("Title <*Required field>,Content\n")
    options = ("--yes", "--only", "header", "--template", path, "--label", "Title=name", "-o", "json")
    (answer,) = probe(*options).document["answers"]
    assert answer["answer"].startswith('accepted: "Title", "Content"')
    assert answer["set"] == "import_template"


# The report


def test_the_report_is_one_document_or_tables(probe, fake_wisdom):
    fake_wisdom.list_order("newest_first")
    ran = probe("--yes", "--only", "list-order", "--only", "last-modified", "-o", "json")
    assert ran.code == DONE
    assert (ran.document["region"], ran.document["client"], ran.document["knowledgeBase"]) == (
        "us-east-1",
        "wisdom",
        "own",
    )
    assert ran.document["left"] == []
    order, modified = ran.document["answers"]
    assert order == {
        "id": "list-order",
        "question": "Order of ListImportJobs",
        "answer": "newest first, by 3 jobs",
        "unknownBecause": None,
        "set": None,
        "fake": 'list_order("newest_first")',
    }
    assert modified["answer"] is None
    assert "1 of 2: last-modified" in ran.err
    assert "removing what was made" in ran.err
    shown = probe("--yes", "--quiet", "--only", "list-order", "--only", "last-modified")
    assert "list-order\tnewest first, by 3 jobs\t\tlist_order(" in shown.out
    assert f"last-modified\t{modified['unknownBecause']}\n" in shown.out
    assert "removing what was made" not in shown.err
    assert bases(fake_wisdom) == []


def test_neither_a_connection_nor_the_environment_names_a_knowledge_base(probe, fake_wisdom, monkeypatch):
    """It may be the one that agents use."""
    base = fake_wisdom.create_knowledge_base()
    monkeypatch.setenv(KNOWLEDGE_BASE, base)
    extra = {"region_name": "us-east-1", "knowledge_base_id": base}
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps({"conn_type": "aws", "extra": extra}))
    made = []
    with before_call("CreateKnowledgeBase", lambda: made.append(1)):
        assert probe("--yes", "--only", "tag-time", "--conn-id", "other").code == DONE
    assert made == [1]
    assert bases(fake_wisdom) == [base]


def test_a_named_knowledge_base_and_that_of_an_instance(probe, fake_wisdom):
    base = fake_wisdom.create_knowledge_base()
    instance = fake_wisdom.create_instance(base)
    named = probe("--yes", "--only", "routing-profile", "-o", "json", "--knowledge-base-id", base).document
    assert named["knowledgeBase"] == "named"
    assert named["answers"][0]["answer"].startswith("yes: ValidationException")
    fake_wisdom.check_routing_profiles(False)
    of_instance = probe("--yes", "--only", "routing-profile", "-o", "json", "--instance-id", instance).document
    assert of_instance["knowledgeBase"] == "named"
    assert of_instance["answers"][0]["answer"] == "no"
    assert bases(fake_wisdom) == [base]
    assert fake_wisdom.quick_responses(base) == []


def test_a_knowledge_base_of_documents_is_refused(probe, fake_wisdom):
    base = fake_wisdom.create_knowledge_base(knowledge_base_type="CUSTOM")
    ran = probe("--yes", "--knowledge-base-id", base)
    assert ran.code == USAGE
    assert "is of type CUSTOM, not QUICK_RESPONSES" in ran.error


# How it ends


def test_an_interruption_reports_what_was_found(probe, fake_wisdom):
    def interrupt():
        raise KeyboardInterrupt

    with before_call("TagResource", interrupt):
        ran = probe("--yes", "--only", "time-stamps", "--only", "tag-time", "-o", "json")
    assert ran.code == INTERRUPTED
    assert ran.error.endswith("interrupted: nothing is left behind")
    assert [each["answer"] is None for each in ran.document["answers"]] == [False, True]
    assert bases(fake_wisdom) == []


def test_a_second_interruption_says_how_to_remove_what_is_left(probe, fake_wisdom):
    def interrupt():
        raise KeyboardInterrupt

    with before_call("TagResource", interrupt), before_call("DeleteQuickResponse", interrupt):
        ran = probe("--yes", "--only", "tag-time")
    assert ran.code == INTERRUPTED
    (base,) = bases(fake_wisdom)
    command, run = re.search(r"(probe --clean-up (\w{8})), or aws", ran.error).groups()
    assert f"whatever is named wisdom-probe-{run}-*" in ran.error
    assert ran.error.endswith(f"aws wisdom delete-knowledge-base --knowledge-base-id {base}")
    assert "Left behind" in ran.out
    assert probe(*command.split()[1:]).code == DONE
    assert bases(fake_wisdom) == []


def test_what_cannot_be_removed_fails_the_command(probe, fake_wisdom):
    fake_wisdom.fault("DeleteKnowledgeBase", "AccessDeniedException", http_status=403, times=100)
    ran = probe("--yes", "--only", "tag-time", "-o", "json")
    assert ran.code == AWS
    (left,) = ran.document["left"]
    assert left in ran.error
    run = re.search(r"--clean-up (\w{8})", ran.error)[1]
    still = probe("--clean-up", run)
    assert still.code == AWS
    assert "left behind is knowledge base" in still.error
    fake_wisdom.clear_faults()
    removed = probe("--clean-up", run, "-o", "json")
    assert (removed.code, removed.document) == (DONE, {"probe": run, "found": True, "left": []})
    assert "nothing was found: are id and region right?" in probe("--clean-up", run).out


def test_what_is_left_in_a_named_knowledge_base_is_removed_by_the_command_that_it_names(probe, fake_wisdom):
    base = fake_wisdom.create_knowledge_base(samples=True)
    fake_wisdom.fault("DeleteQuickResponse", "AccessDeniedException", http_status=403, times=100)
    ran = probe("--yes", "--only", "tag-time", "--knowledge-base-id", base)
    assert ran.code == AWS
    command = re.search(r"probe (--clean-up \w{8} --knowledge-base-id \S+)$", ran.error)[1]
    fake_wisdom.clear_faults()
    assert probe(*command.split()).code == DONE
    assert {each["name"] for each in fake_wisdom.quick_responses(base)} == {"Sample greeting", "Sample farewell"}
    assert bases(fake_wisdom) == [base]


def test_a_probe_that_cannot_begin_says_why(probe, fake_wisdom):
    fake_wisdom.fault("CreateKnowledgeBase", "AccessDeniedException", http_status=403, message="Not you.")
    ran = probe("--yes", "--only", "tag-time")
    assert ran.code == AWS
    assert "CreateKnowledgeBase: AccessDeniedException: Not you." in ran.error
    assert "left behind" not in ran.error
