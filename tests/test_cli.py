"""The command line: what it does, what it says on which stream, how it ends, and how it goes on."""

from __future__ import annotations

import argparse
import fcntl
import importlib
import json
import logging
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from rigs.commands import Ran
from rigs.running import GOOD_CSV, PARTLY_BAD_CSV, start_job

from airflow_wisdom import exceptions
from airflow_wisdom.cli import main
from airflow_wisdom.cli.commands import COMMANDS, KNOWLEDGE_BASE
from airflow_wisdom.cli.exits import AWS, BUG, DATA, DONE, EXIT_CODES, INTERRUPTED, TIMED_OUT, USAGE, Failure, worst
from airflow_wisdom.cli.outcome import Column, Sheet, records
from airflow_wisdom.cli.program import make_parser
from airflow_wisdom.cli.text import cell, shown_columns
from airflow_wisdom.cli.values import duration, mapping, tolerated

PROGRAM = Path(sys.executable).with_name("airflow-wisdom")
BAD_CSV = b"Name,Content\nHello,Good morning!\n,Have a nice day!\n"
REFUSED_CSV = b"Name,Content,Routing Profile\nHello,Good morning!,Billing\nBye,Have a nice day!,Nobody\n"
NO_SUCH_JOB = "00000000-0000-4000-8000-000000000000"
CODES = [DONE, DATA, USAGE, AWS, TIMED_OUT, BUG, INTERRUPTED]


# How it is run: in this process, in one of its own, in a terminal


