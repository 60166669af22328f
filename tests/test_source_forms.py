"""Forms in which Airflow and its users name a source, and what is said of those that are none."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import pytest
from airflow.sdk import ObjectStoragePath
from rigs.imports import importing, responses
from rigs.running import run

from airflow_wisdom.exceptions import AirflowConnectionNotFoundError, ParameterError, SourceError, SourceFormatError
from airflow_wisdom.places import briefly
from airflow_wisdom.sources import FileSource, source_of
from airflow_wisdom.storage import Storage

pytestmark = pytest.mark.usefixtures("no_patience")

CSV = b"Name,Content\nHello,Hi\n"


def refused(given):
    with pytest.raises(SourceError) as raised:
        source_of(given, Storage())
    return str(raised.value)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_an_object_storage_path_is_a_place(fake_wisdom, knowledge_base, tmp_path):
    (tmp_path / "a.csv").write_bytes(CSV)
    run(importing(knowledge_base, ObjectStoragePath(f"file://{tmp_path}/a.csv")))
    assert responses(fake_wisdom, knowledge_base) == ["Hello"]
    for given, place in [
        (ObjectStoragePath("s3://bucket/key.csv"), "s3://bucket/key.csv"),
        (ObjectStoragePath("s3://bucket/key.csv", conn_id="other"), "s3://other@bucket/key.csv"),
        (ObjectStoragePath(f"file://{tmp_path}") / "*.csv", f"file://{tmp_path}/*.csv"),
    ]:
        assert source_of(given, Storage()).places == (place,)
    several = [ObjectStoragePath(f"file://{tmp_path}/a.csv"), tmp_path / "b.csv", "c.csv"]
    assert source_of(several, Storage()).places == (f"file://{tmp_path}/a.csv", f"{tmp_path}/b.csv", "c.csv")


def test_a_uri_may_name_its_connection(fake_wisdom, knowledge_base, monkeypatch):
    """It is nearer than what the task says of all its files."""
    s3 = fake_wisdom.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="in/a@b.csv", Body=CSV)
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", os.environ["AIRFLOW_CONN_AWS_DEFAULT"])
    run(importing(knowledge_base, "s3://other@bucket/in/a@b.csv", storage_conn_id="mispelt"))
    assert responses(fake_wisdom, knowledge_base) == ["Hello"]
    assert Storage("mispelt").files("s3://other@bucket/in/") == ["s3://other@bucket/in/a@b.csv"]
    for source in ("s3://mispelt@bucket/in/a@b.csv", "s3://mispelt@bucket/in/"):
        with pytest.raises(AirflowConnectionNotFoundError, match="mispelt"):
            run(importing(knowledge_base, source))


class Frame:
    """As much of a data frame as tells that it is one."""

    columns = ("Name", "Content")

    def __init__(self, *methods):
        for method in methods:
            setattr(self, method, lambda: None)

    def __iter__(self):
        return iter(self.columns)


@pytest.mark.parametrize(
    ("methods", "advice"),
    [
        (["to_dict"], '.to_dict("records")'),
        (["to_dict", "to_dicts"], ".to_dicts()"),
        (["to_pylist"], ".to_pylist()"),
        ([], "a list of its rows"),
    ],
)
def test_a_data_frame_is_refused_with_the_way_to_its_rows(methods, advice):
    message = refused(Frame(*methods))
    assert "not Frame: pass" in message
    assert advice in message


def test_an_arrow_table_is_refused_with_the_way_to_its_rows():
    import pyarrow as pa

    assert ".to_pylist()" in refused(pa.table({"Name": ["a"]}))


def test_what_else_is_no_source_is_named_by_its_kind_alone():
    assert "one row is a list with one dict in it" in refused({"Name": "secret"})
    assert "not an empty text" in refused("")
    for given in (7, b"secret", None, SimpleNamespace(secret=1)):
        message = refused(given)
        assert f"not {type(given).__name__}" in message
        assert "secret" not in message


ROWS = [{"Name": "secret", "Content": "x" * 100}] * 50


@pytest.mark.parametrize(
    "text",
    [
        str(ROWS),
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        str(ROWS[0]),
        str([[("secret", "x")]]),
        str(["secret.csv", "b.csv"]),
        "Name,Content\nsecret,x\n",
        "secret" * 500,
        "[" * 100_000 + "secret",
    ],
    ids=lambda text: f"{text[:9]!r} ({len(text)})",
)
def test_rows_that_a_template_made_text_of_are_not_shown(knowledge_base, fake_wisdom, text):
    """Whatever `sample_size` is."""
    with pytest.raises(ParameterError) as raised:
        run(importing(knowledge_base, text))
    message = str(raised.value)
    assert "secret" not in message
    assert f"a text of {len(text):,} characters" in message
    assert "pass a list of rows" in message or "source=task.output" in message
    assert len(message) < 400


@pytest.mark.parametrize("text", ["None", "[]", " None "])
def test_an_xcom_that_is_not_there_is_named(text):
    assert "as a template makes of an XCom that is not there or empty: pass source=task.output" in refused(text)


@pytest.mark.parametrize(
    "place", ["[ab]*.csv", "{a}.csv", "(a).csv", "s3://bucket/[a]/{b}.csv", "Nonesuch", "a'b\".csv"]
)
def test_a_path_may_have_any_signs(place):
    assert source_of(place, Storage()).places == (place,)


def test_lists_that_mix_paths_and_rows_are_refused(tmp_path):
    with (
        source_of([{"Name": "a"}, "secret.csv"], Storage()).open() as table,
        pytest.raises(SourceFormatError, match="of type str") as raised,
    ):
        list(table.rows)
    assert "secret" not in str(raised.value)


def test_template_and_source_are_told_apart(fake_wisdom, knowledge_base, tmp_path):
    (tmp_path / "rows.csv").write_bytes(CSV)
    (tmp_path / "bad.csv").write_bytes(b"Name,\xfc\n")
    rows, bad, missing = (str(tmp_path / name) for name in ("rows.csv", "bad.csv", "nosuch.csv"))
    for source, template, words in [
        (missing, rows, f"The source {briefly(missing)} cannot be read"),
        (rows, missing, f"The import template cannot be used: {briefly(missing)} cannot be read"),
        (bad, rows, f"(source {bad}, line 1)"),
        (rows, bad, "The import template cannot be used: The file is not encoded in UTF-8"),
    ]:
        with pytest.raises(SourceError) as raised:
            run(importing(knowledge_base, source, import_template=template))
        assert words in str(raised.value)


def test_the_sheet_of_a_workbook_is_a_parameter(fake_wisdom, knowledge_base, tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    for title in ("First", "Second"):
        sheet = book.create_sheet(title)
        sheet.append(["Name", "Content"])
        sheet.append([title, "x"])
    book.save(tmp_path / "a.xlsx")
    run(importing(knowledge_base, str(tmp_path / "a.xlsx"), sheet="Second"))
    assert responses(fake_wisdom, knowledge_base) == ["Second"]


def test_a_source_of_files_is_called_after_the_first(tmp_path):
    assert FileSource("a.csv", Storage()).name == "a.csv"
    assert FileSource("a.csv", Storage(), more=("b.csv", "c/")).name == "a.csv and 2 more"
