"""What the command line does with rows that are not as they should be, and with files that would be replaced."""

from __future__ import annotations

import json

import pytest

from airflow_wisdom.cli.program import main


def command(capsys, *arguments):
    """The exit code, the document on stdout, and what is on stderr."""
    code = main([*map(str, arguments), "--output", "json", "--quiet"])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else None, err


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Name,Content,Shortcut key\nA,{{Customer}},NULL\nNULL,,\nB,http://x,\n")
    return path


def test_a_check_counts_what_means_nothing_and_what_is_doubtful(capsys, file):
    code, found, _ = command(capsys, "check", file)
    assert (code, found["rowsRead"], found["rowsBlank"], found["cellsNull"]) == (0, 2, 1, 1)
    assert (found["doubtfulPlaceholders"], found["doubtfulRows"][0]["line"]) == (1, 2)
    code, found, _ = command(capsys, "check", file, "--on-placeholders", "invalid", "--null-values", "")
    assert (code, found["rowsInvalid"], found["cellsNull"]) == (1, 2, 0)
    code, found, _ = command(capsys, "check", file, "--null-values", "NULL", "--null-values", "{{Customer}}")
    assert (code, found["rowsInvalid"]) == (1, 1)


def test_a_check_may_have_checks_of_its_users(capsys, file, tmp_path, monkeypatch):
    (tmp_path / "my_checks.py").write_text(
        "def no_links(row):\n    return 'has a link' if 'http' in row['Content'] else None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    code, found, _ = command(capsys, "check", file, "--extra-checks", "my_checks:no_links")
    assert (code, [row["reason"] for row in found["invalidRows"]]) == (1, ["has a link"])


@pytest.mark.parametrize("name", ["nosuch:f", "json:nosuch", "json", "json:__name__", ":f"])
def test_a_check_that_is_no_function_is_wrong_usage(capsys, file, name):
    with pytest.raises(SystemExit) as raised:
        main(["check", str(file), "--extra-checks", name])
    assert raised.value.code == 2
    assert "--extra-checks: must be " in capsys.readouterr().err


def test_a_clean_check_leaves_no_rows_of_the_last_one(capsys, file, tmp_path):
    target = tmp_path / "invalid.csv"
    assert command(capsys, "check", file, "--on-placeholders", "invalid", "--invalid-rows-path", target)[0] == 1
    assert target.read_text().count("\n") == 2
    code, found, _ = command(capsys, "check", file, "--invalid-rows-path", target)
    assert (code, found["invalidRowsPath"], target.read_text().count("\n")) == (0, str(target), 1)


KNOWLEDGE_BASE = ("--knowledge-base-id", "6ea7414c-318d-492d-9c5b-57e2fae1ba9c", "--region", "us-east-1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", "--invalid-rows-path", "{file}"), "invalid_rows_path is the same file as source"),
        (("check", "--template", "{file}", "--invalid-rows-path", "{file}"), "invalid_rows_path is the same file as"),
        (("import", *KNOWLEDGE_BASE, "--failed-records-path", "{file}"), "failed_records_path is the same file as"),
        (("plan", *KNOWLEDGE_BASE, "--plan-path", "{file}"), "plan_path is the same file as source"),
        (("sync", "--yes", *KNOWLEDGE_BASE, "--plan-path", "x", "--invalid-rows-path", "./x"), "plan_path is the same"),
    ],
)
def test_an_option_that_would_replace_a_file_is_wrong_usage_and_nothing_is_asked(
    fake_wisdom, capsys, file, arguments, message
):
    before = file.read_text()
    name, *options = (argument.format(file=file) for argument in arguments)
    code, _, err = command(capsys, name, file, *options)
    assert (code, message in err) == (2, True)
    assert file.read_text() == before
    assert fake_wisdom.calls() == {}