@pytest.fixture
def file(tmp_path):
    """Write a source and return its path."""

    def write(content=GOOD_CSV, name="faq.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def rows(number):
    return "Name,Content\n" + "".join(f"Name {n},Text {n}\n" for n in range(number))


@pytest.fixture
def cli(capsys):
    def run(*argv):
        code = main([str(each) for each in argv])
        return Ran(code, capsys.readouterr())

    return run


@pytest.fixture
def base(fake_wisdom, knowledge_base, monkeypatch):
    """The knowledge base of a fake service, which commands find by the environment."""
    monkeypatch.setenv(KNOWLEDGE_BASE, knowledge_base)
    fake_wisdom.routing_profiles(["Billing"])
    return knowledge_base


@pytest.fixture
def environment(fake_wisdom_over_http, tmp_path, monkeypatch):
    """The environment of a process that reaches the fake service over HTTP, with an Airflow that was never used."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    made = {**os.environ, "AIRFLOW_HOME": str(tmp_path / "airflow"), "TERM": "xterm-256color"}
    made[KNOWLEDGE_BASE] = fake_wisdom_over_http.create_knowledge_base()
    # What would hide how a terminal or a pipe looks by itself.
    hiding = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONUNBUFFERED")
    return {name: value for name, value in made.items() if name not in hiding}


@pytest.fixture
def service(wisdom_server):
    return ["--endpoint-url", wisdom_server]


def start(argv, env, **streams):
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.Popen([PROGRAM, *argv], env=env, text=True, **streams)


def finish(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def jobs_of(fake, knowledge_base):
    return fake.client().list_import_jobs(knowledgeBaseId=knowledge_base)["importJobSummaries"]


# Help


def test_help_needs_neither_airflow_nor_boto3_nor_rich():
    code = (
        "import sys\n"
        "from airflow_wisdom.cli import main\n"
        "try: main(['import', '--help'])\n"
        "except SystemExit: pass\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr.split()
    assert "airflow_wisdom" in loaded
    assert {"airflow", "boto3", "botocore", "rich", "requests", "asyncio"}.isdisjoint(loaded)


def test_the_program_is_installed():
    (entry,) = [each for each in entry_points(group="console_scripts") if each.name == "airflow-wisdom"]
    assert entry.load() is main


def test_the_help_lists_the_commands_and_the_exit_codes(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert [command.name for command in COMMANDS if f"\n    {command.name} " not in shown] == []
    assert EXIT_CODES in shown


@pytest.mark.parametrize("code", CODES)
def test_every_exit_code_is_explained(code):
    assert re.search(rf"^  {code} +\w", EXIT_CODES, re.MULTILINE)
    guide = Path(__file__).parent.parent / "docs" / "guides" / "command-line.md"
    assert re.search(rf"^\| {code} \|", guide.read_text(), re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_help_of_a_command_has_examples_that_are_right(command, capsys):
    with pytest.raises(SystemExit):
        main([command.name, "--help"])
    shown = capsys.readouterr().out
    examples = re.findall(r"^  airflow-wisdom (.*)", shown, re.MULTILINE)
    assert len(examples) == len(command.examples) > 0
    for line in examples:
        assert make_parser().parse_args(shlex.split(line)).command is command
    assert max(map(len, re.sub(r"^  airflow-wisdom.*", "", shown, flags=re.MULTILINE).splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_names_a_function(command):
    module, _, function = command.action.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["nonsense"],
        ["import"],
        ["check", "f", "--map", "x"],
        ["wait", "id", "--timeout", "-1"],
        ["jobs", "--outp=json"],
    ],
)
def test_wrong_usage_ends_with_2(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == USAGE
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1.5", 1.5), ("90s", 90), ("2m", 120), ("1h", 3600), ("2d", 172_800)]
)
def test_a_duration_has_a_unit_or_is_in_seconds(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "0", "-1", "1w", "nan", "inf", "1e400", "1 hour"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="must be seconds"):
        duration(text)


def test_a_column_may_have_an_equals_sign():
    assert mapping("a=b=Name") == ("a=b", "Name")


@pytest.mark.parametrize(("text", "meant"), [("warn", "warn"), ("0", 0), ("12", 12)])
def test_a_word_or_a_number_of_refused_records_is_tolerated(text, meant):
    assert tolerated(text) == meant


# check


def test_a_valid_file_passes_the_check(cli, file):
    ran = cli("check", file(), "--output", "json")
    assert ran.code == DONE
    assert ran.document["rowsValid"] == ran.document["rowsRead"] == 2


def test_every_invalid_row_is_shown_with_its_place(cli, file):
    path = file(BAD_CSV)
    ran = cli("check", path)
    assert ran.code == DATA
    assert "3\tName\t\tis required, but empty" in ran.out.splitlines()
    assert ran.error == f"airflow-wisdom check: error: 1 of 2 rows of {path} are invalid"


def test_several_files_are_one_table(cli, base, fake_wisdom, tmp_path):
    for name, rows in (("1.csv", "Name,Content\na,x\n"), ("2.csv", "b,y\n,z\na,w\n")):
        (tmp_path / name).write_text(rows)
    for files in ([tmp_path], [f"{tmp_path}/*.csv"], [tmp_path / "1.csv", tmp_path / "2.csv"]):
        ran = cli("check", *files, "--output", "json")
        assert ran.code == 1
        assert ran.document["source"] == f"{files[0]}{' and 1 more' * (len(files) - 1)}"
        assert [(row["part"], row["line"]) for row in ran.document["invalidRows"]] == [("2.csv", 2), ("2.csv", 3)]
    ran = cli("check", tmp_path)
    assert "2.csv" in ran.out
    assert "in 1.csv, line 2" in " ".join(ran.out.split())
    ran = cli("import", tmp_path, "--on-invalid-rows", "skip", "--quiet")
    assert ran.code == 0
    assert sorted(each["name"] for each in fake_wisdom.quick_responses(base)) == ["a", "b"]


def test_the_check_has_one_document_for_scripts(cli, file):
    document = cli("check", file(BAD_CSV), "-o", "json", "--sample-size", "0").document
    assert (document["rowsRead"], document["rowsInvalid"], document["invalidRows"]) == (2, 1, [])


def test_the_check_needs_neither_airflow_nor_its_database(file, tmp_path):
    home = tmp_path / "airflow"
    code = (
        "import sys\n"
        "from airflow_wisdom.cli import main\n"
        f"code = main(['check', {file()!r}])\n"
        "print(code, *sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    env = {**os.environ, "AIRFLOW_HOME": str(home)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    ended, *loaded = ran.stderr.splitlines()[-1].split()
    assert ended == "0"
    assert {"airflow", "sqlalchemy", "rich"}.isdisjoint(loaded)
    assert not home.exists()


@pytest.mark.parametrize(
    ("content", "options", "code"),
    [
        ("Title,Content\na,b\n", [], DATA),
        ("Title,Content\na,b\n", ["--map", "Title=Name"], DONE),
        ("Name,Content,Mood\na,b,c\n", [], DATA),
        ("Name,Content,Mood\na,b,c\n", ["--extra-columns", "ignore"], DONE),
        ("Name,Content\na ,b\n", [], DONE),
        ("Name,Content\na ,b\n", ["--spaces", "invalid"], DATA),
        ('{"Name": "a", "Content": "b"}\n', ["--format", "json_lines"], DONE),
        ('{"Name": "a", "Content": "b"}\n', ["--format", "csv"], DATA),
    ],
)
def test_options_decide_what_is_valid(cli, file, content, options, code):
    assert cli("check", file(content), *options).code == code


def test_a_template_decides_which_columns_there_are(cli, file):
    template = file("Titel <*Required field>,Content\n", "template.csv")
    assert cli("check", file("Titel,Content\na,b\n"), "--template", template).code == DONE
    assert "Titel" in cli("check", file("Name,Content\na,b\n"), "--template", template).error


def test_invalid_rows_are_written_where_they_should_be(cli, file, tmp_path):
    path = tmp_path / "to" / "fix.csv"
    ran = cli("check", file(BAD_CSV), "--invalid-rows-path", path, "-o", "json")
    assert ran.document["invalidRowsPath"] == str(path)
    assert "is required, but empty" in path.read_text()


@pytest.mark.parametrize("argv", [["check", "/nowhere/faq.csv"], ["check", "{good}", "--template", "/nowhere/t.csv"]])
def test_a_file_that_cannot_be_read_is_wrong_usage(cli, file, argv):
    ran = cli(*(each.format(good=file()) for each in argv))
    assert ran.code == USAGE
    assert ran.out == ""
    assert "No such file or directory" in ran.error


def test_a_place_that_cannot_be_written_is_wrong_usage(cli, file, tmp_path):
    (tmp_path / "a file").touch()
    ran = cli("check", file(BAD_CSV), "--invalid-rows-path", tmp_path / "a file" / "x.csv")
    assert ran.code == USAGE


# import


def test_a_file_is_imported(cli, base, fake_wisdom, file):
    ran = cli("import", file(), "--output", "json")
    assert ran.code == DONE
    assert ran.document["rowsImported"] == 2
    assert {one["name"] for one in fake_wisdom.quick_responses(base)} == {"Hello", "Bye"}


def test_people_are_told_on_stderr_and_data_are_on_stdout(cli, base, file):
    ran = cli("import", file())
    assert "2 rows of " in ran.err
    assert " is COMPLETE" in ran.err
    job, status, *numbers = ran.out.splitlines()[-1].split("\t")
    assert (status, numbers[:3]) == ("COMPLETE", ["2", "2", "0"])
    assert "Rows imported\t2" in ran.out
    assert ran.out.count(job) == 1


def test_nobody_is_told_who_wants_quiet(environment, service, file):
    _, _, err = finish(start(["import", file(), *service, "--quiet", "-o", "json"], environment))
    # Airflow 3.0 warns of providers of its own.
    assert [line for line in err.splitlines() if "providers_manager" not in line] == []


def test_the_same_file_is_not_imported_twice(cli, base, fake_wisdom, file):
    path = file()
    first = cli("import", path, "-o", "json")
    again = cli("import", path, "-o", "json")
    assert (first.code, again.code) == (DONE, DONE)
    assert again.document == first.document
    assert fake_wisdom.calls()["StartImportJob"] == 1
    assert "An earlier run started the import jobs of 1 of 1 file" in again.err
    assert "Import job " not in again.err


def test_a_file_is_imported_once_more_if_that_is_asked_for(cli, base, fake_wisdom, file):
    path = file()
    cli("import", path)
    assert cli("import", path, "--again").code == DATA
    assert fake_wisdom.calls()["StartImportJob"] == 2


def test_what_failed_is_started_again(cli, base, fake_wisdom, file):
    fake_wisdom.import_jobs(status="FAILED")
    path = file()
    failed = cli("import", path, "-o", "json")
    assert failed.code == DATA
    assert failed.document["status"] == "FAILED"
    assert "0 of 1 import jobs are COMPLETE" in failed.error
    fake_wisdom.import_jobs()
    assert cli("import", path).code == DONE


def test_nothing_is_sent_of_a_file_with_invalid_rows(cli, base, fake_wisdom, file):
    ran = cli("import", file(BAD_CSV), "-o", "json")
    assert ran.code == DATA
    assert "StartContentUpload" not in fake_wisdom.calls()
    document = ran.document
    assert document["status"] == "FAILED"
    assert document["rowsRead"] == document["rowsInvalid"] + document["rowsNotStarted"] == 2
    assert document["invalidRows"][0]["line"] == 3
    assert document["error"] in ran.error


def test_an_import_of_no_valid_row_is_no_success(cli, base, file):
    ran = cli("import", file("Name,Content\n,x\n"), "--on-invalid-rows", "skip", "-o", "json")
    assert (ran.code, ran.document["status"]) == (DATA, "FAILED")


def test_invalid_rows_are_skipped_if_that_is_asked_for(cli, base, file, tmp_path):
    ran = cli("import", file(BAD_CSV), "--on-invalid-rows", "skip", "-o", "json")
    assert ran.code == DONE
    assert (ran.document["rowsImported"], ran.document["rowsInvalid"]) == (1, 1)


@pytest.mark.parametrize(
    ("options", "code"), [([], DATA), (["warn"], DONE), (["ignore"], DONE), (["0"], DATA), (["1"], DONE)]
)
def test_refused_records_fail_an_import_unless_they_are_tolerated(cli, base, file, options, code):
    ran = cli("import", file(REFUSED_CSV), *(["--on-failed-records", *options] if options else []), "-o", "json")
    assert ran.code == code
    assert ran.document["rowsRefused"] == 1
    # It is in the document and needs no line of log besides.
    assert "Refused by AWS" not in ran.err


def test_refused_records_are_shown_and_written(cli, base, file, tmp_path):
    path = tmp_path / "refused.csv"
    ran = cli("import", file(REFUSED_CSV), "--failed-records-path", path)
    assert "No such routing profile" in ran.out
    assert ran.error.startswith("airflow-wisdom import: error: AWS refused 1 of 2 rows")
    assert "Have a nice day!" in path.read_text()


def test_no_other_run_is_advised_where_only_other_rows_would_help(cli, base, fake_wisdom, file):
    refused = cli("import", file("Name,Content,Routing Profile\nHello,x,Nobody\n"))
    assert refused.code == DATA
    assert "No such routing profile: Nobody" in refused.error
    assert "Fix the rows that AWS refused" in refused.error
    fake_wisdom.fault("CreateQuickResponse", "ValidationException", http_status=400, times=9)
    unacceptable = cli("sync", file(DAY_ONE), "--yes")
    assert "the same rows would fail again" in unacceptable.error
    for ran in (refused, unacceptable):
        assert "run the same command again" not in ran.error.lower()


def test_an_import_that_ends_too_late_goes_on_where_it_was(cli, base, fake_wisdom, file):
    fake_wisdom.import_jobs(after_seconds=3600)
    path = file(rows(150))
    late = cli("import", path, "--timeout", "1", "--max-active-jobs", "1", "-o", "json")
    assert late.code == TIMED_OUT
    assert "run the same command again: it goes on waiting for the jobs that still run, and starts only" in late.error
    fake_wisdom.import_jobs()
    for job in jobs_of(fake_wisdom, base):
        fake_wisdom.set_status(job["importJobId"], "COMPLETE")
    assert cli("import", path, "-o", "json").document["rowsImported"] == 150
    assert len(jobs_of(fake_wisdom, base)) == 2


def test_a_run_that_was_begun_with_again_has_an_id_to_go_on_with(cli, base, fake_wisdom, file):
    path = file()
    fake_wisdom.import_jobs(status="FAILED")
    failed = cli("import", path, "--again")
    run_id = re.search(r"with --run-id (\w+) in place of --again", failed.error)[1]
    fake_wisdom.import_jobs()
    assert cli("import", path, "--run-id", run_id).code == DONE
    assert cli("import", path, "--run-id", run_id).code == DONE
    assert len(jobs_of(fake_wisdom, base)) == 2


def test_again_and_a_run_id_exclude_each_other(cli, base, file):
    assert cli("import", file(), "--again", "--run-id", "x").code == USAGE


def test_an_upload_that_fails_starts_nothing_and_goes_on(cli, base, fake_wisdom, file):
    fake_wisdom.expire_uploads(times=2)
    path = file()
    failed = cli("import", path)
    assert failed.code == AWS
    assert "no further import job was started" in failed.error
    assert "task" not in failed.error
    assert cli("import", path).code == DONE


def test_throttling_is_waited_out(cli, base, fake_wisdom, file):
    fake_wisdom.fault("ListImportJobs", "ThrottlingException", http_status=429, times=4)
    assert cli("import", file()).code == DONE


def test_a_file_without_rows_imports_nothing(cli, base, fake_wisdom, file):
    ran = cli("import", file("Name,Content\n"))
    assert ran.code == DONE
    assert "0 rows" in ran.err
    assert "StartImportJob" not in fake_wisdom.calls()


# jobs, job, wait, delete


def test_jobs_are_listed_the_newest_first(cli, base, fake_wisdom, file):
    old = start_job(fake_wisdom, base)
    fake_wisdom.age_import_job(old, 60)
    cli("import", file(b"Name,Content\nnew,new\n"))
    ran = cli("jobs")
    header, new, other = (line.split("\t") for line in ran.out.splitlines())
    assert header == ["Import job", "Status", "Created", "By"]
    assert new[3] == f"airflow-wisdom import {file()}"
    assert other[:2] == [old, "COMPLETE"]
    assert [job["importJobId"] for job in cli("jobs", "-o", "json").document] == [new[0], old]


def test_a_knowledge_base_without_jobs_has_an_empty_list(cli, base):
    assert cli("jobs", "-o", "json").document == []
    assert cli("jobs").out == "Import job\tStatus\tCreated\tBy\n"


def test_a_job_is_shown_with_its_refused_records(cli, base, fake_wisdom, tmp_path):
    job = start_job(fake_wisdom, base, REFUSED_CSV)
    path = tmp_path / "refused.csv"
    ran = cli("job", job, "-o", "json", "--failed-records-path", path)
    assert ran.code == DONE
    assert ran.document["status"] == "COMPLETE"
    assert ran.document["recordsRefused"] == 1
    assert "No such routing profile" in ran.document["failedRecords"][0]["Error"]
    assert "Have a nice day!" in path.read_text()
    assert "No such routing profile" in cli("job", job).out


@pytest.mark.parametrize(("status", "refused"), [("COMPLETE", 0), ("START_IN_PROGRESS", None), ("FAILED", None)])
def test_without_a_report_only_a_complete_job_is_known_to_have_refused_nothing(cli, base, fake_wisdom, status, refused):
    fake_wisdom.import_jobs(status=status)
    assert cli("job", start_job(fake_wisdom, base), "-o", "json").document["recordsRefused"] == refused


@pytest.mark.parametrize("command", [["jobs"], ["job", "{job}"], ["wait", "{job}"]])
@pytest.mark.parametrize("output", ["table", "json"])
def test_no_presigned_url_is_shown(cli, base, fake_wisdom, command, output):
    secret = "https://bucket.s3.amazonaws.com/key?X-Amz-Signature=secret"
    job = start_job(fake_wisdom, base, metadata={"airflow-task": secret, "airflow-file": secret})
    ran = cli(*(each.format(job=job) for each in command), "-o", output)
    assert job in ran.out
    assert "bucket.s3.amazonaws.com" in ran.out
    assert "Signature" not in ran.out + ran.err


def test_a_complete_job_is_waited_for(cli, base, fake_wisdom):
    fake_wisdom.import_jobs(after_calls=1)
    ran = cli("wait", start_job(fake_wisdom, base), "-o", "json")
    assert (ran.code, ran.document["status"]) == (DONE, "COMPLETE")


def partly_refused(fake, base):
    """A job of which one of two records is refused, COMPLETE all the same."""
    fake.partly_failed("COMPLETE")
    return start_job(fake, base, PARTLY_BAD_CSV)


def test_a_complete_job_with_refused_records_is_no_success(cli, base, fake_wisdom, tmp_path):
    """With the words and the exit code of an import."""
    path = tmp_path / "refused.csv"
    ran = cli("wait", partly_refused(fake_wisdom, base), "-o", "json", "--failed-records-path", path)
    assert (ran.code, ran.document["status"], ran.document["recordsRefused"]) == (DATA, "COMPLETE", 1)
    assert [record["Content"] for record in ran.document["failedRecords"]] == ["Good evening!"]
    assert "AWS refused 1 record of import job" in ran.error
    assert "Good evening!" in path.read_text()


@pytest.mark.parametrize("tolerated", ["warn", "ignore", "1"])
def test_refused_records_may_be_tolerated_by_a_wait(cli, base, fake_wisdom, tolerated):
    ran = cli("wait", partly_refused(fake_wisdom, base), "-o", "json", "--on-failed-records", tolerated)
    assert (ran.code, ran.document["recordsRefused"]) == (DONE, 1)


def test_a_wait_says_why_a_job_has_failed(cli, base, fake_wisdom):
    fake_wisdom.partly_failed("FAILED")
    ran = cli("wait", start_job(fake_wisdom, base, PARTLY_BAD_CSV), "-o", "json")
    assert (ran.code, ran.document["status"], ran.document["recordsRefused"]) == (DATA, "FAILED", 1)
    assert "A quick response with this name already exists" in ran.error


def test_a_report_that_cannot_be_read_is_no_success_of_a_wait(cli, base, fake_wisdom):
    job = partly_refused(fake_wisdom, base)
    fake_wisdom.fault("GetObject", "AccessDenied", http_status=403, times=100)
    ran = cli("wait", job, "-o", "json")
    assert (ran.code, ran.document["status"], ran.document["recordsRefused"]) == (AWS, "COMPLETE", None)


@pytest.mark.parametrize("status", ["FAILED", "DELETE_IN_PROGRESS", "ON_FIRE"])
def test_only_a_complete_job_is_a_success(cli, base, fake_wisdom, status):
    fake_wisdom.import_jobs(status=status)
    ran = cli("wait", start_job(fake_wisdom, base), "-o", "json")
    assert (ran.code, ran.document["status"]) == (DATA, status)
    assert status in ran.error


def test_a_job_may_end_too_late(cli, base, fake_wisdom):
    fake_wisdom.import_jobs(after_seconds=3600)
    assert cli("wait", start_job(fake_wisdom, base), "--timeout", "0.1").code == TIMED_OUT


@pytest.mark.parametrize("options", [[], ["--wait"]])
def test_a_job_is_deleted(cli, base, fake_wisdom, options):
    job = start_job(fake_wisdom, base)
    fake_wisdom.deletions(after_calls=0 if options else 5)
    ran = cli("delete", job, *options, "-o", "json")
    assert (ran.code, ran.document["isGone"]) == (DONE, bool(options))
    assert [each["status"] for each in jobs_of(fake_wisdom, base)] == ([] if options else ["DELETE_IN_PROGRESS"])


@pytest.mark.parametrize("command", ["job", "wait", "delete"])
@pytest.mark.parametrize("wrong", ["", "..", "my job"])
def test_what_is_no_id_of_a_job_is_refused(cli, fake_wisdom, capsys, command, wrong):
    before = fake_wisdom.history()
    with pytest.raises(SystemExit) as ended:
        cli(command, wrong)
    assert ended.value.code == USAGE
    assert "argument ID: must be an id such as" in capsys.readouterr().err
    assert fake_wisdom.history() == before


@pytest.mark.parametrize("command", ["job", "wait", "delete"])
def test_a_job_that_does_not_exist_ends_with_3(cli, base, command):
    ran = cli(command, NO_SUCH_JOB)
    assert (ran.code, ran.out) == (AWS, "")
    assert "ResourceNotFoundException" in ran.error
    assert "Check the ids" in ran.error


# How AWS is reached


def test_the_knowledge_base_has_to_be_named(cli, fake_wisdom):
    ran = cli("jobs")
    assert ran.code == USAGE
    assert KNOWLEDGE_BASE in ran.error


@pytest.mark.parametrize("names", [["option", "connection", "variable"], ["connection", "variable"], ["variable"]])
def test_the_option_goes_before_the_connection_and_that_before_the_variable(cli, fake_wisdom, monkeypatch, names):
    bases = {name: fake_wisdom.create_knowledge_base(name) for name in names}
    job = start_job(fake_wisdom, bases[names[0]])
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"])
    connection["extra"]["knowledge_base_id"] = bases.get("connection")
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps(connection))
    monkeypatch.setenv(KNOWLEDGE_BASE, bases["variable"])
    option = ["--knowledge-base-id", bases["option"]] if "option" in bases else []
    assert [each["importJobId"] for each in cli("jobs", "--conn-id", "mine", "-o", "json", *option).document] == [job]


def test_a_connection_without_a_knowledge_base_needs_one_by_name(cli, fake_wisdom):
    assert cli("jobs", "--conn-id", "aws_default").code == USAGE


def test_a_connection_that_does_not_exist_is_an_error(cli, base, airflow_database):
    ran = cli("jobs", "--conn-id", "nonsense")
    assert ran.code == AWS
    assert "'nonsense' does not exist" in ran.error
    assert "aws_conn_id" not in ran.error


def test_a_connection_in_airflows_database_is_found(cli, fake_wisdom, knowledge_base, airflow_database):
    from airflow.models.connection import Connection
    from airflow.settings import Session

    extra = json.dumps({"region_name": "us-east-1", "knowledge_base_id": knowledge_base})
    session = Session()
    session.merge(Connection(conn_id="in_database", conn_type="aws", login="x", password="y", extra=extra))
    session.commit()
    job = start_job(fake_wisdom, knowledge_base)
    assert job in cli("jobs", "--conn-id", "in_database").out


@pytest.mark.parametrize("option", ["--knowledge-base-id", "--instance-id"])
def test_the_name_of_a_knowledge_base_is_no_id(cli, fake_wisdom, option):
    ran = cli("jobs", option, "My knowledge base")
    assert ran.code == USAGE
    assert f"{option} must be the id of the " in ran.error
    assert fake_wisdom.calls() == {}


def test_an_endpoint_does_not_go_with_a_connection(cli, base):
    assert cli("jobs", "--conn-id", "aws_default", "--endpoint-url", "http://127.0.0.1:5").code == USAGE


@pytest.mark.parametrize("command", [["jobs"], ["import", "{good}"]])
@pytest.mark.parametrize(
    ("faults", "said"),
    [
        (("AccessDeniedException", 403), "permission"),
        (("UnrecognizedClientException", 403), "credentials"),
        (("ValidationException", 400), "Check the ids"),
    ],
)
def test_what_aws_refuses_ends_with_3(cli, base, fake_wisdom, file, command, faults, said):
    code, http_status = faults
    fake_wisdom.fault("ListImportJobs", code, http_status=http_status)
    ran = cli(*(each.format(good=file()) for each in command))
    assert (ran.code, ran.out) == (AWS, "")
    assert code in ran.error
    assert said in ran.error


@pytest.mark.parametrize("missing", ["AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"])
def test_a_region_and_credentials_are_needed(cli, base, file, monkeypatch, missing):
    monkeypatch.delenv(missing)
    for also in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN") if missing == "AWS_ACCESS_KEY_ID" else ():
        monkeypatch.delenv(also)
    ran = cli("import", file())
    assert ran.code == AWS
    assert "--region" in ran.error


def test_an_endpoint_where_nobody_listens_is_said_at_once(cli, base, file, monkeypatch):
    """Not waited for, as by an import that is under way: it is a mistake on the command line, most of the time."""
    from moto.core.models import botocore_stubber

    monkeypatch.setattr(botocore_stubber, "enabled", False)
    ran = cli("import", file(), "--endpoint-url", "http://127.0.0.1:5")
    assert ran.code == AWS
    assert "--endpoint-url" in ran.error


@pytest.mark.parametrize("service_name", ["wisdom", "qconnect"])
def test_both_clients_reach_an_endpoint(service, environment, fake_wisdom_over_http, service_name, file):
    also = {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    command = ["import", file(), *service, "--service-name", service_name, "-o", "json"]
    ran = finish(start(command, {**environment, **also}))
    assert ran[0] == DONE, ran[2]
    assert json.loads(ran[1])["rowsImported"] == 2


def test_an_instance_is_looked_for_at_the_endpoint_as_well(service, environment, fake_wisdom_over_http, file):
    instance = fake_wisdom_over_http.create_instance(environment[KNOWLEDGE_BASE], ["Billing"])
    named = file("Name,Content,Routing Profile\nHello,Hi!,Billing\n")
    del environment[KNOWLEDGE_BASE]
    command = ["sync", named, *service, "--instance-id", instance, "--yes"]
    code, _, err = finish(start(command, environment))
    assert code == DONE, err
    private = {**environment, "AWS_ENDPOINT_URL_CONNECT": "http://127.0.0.1:5"}
    code, _, err = finish(start(command, private))
    assert (code, "http://127.0.0.1:5/instance/" in err) == (AWS, True)


# What is left behind in the process


def test_a_command_leaves_the_process_as_it_was(cli, base, file):
    def state():
        ours = logging.getLogger("airflow_wisdom")
        signals = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        return dict(os.environ), signals, list(ours.handlers), ours.level, ours.propagate, sys.stdout

    before = state()
    cli("jobs", "--conn-id", "aws_default", "--knowledge-base-id", base)
    cli("import", file(), "--endpoint-url", "http://127.0.0.1:5")
    assert state() == before


def test_what_libraries_log_is_not_among_the_data(cli, base, monkeypatch):
    from airflow_wisdom.cli.outcome import Outcome

    handler = logging.StreamHandler(sys.stdout)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])

    def act(_args, _screen):
        logging.getLogger("a.library").error("noise")
        sys.stdout.write("more noise\n")
        return Outcome({"data": 1}, [])

    monkeypatch.setattr("airflow_wisdom.cli.jobs.list_jobs", act)
    ran = cli("jobs", "-o", "json")
    assert ran.document == {"data": 1}
    assert ran.err == "noise\nmore noise\n"
    assert handler.stream is sys.stdout


# Errors


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (exceptions.InvalidRowsError("x", rows_read=1, rows_invalid=1, mistakes=[]), DATA),
        (exceptions.TemplateMismatchError("x"), DATA),
        (exceptions.SourceFormatError("x"), DATA),
        (exceptions.SourceError("x"), USAGE),
        (exceptions.StorageError("x"), USAGE),
        (exceptions.OptionError("x", option="o"), USAGE),
        (exceptions.FailedRecordsError("x", records_refused=1, failed_records=[]), DATA),
        (exceptions.ImportJobFailedError("x"), DATA),
        (exceptions.UnknownImportJobStatusError("x"), DATA),
        (exceptions.ImportJobTimeoutError("x"), TIMED_OUT),
        (exceptions.UploadTooLargeError("x", max_bytes=1), DATA),
        (exceptions.UploadError("x"), AWS),
        (exceptions.EndpointError("x"), AWS),
        (exceptions.ClientConfigurationError("x"), AWS),
        (exceptions.FailedRecordReportError("x"), AWS),
        (exceptions.ClientTokenUsedError("x"), AWS),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_an_error_has_its_exit_code(error, code):
    assert Failure.of(error).code == code


def test_a_source_that_aws_does_not_hand_out_is_no_wrong_usage(cli, fake_wisdom):
    ran = cli("check", "s3://no-such-bucket/faq.csv")
    assert ran.code == AWS
    assert "NoSuchBucket" in ran.error


def test_of_several_reasons_the_one_counts_that_has_to_be_dealt_with_first():
    assert (worst({DATA, AWS, TIMED_OUT}), worst({DATA, TIMED_OUT}), worst({DATA})) == (AWS, TIMED_OUT, DATA)


def test_an_error_is_one_line():
    assert Failure.of(exceptions.UploadError("first\n  second\tthird")).message == "first second third"


def test_an_error_of_ours_is_one_line_too_unless_asked(cli, base, monkeypatch):
    monkeypatch.setenv("AIRFLOW__WISDOM__SERVICE_NAME", "wisdom")
    monkeypatch.setattr("airflow_wisdom.cli.jobs.list_jobs", lambda _args, _screen: 1 / 0)
    ran = cli("jobs")
    assert (ran.code, ran.out) == (BUG, "")
    assert (
        ran.err
        == "airflow-wisdom jobs: error: unexpected: ZeroDivisionError('division by zero'); --debug shows where\n"
    )
    assert "Traceback" in cli("jobs", "--debug").err


# Sheets


def test_control_characters_do_not_reach_the_terminal():
    assert cell("a\x1b[31mb\nc") == "a\\x1b[31mb\\nc"


def test_a_narrow_terminal_does_without_what_is_optional():
    columns = (
        Column("Id", "id"),
        Column("Status", "status"),
        Column("A", "id", optional=True),
        Column("B", optional=True),
    )
    sheet = Sheet("", columns, [("i" * 36, "COMPLETE", "a" * 10, "b" * 30)])
    assert shown_columns(sheet, 120) == [0, 1, 2, 3]
    assert shown_columns(sheet, 62) == [0, 1, 2]
    assert shown_columns(sheet, 50) == [0, 1]


def test_of_a_refused_record_its_name_and_what_aws_added_are_shown():
    found = [{"_import_job_id": "j", "Name": "n", "Content": "c", "Error": "e"}]
    sheet = records("t", found, ["Name", "Content"])
    assert [column.title for column in sheet.columns] == ["Name", "Error", "Import job"]
    assert sheet.rows == [["n", "e", "j"]]


def test_of_a_refused_record_everything_is_shown_if_aws_added_nothing():
    sheet = records("t", [{"Name": "n", "Content": "c"}], ["Name", "Content"])
    assert sheet.rows == [["n", "c"]]


# Processes: signals, pipes, terminals


def until(condition, patience=60.0):
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_import_says_what_goes_on_and_goes_on(environment, service, fake_wisdom_over_http, file, number):
    """With one job at a time: the first is found, the others are started, and none twice."""
    fake, base = fake_wisdom_over_http, environment[KNOWLEDGE_BASE]
    fake.import_jobs(after_seconds=3600)
    command = ["import", file(rows(250)), *service, "--max-active-jobs", "1", "-o", "json"]
    process = start(command, environment)
    until(lambda: fake.calls().get("GetImportJob", 0) > 0)
    process.send_signal(number)
    code, out, err = finish(process)
    (job,) = jobs_of(fake, base)
    assert (code, out) == (INTERRUPTED, ""), err
    last = err.splitlines()[-1]
    assert f"1 for 3 files: {job['importJobId']} (START_IN_PROGRESS)" in last
    assert "To go on, run the same command again" in last
    assert "Traceback" not in err
    fake.import_jobs()
    fake.set_status(job["importJobId"], "COMPLETE")
    code, out, err = finish(start(command, environment))
    assert code == DONE, err
    assert json.loads(out)["rowsImported"] == 250
    assert fake.calls()["StartImportJob"] == len(jobs_of(fake, base)) == 3
    assert len(fake.quick_responses(base)) == 250


def test_a_job_that_starts_in_the_moment_of_the_interruption_is_named(
    environment, service, fake_wisdom_over_http, file
):
    fake, base = fake_wisdom_over_http, environment[KNOWLEDGE_BASE]
    fake.import_jobs(after_seconds=3600)
    fake.latency(3)
    process = start(["import", file(), *service], environment)
    until(lambda: fake.calls().get("PutObject", 0) > 0)
    # On a busy machine, too, the answer has to be on its way when the signal comes.
    fake.latency(10)
    until(lambda: fake.calls().get("StartImportJob", 0) > 0)
    process.send_signal(signal.SIGINT)
    # The answer that is on its way takes as long all the same.
    fake.latency(0)
    code, _, err = finish(process)
    (job,) = jobs_of(fake, base)
    assert code == INTERRUPTED
    assert " runs: " not in err
    assert f"1 for 1 file: {job['importJobId']}" in err.splitlines()[-1]


def test_an_interrupted_wait_says_that_the_job_goes_on(environment, service, fake_wisdom_over_http):
    fake = fake_wisdom_over_http
    fake.import_jobs(after_seconds=3600)
    job = start_job(fake, environment[KNOWLEDGE_BASE])
    process = start(["wait", job, *service], environment)
    until(lambda: fake.calls().get("GetImportJob", 0) > 0)
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert code == INTERRUPTED
    assert f"import job {job} goes on" in err.splitlines()[-1]


def test_nobody_has_to_read_to_the_end(environment, service, fake_wisdom_over_http, file):
    """The exit code still says what became of the import."""
    read, write = os.pipe()
    os.close(read)
    process = start(["import", file(), *service], environment, stdout=write, stderr=write)
    os.close(write)
    assert process.wait(timeout=120) == DONE
    assert len(fake_wisdom_over_http.quick_responses(environment[KNOWLEDGE_BASE])) == 2


def test_a_broken_pipe_is_no_error(environment, file):
    read, write = os.pipe()
    os.close(read)
    process = start(["check", file()], environment, stdout=write)
    os.close(write)
    code, _, err = finish(process)
    assert code == DONE
    assert err.splitlines() == [f"Judging the rows of {file()} ..."]


def in_terminal(argv, env, width, which="stdout"):
    """What a command writes to a terminal of that width, the other stream being a pipe."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    process = start(argv, env, **{which: theirs})
    os.close(theirs)
    shown = b""
    # Linux says so if nobody holds the other end any more.
    while piece := _read(ours):
        shown += piece
    os.close(ours)
    process.communicate(timeout=120)
    return shown.decode()


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


def plain(shown):
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown).replace("\r", "")


COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38)(?:;\d+)*m")


@pytest.fixture
def long_file(file):
    """Every kind of mistake with long words in it."""
    bad = "".join(f"Name {n},{'word ' * 900}\n,Text {n}\n" for n in range(3))
    return file(f"Name,Content\nHello,Good morning!\n{bad}")


@pytest.mark.parametrize("width", [60, 120])
def test_tables_fit_the_terminal(environment, long_file, width):
    shown = plain(in_terminal(["check", long_file], environment, width))
    lines = shown.splitlines()
    assert max(map(len, lines)) <= width
    assert "\t" not in shown
    assert "Invalid, found by the check: 6" in lines
    assert re.search(r"Line +Column", shown)
    assert "required" in shown


@pytest.mark.parametrize("width", [60, 120])
def test_ids_are_whole_whatever_the_width(environment, service, fake_wisdom_over_http, width):
    job = start_job(fake_wisdom_over_http, environment[KNOWLEDGE_BASE])
    lines = plain(in_terminal(["jobs", *service], environment, width)).splitlines()
    assert f"{job}  COMPLETE" in lines[1]
    assert max(map(len, lines)) <= width
    assert ("Created" in lines[0]) == (width == 120)


def test_a_terminal_shows_bars_and_a_pipe_lines(environment, service, fake_wisdom_over_http, file):
    argv = ["import", file(), *service]
    bars = in_terminal(argv, environment, 60, which="stderr")
    assert "Import jobs" in bars
    assert "━" in bars
    assert "2 rows of" in plain(bars)
    _, _, lines = finish(start([*argv, "--again"], environment))
    assert "\x1b" not in lines
    assert "━" not in lines


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}])
def test_colours_are_off_with_no_color(environment, service, fake_wisdom_over_http, variables):
    start_job(fake_wisdom_over_http, environment[KNOWLEDGE_BASE])
    shown = in_terminal(["jobs", *service], {**environment, **variables}, 120)
    assert "COMPLETE" in shown
    assert bool(COLOUR.search(shown)) == (not variables)


