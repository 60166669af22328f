"""What an error about a source says: which file, which parameter, and nothing of the texts in it."""

from __future__ import annotations

import json

import pytest
from rigs.imports import importing
from rigs.running import FakeTaskInstance, as_raised, run

from airflow_wisdom.exceptions import ParameterError, SourceError, SourceFormatError, TemplateMismatchError
from airflow_wisdom.operators import WisdomSyncQuickResponsesOperator

ROWS = [{"Name": f"Answer {n}", "Content": "secret"} for n in range(5_000)]


def error_of(knowledge_base, kind=SourceError, **how):
    with pytest.raises(kind) as raised:
        run(importing(knowledge_base, **how))
    return raised.value


@pytest.mark.parametrize("text", [repr(ROWS), json.dumps(ROWS), " [[1]]", repr(ROWS[0])], ids=[*"abcd"])
def test_rows_that_a_template_made_a_text_of_are_not_taken_for_a_path(fake_wisdom, knowledge_base, text):
    error = error_of(knowledge_base, ParameterError, source=text, sample_size=0)
    assert "as a template makes of rows" in str(error)
    assert "render_template_as_native_obj=True" in str(error)
    assert "secret" not in str(error.to_dict())
    assert len(str(error)) < 400


@pytest.mark.parametrize("text", ["Name,Content\nsecret,x\n", "secret" * 1_000])
def test_a_text_that_is_no_path_is_not_shown(fake_wisdom, knowledge_base, text):
    error = error_of(knowledge_base, ParameterError, source=text, sample_size=0)
    assert "neither a path nor a URI" in str(error)
    assert "secret" not in str(error.to_dict())


@pytest.mark.parametrize("scheme", ["", "file://", "s3://bucket/"])
def test_a_long_path_is_cut_where_an_error_shows_it(fake_wisdom, knowledge_base, scheme):
    error = error_of(knowledge_base, source=scheme + "xxx/" * 1_000 + "x.csv")
    assert len(str(error)) < 1_000


def test_a_path_may_be_as_long_as_linux_takes_it(fake_wisdom, knowledge_base, tmp_path):
    folder = tmp_path.joinpath(*["x" * 200] * 9)
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("Name,Content\nA,x\n")
    assert run(importing(knowledge_base, str(folder / "a.csv")))["rowsImported"] == 1


@pytest.mark.parametrize(
    ("content", "kind", "problem"),
    [
        (b"", SourceFormatError, "The file is empty"),
        (b"N\xff\n", SourceFormatError, "UTF-8"),
        (b"Name,Name\n", SourceFormatError, "a column twice"),
    ],
)
def test_a_template_and_a_source_are_told_apart(fake_wisdom, knowledge_base, tmp_path, content, kind, problem):
    """Both are files with a header."""
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("Name,Content\nA,x\n")
    bad.write_bytes(content)
    for_template = error_of(knowledge_base, kind, source=str(good), import_template=str(bad))
    assert for_template.message.startswith("The import template cannot be used: ")
    assert f"import template {bad}" in str(for_template)
    for_source = error_of(knowledge_base, kind, source=str(bad), import_template=str(good))
    assert "import template" not in str(for_source)
    assert f"source {bad}" in str(for_source)
    assert str(for_source).count(str(bad)) == 1
    for error in (for_template, for_source):
        assert problem in str(error)


def test_a_template_that_is_not_there_is_named_as_one(fake_wisdom, knowledge_base, tmp_path):
    (tmp_path / "a.csv").write_text("Name,Content\nA,x\n")
    error = error_of(knowledge_base, source=str(tmp_path / "a.csv"), import_template=str(tmp_path / "nosuch.csv"))
    assert error.message.startswith("The import template cannot be used: ")
    assert "nosuch.csv cannot be read" in str(error)


def test_columns_that_do_not_fit_say_of_which_file(fake_wisdom, knowledge_base, tmp_path):
    (tmp_path / "a.csv").write_text("Title,Content\nA,x\n")
    how = {"task_id": "sync", "knowledge_base_id": knowledge_base, "source": str(tmp_path / "a.csv")}
    assert f"(source {tmp_path}/a.csv)" in str(error_of(knowledge_base, TemplateMismatchError, source=how["source"]))
    with pytest.raises(TemplateMismatchError, match=r"\(source .*a\.csv\)"):
        run(WisdomSyncQuickResponsesOperator(**how))


def test_a_file_without_a_header_is_not_all_in_its_error(fake_wisdom, knowledge_base, tmp_path):
    (tmp_path / "a.csv").write_text("Hello,Good morning" + "x" * 100_000 + "\n")
    error = error_of(knowledge_base, TemplateMismatchError, source=str(tmp_path / "a.csv"))
    assert len(json.dumps(error.to_dict())) < 2_000


def test_a_template_may_be_a_path_object(fake_wisdom, knowledge_base, tmp_path):
    (tmp_path / "t.csv").write_text("Name,Content\n")
    how = {"import_template": tmp_path / "t.csv", "mode": "check"}
    assert run(importing(knowledge_base, [{"Name": "A", "Content": "x"}], **how))["rowsOnlyChecked"] == 1


@pytest.mark.parametrize("make", [importing, WisdomSyncQuickResponsesOperator])
def test_the_format_is_called_what_the_operator_calls_it(fake_wisdom, knowledge_base, make):
    how = {} if make is importing else {"task_id": "sync"}
    task = (
        make(knowledge_base_id=knowledge_base, source="a.csv", source_format="excel", **how)
        if how
        else importing(knowledge_base, "a.csv", source_format="excel")
    )
    with pytest.raises(ParameterError, match="source_format must be one of csv, "), as_raised():
        task.execute({"ti": FakeTaskInstance()})
