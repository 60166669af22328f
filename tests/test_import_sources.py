"""Where the rows of an import come from, and which header they have to fit."""

from __future__ import annotations

import pytest
from rigs.imports import importing, jobs_of, responses
from rigs.running import run

from airflow_wisdom.exceptions import (
    AirflowConnectionNotFoundError,
    ImportIncompleteError,
    InvalidRowsError,
    ParameterError,
    SourceError,
    SourceFormatError,
)

pytestmark = pytest.mark.usefixtures("no_patience")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b'\xef\xbb\xbfName;Content\r\n"Hel;lo";"Good\nmorning"\r\n'),
        ("a.tsv", b"Name\tContent\nHel;lo\tGood\\nmorning\n".replace(b"\\n", b" ")),
        ("a.jsonl", b'{"Name": "Hel;lo", "Content": "Good morning"}\n'),
        ("a", b'{"name": "Hel;lo", "content": "Good morning"}\n'),
    ],
)
@pytest.mark.parametrize("place", ["path", "s3", "file"])
def test_a_source_may_be_anywhere_and_of_any_kind(fake_wisdom, knowledge_base, tmp_path, name, content, place):
    if place == "path":
        source = str(tmp_path / name)
        (tmp_path / name).write_bytes(content)
    elif place == "file":
        source = f"file://{tmp_path / name}"
        (tmp_path / name).write_bytes(content)
    else:
        source = f"s3://bucket/drop/{name}"
        s3 = fake_wisdom.client("s3")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key=f"drop/{name}", Body=content)
    assert run(importing(knowledge_base, source))["rowsImported"] == 1
    assert responses(fake_wisdom, knowledge_base) == ["Hel;lo"]


@pytest.mark.parametrize("source", ["nosuch.csv", "s3://nosuch/bucket.csv", "file:///nosuch.csv", "nosuch://a/b"])
def test_a_source_that_is_not_there_is_named(fake_wisdom, knowledge_base, source):
    with pytest.raises(SourceError, match=f"{source} cannot be read"):
        run(importing(knowledge_base, source))


def test_a_source_that_is_no_text_is_named_by_its_line(fake_wisdom, knowledge_base, tmp_path):
    source = tmp_path / "latin.csv"
    source.write_bytes(b"Name,Content\nGr\xfc\xdfe,x\n")
    with pytest.raises(SourceFormatError) as raised:
        run(importing(knowledge_base, str(source)))
    assert raised.value.line == 2
    assert set(fake_wisdom.calls()) == {"CreateKnowledgeBase"}


def test_a_missing_connection_for_the_source_is_an_error(fake_wisdom, knowledge_base):
    with pytest.raises(AirflowConnectionNotFoundError, match="mispelt"):
        run(importing(knowledge_base, "s3://bucket/key.csv", storage_conn_id="mispelt"))


def test_a_key_of_s3_may_hold_a_question_mark(fake_wisdom, knowledge_base):
    s3 = fake_wisdom.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="a", Body=b"Name,Content\nwrong,x\n")
    s3.put_object(Bucket="bucket", Key="a?b.csv", Body=b"Name,Content\nright,x\n,x\n")
    target = "s3://bucket/c?d.csv"
    run(importing(knowledge_base, "s3://bucket/a?b.csv", on_invalid_rows="skip", invalid_rows_path=target))
    assert responses(fake_wisdom, knowledge_base) == ["right"]
    assert {found["Key"] for found in s3.list_objects_v2(Bucket="bucket")["Contents"]} == {"a", "a?b.csv", "c?d.csv"}
    with pytest.raises(SourceError, match="must be s3://bucket/key"):
        run(importing(knowledge_base, "s3://bucket"))


def test_a_path_is_a_source_and_what_is_none_is_named(fake_wisdom, knowledge_base, tmp_path):
    source = tmp_path / "a.csv"
    source.write_text("Name,Content\na,b\n")
    assert run(importing(knowledge_base, source))["rowsImported"] == 1
    for wrong in (None, 7, {"Name": "a"}):
        with pytest.raises(ParameterError, match=f"^source must be .* not {type(wrong).__name__}"):
            run(importing(knowledge_base, wrong))