def test_a_pipe_has_lines_with_tabs_and_no_colours(environment, service, fake_wisdom_over_http):
    start_job(fake_wisdom_over_http, environment[KNOWLEDGE_BASE])
    _, out, _ = finish(start(["jobs", *service], {**environment, "FORCE_COLOR": "1"}))
    assert out.startswith("Import job\tStatus\tCreated\tBy\n")
    assert "\x1b" not in out


def test_an_import_checks_routing_profiles_of_the_instance_before_anything_is_sent(cli, base, file, fake_wisdom):
    instance = fake_wisdom.create_instance(base, ["Billing", "Support"])
    content = "Name,Content,Routing Profile\nHello,Hi!,{}\n"
    ran = cli("import", file(content.format("Biling")), "--instance-id", instance)
    assert ran.code == DATA
    assert '"Biling", which is not a routing profile of the instance; the nearest are: Billing' in ran.out
    assert "StartContentUpload" not in fake_wisdom.calls()
    assert cli("import", file(content.format("Billing;Support")), "--instance-id", instance, "-q").code == DONE


# plan, sync and export


DAY_ONE = "Name,Content\nHello,Good morning!\nBye,Have a nice day!\nSorry,Please wait.\n"
DAY_TWO = "Name,Content\nHello,Good evening!\nSorry,Please wait.\nThanks,You are welcome!\n"
OWNED = ["--owner-tag", "faq", "--on-missing", "delete"]


