"""Rows that may be meant, or a mistake: counted, named, and invalid if a user is strict; and how a file is read."""

from __future__ import annotations

import gzip
import json
import logging

import pytest
from rigs.imports import importing, responses
from rigs.running import run

from airflow_wisdom.cli import main
from airflow_wisdom.exceptions import InvalidRowsError
from airflow_wisdom.operators import WisdomSyncQuickResponsesOperator
from airflow_wisdom.rows.mistake import Doubts, Mistake
from airflow_wisdom.runs.manifest import Manifest

pytestmark = pytest.mark.usefixtures("no_patience")

TORN = "Name,Content,Shortcut key\nHello,Good morning\nthank you for calling,hi\n\ufeffBye,So long,b\n"
NUMBERS = {"shortRows": 2, "cellsOfManyLines": 0, "byteOrderMarks": 1}


@pytest.fixture
def torn(tmp_path):
    path = tmp_path / "torn.csv"
    path.write_text(TORN, encoding="utf-8")
    return str(path)


def numbers(summary):
    return {name: summary[name] for name in NUMBERS}


def test_an_import_counts_and_names_them(fake_wisdom, knowledge_base, torn, caplog):
    with caplog.at_level(logging.WARNING):
        summary = run(importing(knowledge_base, torn))
    assert (summary["rowsImported"], numbers(summary)) == (3, NUMBERS)
    assert [(row["line"], row["reason"]) for row in summary["doubtfulRows"]][:2] == [
        (2, "has 2 of 3 cells"),
        (3, "has 2 of 3 cells"),
    ]
    assert f"Doubtful row of {torn}: line 2: has 2 of 3 cells" in caplog.text
    assert f"{torn} has 2 short rows, 1 byte order marks" in caplog.text


def test_only_as_many_are_shown_as_a_user_wants(fake_wisdom, knowledge_base, torn, caplog):
    summary = run(importing(knowledge_base, torn, sample_size=0))
    assert (numbers(summary), summary["doubtfulRows"]) == (NUMBERS, [])
    assert "Doubtful row" not in caplog.text


def test_a_strict_import_refuses_them(fake_wisdom, knowledge_base, torn):
    with pytest.raises(InvalidRowsError, match="3 of 3 rows") as raised:
        run(importing(knowledge_base, torn, strict=True))
    assert [mistake["line"] for mistake in raised.value.mistakes] == [2, 3, 4]
    assert responses(fake_wisdom, knowledge_base) == []


def test_they_survive_a_deferral():
    doubts = Doubts({"short_rows": 1}, (Mistake(2, None, "", "has 2 of 3 cells"),))
    manifest = Manifest("kb", "a.csv", "line", 1, 0, 0, 0, (), doubts=doubts)
    assert Manifest.from_dict(json.loads(json.dumps(manifest.to_dict()))) == manifest


@pytest.mark.parametrize("strict", [False, True])
def test_a_sync_counts_them_or_refuses_them(fake_wisdom, knowledge_base, torn, strict, caplog):
    task = WisdomSyncQuickResponsesOperator(
        task_id="sync", knowledge_base_id=knowledge_base, source=torn, strict=strict
    )
    if strict:
        with pytest.raises(InvalidRowsError, match="3 of 3 rows"):
            run(task)
        return
    summary = run(task)
    assert (summary["rowsCreated"], numbers(summary), len(summary["doubtfulRows"])) == (3, NUMBERS, 3)
    assert "Doubtful row of" in caplog.text


def test_the_command_line_shows_them_or_refuses_them(torn, capsys):
    assert main(["check", torn, "--output", "json"]) == 0
    assert numbers(json.loads(capsys.readouterr().out)) == NUMBERS
    assert main(["check", torn]) == 0
    shown = capsys.readouterr().out
    assert "has 2 of 3 cells" in shown
    assert main(["check", torn, "--strict", "--output", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["rowsInvalid"] == 3


# How a file is read


@pytest.mark.parametrize("place", ["path", "s3"])
def test_a_task_says_how_a_file_is_read(fake_wisdom, knowledge_base, tmp_path, place):
    data = gzip.compress("Name|Content\nGrüße|Schön\n".encode("cp1252"))
    source = str(tmp_path / "a.csv.gz")
    (tmp_path / "a.csv.gz").write_bytes(data)
    if place == "s3":
        s3 = fake_wisdom.client("s3")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="a.csv", Body=data, ContentEncoding="gzip")
        source = "s3://bucket/a.csv"
    run(importing(knowledge_base, source, delimiter="|", encoding="cp1252"))
    assert responses(fake_wisdom, knowledge_base) == ["Grüße"]


def test_the_template_decides_about_the_delimiter(fake_wisdom, knowledge_base, tmp_path):
    fake_wisdom.header({"Titel": "name", "Text": "content"})
    (tmp_path / "a.csv").write_text("Titel;Antwort;Notiz (wer, wann, warum, wie)\na;b;c\n")
    summary = run(
        importing(
            knowledge_base,
            tmp_path / "a.csv",
            import_template={"Titel": "name", "Text": "content"},
            column_mapping={"Antwort": "Text"},
            extra_columns="ignore",
        )
    )
    assert summary["rowsImported"] == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"delimiter": ";;"}, "delimiter must be one character"),
        ({"encoding": "utf-9"}, "encoding must be one that Python knows"),
        ({"source_format": "xml"}, "source_format must be one of"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(fake_wisdom, knowledge_base, torn, given, message):
    with pytest.raises(ValueError, match=message):
        run(importing(knowledge_base, torn, **given))


def test_how_a_file_is_read_may_be_a_template(fake_wisdom, knowledge_base, torn):
    from jinja2 import Environment

    task = importing(knowledge_base, torn, delimiter="{{ d }}", encoding="{{ e }}")
    task.render_template_fields({"d": "|", "e": "cp1252"}, Environment(autoescape=True))
    assert (task.delimiter, task.encoding) == ("|", "cp1252")


@pytest.mark.parametrize("option", [("--delimiter", ";;"), ("--encoding", "utf-9")])
def test_wrong_usage_of_the_command_line_is_refused(torn, option, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["check", torn, *option])
    assert ended.value.code == 2
    assert f"{option[0].removeprefix('--')} must be one" in capsys.readouterr().err


def test_the_command_line_says_how_a_file_is_read(tmp_path):
    (tmp_path / "a.csv").write_bytes("Name\tContent\nGrüße\tSchön\n".encode("cp1252"))
    assert main(["check", str(tmp_path / "a.csv"), "--delimiter", r"\t", "--encoding", "cp1252"]) == 0
    assert main(["check", str(tmp_path / "a.csv")]) != 0