def test_rows_are_no_templates(fake_wisdom, knowledge_base):
    """Amazon Connect fills in what stands in double braces, when an agent answers."""
    from jinja2 import Environment

    rows = [{"Name": "a", "Content": "Hello {{Attributes.Customer.FirstName}}"}]
    task = importing(knowledge_base, rows, invalid_rows_path="/tmp/{{ ds }}.csv")
    task.render_template_fields({"ds": "2026-11-24"}, Environment(autoescape=True))
    assert task.source == rows
    assert task.invalid_rows_path == "/tmp/2026-11-24.csv"
    path = importing(knowledge_base, "/data/{{ ds }}.csv")
    path.render_template_fields({"ds": "2026-11-24"}, Environment(autoescape=True))
    assert path.source == "/data/2026-11-24.csv"


def test_another_header_works_throughout(fake_wisdom, knowledge_base, tmp_path):
    """AWS publishes its header nowhere in full: the user's own template is what counts."""
    fake_wisdom.header({"Titel": "name", "Text": "content", "Kurz": "shortcutKey"})
    template = {"Titel": "name", "Text": "content", "Kurz": "shortcutKey"}
    rows = [{"question": f"q{n}", "answer": "a" * n, "Kurz": f"k{n}"} for n in range(1, 150)]
    summary = run(
        importing(
            knowledge_base, rows, import_template=template, column_mapping={"question": "Titel", "answer": "Text"}
        )
    )
    assert (summary["rowsImported"], len(summary["importJobs"])) == (149, 2)
    too_long = [{"question": "x" * 200, "answer": "a", "Kurz": "k"}]
    with pytest.raises(InvalidRowsError, match=r'column "question".*200 characters'):
        run(
            importing(
                knowledge_base,
                too_long,
                import_template=template,
                column_mapping={"question": "Titel", "answer": "Text"},
            )
        )


def test_a_header_with_marks_may_come_with_its_meanings(fake_wisdom, knowledge_base):
    from types import MappingProxyType

    fake_wisdom.header({"Titel": "name", "Text": "content"})
    template = MappingProxyType({"Titel <*Required field>": "name", "Text<*Required field>": "content"})
    run(importing(knowledge_base, [{"Titel": "a", "Text": "b"}], import_template=template))
    with pytest.raises(InvalidRowsError):
        run(importing(knowledge_base, [{"Titel": "", "Text": "b"}], import_template=template))


def test_equal_files_are_imported_each_for_itself(fake_wisdom, knowledge_base):
    """Where no column is known to be unique, two files may be the same to the letter."""
    fake_wisdom.reused_client_token("first")
    rows = [{"Titel": "a", "Text": "b"}] * 3
    fake_wisdom.header({"Titel": "name", "Text": "content"})
    with pytest.raises(ImportIncompleteError):  # AWS refuses the second and the third
        run(importing(knowledge_base, rows, import_template=["Titel", "Text"], max_rows_per_file=1))
    assert len(jobs_of(fake_wisdom, knowledge_base)) == 3


def test_the_template_file_downloaded_from_connect_is_understood(fake_wisdom, knowledge_base, tmp_path):
    template = tmp_path / "Responses Import Template.csv"
    template.write_text("Name<*Required field>,Content <*Required field>,Shortcut key\n")
    run(importing(knowledge_base, [{"Name": "a", "Content": "b"}], import_template=str(template)))
    assert responses(fake_wisdom, knowledge_base) == ["a"]


def test_a_deployment_may_set_the_template(fake_wisdom, knowledge_base, monkeypatch):
    monkeypatch.setenv("AIRFLOW__WISDOM__IMPORT_TEMPLATE", "Title, Text")
    with pytest.raises(InvalidRowsError, match='the template does not have: "Name"'):
        run(importing(knowledge_base))