@pytest.fixture
def synced(cli, base, file):
    """A knowledge base that says what the first day's file says."""
    assert cli("sync", file(DAY_ONE), *OWNED, "--yes", "-q").code == DONE
    return base


def test_a_plan_shows_every_field_that_would_change_and_writes_nothing(cli, synced, file, fake_wisdom):
    before = fake_wisdom.quick_responses(synced)
    ran = cli("plan", file(DAY_TWO), *OWNED)
    assert ran.code == DONE
    lines = ran.out.splitlines()
    assert '~\tHello\tcontent\t"Good morning!"\t"Good evening!"\t2' in "\n".join(lines)
    assert [line[:2] for line in lines if line[:2] in ("+\t", "~\t", "-\t")] == ["~\t", "+\t", "-\t"]
    assert fake_wisdom.quick_responses(synced) == before


def test_a_sync_makes_the_changes_and_then_there_is_nothing_to_do(cli, synced, file):
    document = cli("sync", file(DAY_TWO), *OWNED, "--yes", "-o", "json").document
    assert [document[f"rows{what}"] for what in ("Created", "Updated", "Unchanged")] == [1, 1, 1]
    assert document["itemsRemoved"] == 1
    assert cli("plan", file(DAY_TWO), *OWNED, "-o", "json").document["plan"]["changes"] == []


def test_only_the_plan_that_was_seen_is_applied(cli, synced, file, fake_wisdom):
    seen = cli("plan", file(DAY_TWO), *OWNED, "-o", "json").document["plan"]["fingerprint"]
    refused = cli("sync", file(DAY_ONE + "New,New\n"), *OWNED, "--yes", "--expected-plan", seen)
    assert refused.code == DATA
    assert "no longer the one that was approved" in refused.error
    assert len(fake_wisdom.quick_responses(synced)) == 3
    shown = cli("plan", file(DAY_TWO), *OWNED)
    assert re.search(r"fingerprint\W+(\w{32})$", shown.out, re.IGNORECASE | re.MULTILINE)[1] == seen[:32]
    fake_wisdom.fault("UpdateQuickResponse", "ValidationException", http_status=400)
    assert cli("sync", file(DAY_TWO), *OWNED, "--yes", "--expected-plan", seen).code != DONE
    assert cli("sync", file(DAY_TWO), *OWNED, "--yes", "--expected-plan", seen).code == DONE


@pytest.mark.parametrize("command", ["plan", "sync"])
def test_an_unsafe_plan_is_shown_and_refused(cli, synced, file, command, fake_wisdom):
    ran = cli(command, file("Name,Content\n"), *OWNED, *(["--yes"] if command == "sync" else []))
    assert ran.code == DATA
    assert "so that all 3 would be removed; nothing was written" in ran.error
    assert ran.out.count("\n-\t") == 3
    assert len(fake_wisdom.quick_responses(synced)) == 3


def test_protection_can_be_switched_off(cli, synced, file, fake_wisdom):
    assert cli("sync", file("Name,Content\n"), *OWNED, "--yes", "--no-protection").code == DONE
    assert fake_wisdom.quick_responses(synced) == []


def test_what_makes_no_sense_together_is_wrong_usage(cli, base, file):
    ran = cli("plan", file(DAY_ONE), "--on-missing", "delete")
    assert ran.code == USAGE
    assert "owner_tag is needed" in ran.error


def test_invalid_rows_stop_a_sync_before_anything_is_written(cli, base, file, fake_wisdom):
    ran = cli("sync", file(BAD_CSV), "--yes")
    assert ran.code == DATA
    assert "line 3" in ran.error
    assert fake_wisdom.quick_responses(base) == []
    skipped = cli("sync", file(BAD_CSV), "--yes", "--on-invalid-rows", "skip", "-o", "json")
    assert (skipped.code, skipped.document["rowsCreated"], skipped.document["rowsInvalid"]) == (DONE, 1, 1)


def test_changes_that_fail_are_named_and_tried_again_by_the_same_command(cli, base, file, fake_wisdom):
    fake_wisdom.fail_quick_responses("create")
    ran = cli("sync", file(DAY_ONE), "--yes")
    assert ran.code != DONE
    assert "changes failed. Run the same command again" in ran.error
    # Creations are in flight together: whose the fault hits is not ours to say, but the table must name that one.
    (failed,) = [item for item in fake_wisdom.quick_responses(base) if item["status"] == "CREATE_FAILED"]
    line = 2 + [row.partition(",")[0] for row in DAY_ONE.splitlines()[1:]].index(failed["name"])
    assert re.search(rf"^\+\t{failed['name']}\t{line}\t.*CREATE_FAILED", ran.out, re.MULTILINE)
    fake_wisdom.clear_faults()
    assert cli("sync", file(DAY_ONE), "--yes").code == DONE


def test_an_export_is_read_by_a_sync_as_it_is(cli, synced, fake_wisdom, tmp_path):
    path = tmp_path / "backup.csv"
    ran = cli("export", path, "-o", "json")
    assert (ran.code, ran.document["itemsExported"]) == (DONE, 3)
    document = cli("plan", path, *OWNED, "-o", "json").document
    assert (document["rowsUnchanged"], document["plan"]["changes"]) == (3, [])


def test_a_sync_that_can_ask_nobody_does_nothing(environment, service, file, fake_wisdom_over_http):
    code, _, err = finish(start(["sync", file(DAY_ONE), *service], environment, stdin=subprocess.DEVNULL))
    assert code == USAGE
    assert "pass --yes" in err
    assert fake_wisdom_over_http.quick_responses(environment[KNOWLEDGE_BASE]) == []


def answered(argv, env, answer):
    """Exit code, and what a command shows on a terminal on which somebody answers its question."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
    process = start(argv, env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while piece := _read(ours):
        shown += piece
        if b"[y/N] " in shown and answer:
            os.write(ours, answer)
            answer = b""
    os.close(ours)
    return process.wait(timeout=120), shown.decode()


@pytest.mark.parametrize(
    ("answer", "code", "made"), [(b"y\n", DONE, 3), (b"\n", INTERRUPTED, 0), (b"\x04", INTERRUPTED, 0)]
)
def test_a_terminal_shows_the_plan_and_asks(environment, service, file, fake_wisdom_over_http, answer, code, made):
    ended, shown = answered(["sync", file(DAY_ONE), *service], environment, answer)
    question = plain(shown).index("Apply this to")
    assert "Hello" in plain(shown)[:question]
    assert COLOUR.search(shown)
    assert ended == code
    assert len(fake_wisdom_over_http.quick_responses(environment[KNOWLEDGE_BASE])) == made


# In Airflow


def airflow(argv, env):
    return subprocess.run(
        [sys.executable, "-m", "airflow", *argv], capture_output=True, text=True, check=False, env=env
    )


COMMANDS_OF_PROVIDERS = pytest.mark.airflow("3.2", because="older ones take no commands of providers")


@COMMANDS_OF_PROVIDERS
def test_airflow_has_the_same_commands(environment, file, tmp_path):
    ran = airflow(["wisdom", "check", file(BAD_CSV), "--output", "json"], environment)
    assert ran.returncode == DATA, ran.stderr
    assert json.loads(ran.stdout)["rowsInvalid"] == 1
    assert "airflow wisdom check: error: 1 of 2 rows" in ran.stderr
    assert list((tmp_path / "airflow").glob("*.db")) == []


@COMMANDS_OF_PROVIDERS
def test_airflow_has_the_same_help(environment):
    ran = airflow(["wisdom", "import", "--help"], {**environment, "COLUMNS": "200"})
    flags = [
        option.flags[-1]
        for command in COMMANDS
        if command.name == "import"
        for options in command.options.values()
        for option in options
    ]
    assert [flag for flag in flags if flag.startswith("--") and flag not in ran.stdout] == []
    assert "airflow wisdom import faq.csv --again" in ran.stdout
    assert EXIT_CODES in ran.stdout


@COMMANDS_OF_PROVIDERS
def test_an_import_by_airflow_keeps_its_log_from_the_data(environment, service, file):
    ran = airflow(["wisdom", "import", file(), *service, "-o", "json"], environment)
    assert ran.returncode == DONE, ran.stderr
    assert json.loads(ran.stdout)["rowsImported"] == 2
