"""Outputs never replace what is read, or one another, however two places are written."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rigs.imports import ROWS, importing
from rigs.running import run

from airflow_wisdom.operators import WisdomSyncQuickResponsesOperator
from airflow_wisdom.places import Place, check_places

GOOD_AND_BAD = "Name,Content\nHello,Hi\nBye,So long\nno content,\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a file, links to both, and what else leads there; the process works in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text(GOOD_AND_BAD)
    (tmp_path / "link.csv").symlink_to("data/a.csv")
    (tmp_path / "folder").symlink_to("data")
    (tmp_path / "ahead.csv").symlink_to("data/new.csv")
    os.link(tmp_path / "data" / "a.csv", tmp_path / "hard.csv")
    return tmp_path


SAME_FILE = [
    "data/a.csv", "./data//a.csv", "data/../data/a.csv", "data/./a.csv", "link.csv", "hard.csv", "folder/a.csv",
    "{here}/data/a.csv", "file://{here}/data/a.csv", "FILE://{here}/data/a.csv", "local://{here}/folder/a.csv",
    "data/a.csv/.",
]  # fmt: skip


@pytest.mark.parametrize("other", SAME_FILE)
def test_a_file_is_the_same_however_it_is_written(here, other):
    other = other.format(here=here)
    assert Place.of("data/a.csv").is_same_as(Place.of(other))
    assert Place.of(other).is_same_as(Place.of(here / "data" / "a.csv"))


@pytest.mark.parametrize(("one", "other"), [("ahead.csv", "data/new.csv"), ("folder/new.csv", "data/new.csv")])
def test_also_where_there_is_none_yet(here, one, other):
    assert Place.of(one).is_same_as(Place.of(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s3://bucket/a/b.csv", "s3://conn@bucket/a/b.csv"),
        ("s3://bucket/a/b.csv", "S3://bucket/a//b.csv"),
        ("s3://bucket/a/b.csv", "s3a://bucket/x/../a/./b.csv"),
        ("gs://bucket/a.csv", "gcs://conn@bucket/a.csv"),
        ("abfs://conn@container/a.csv", "abfss://container/a.csv"),
        ("abfs://c@account.dfs.core.windows.net/a.csv", "abfss://c@account.dfs.core.windows.net/a.csv"),
        ("s3://bucket.with.dots/a", "s3://conn@bucket.with.dots/a"),
        ("s3://bucket/a?b#c", "s3://conn@bucket/a?b#c"),
    ],
)
def test_an_object_is_the_same_however_it_is_written(one, other):
    assert Place.of(one).is_same_as(Place.of(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("data/a.csv", "data/b.csv"),
        ("data/a.csv", "s3://data/a.csv"),
        ("s3://bucket/a.csv", "s3://bucket/A.csv"),
        ("s3://bucket/a.csv", "s3://other/a.csv"),
        ("s3://bucket/a.csv?b", "s3://bucket/a.csv"),
        ("s3://bucket/a.csv", "gs://bucket/a.csv"),
        ("abfs://one@account.dfs.core.windows.net/a.csv", "abfs://two@account.dfs.core.windows.net/a.csv"),
        ("\0", "data/a.csv"),
    ],
)
def test_other_places_are_others(here, one, other):
    assert not Place.of(one).is_same_as(Place.of(other))


def test_an_object_storage_path_is_its_uri(here):
    from airflow.sdk import ObjectStoragePath

    assert Place.of(ObjectStoragePath(f"file://{here}/data/a.csv")).is_same_as(Place.of("link.csv"))


def refused(outputs, **inputs):
    with pytest.raises(ValueError, match=r"is (the same file as|among the files)") as raised:
        check_places({"source": [], "import_template": [], **inputs}, outputs)
    return str(raised.value)


def test_the_error_names_both_parameters_and_the_file(here):
    message = refused({"invalid_rows_path": "link.csv"}, source=["data/b.csv", "data/a.csv"])
    assert message.startswith("invalid_rows_path is the same file as source, which it would replace: link.csv")
    assert "plan_path is the same file as import_template" in refused(
        {"invalid_rows_path": None, "plan_path": "hard.csv"}, import_template=["data/a.csv"]
    )
    assert "failed_records_path is the same file as invalid_rows_path" in refused(
        {"invalid_rows_path": "new.csv", "failed_records_path": "./new.csv"}
    )


@pytest.mark.parametrize(
    ("source", "output", "is_refused"),
    [
        ("data", "data/new.csv", True),
        ("data/", "folder/new.csv", True),
        ("data/", "data/bad/new.csv", False),
        ("data", "database.csv", False),
        ("data/*.csv", "data/new.csv", True),
        ("data/*.csv", "data/bad/new.csv", False),
        ("data/**/*.csv", "data/bad/new.csv", True),
        ("data/*.csv", "data/new.jsonl", False),
        ("s3://bucket/in/", "s3://conn@bucket/in/new.csv", True),
        ("s3://bucket/in/", "s3://bucket/into/new.csv", False),
        ("s3://bucket/in/", "s3://bucket/in/bad/new.csv", False),
        ("s3://bucket/", "s3://bucket/new.csv", True),
    ],
)
def test_a_report_is_not_written_among_the_files_that_are_read(here, source, output, is_refused):
    if is_refused:
        assert "invalid_rows_path is among the files that source" in refused(
            {"invalid_rows_path": output}, source=[source]
        )
    else:
        check_places({"source": [source]}, {"invalid_rows_path": output})


def test_two_reports_may_go_to_where_nothing_is_kept():
    check_places({"source": ["/dev/null"]}, {"invalid_rows_path": "/dev/null", "failed_records_path": "/dev/null"})


STEPS = st.lists(st.sampled_from(["a", "b", "..", ".", "", "a.csv"]), max_size=6)


@settings(deadline=None)
@given(STEPS, STEPS, st.sampled_from(["", "s3://bucket/", "gs://c@bucket/"]))
@example(["..", "a"], ["a"], "s3://bucket/")
def test_places_are_the_same_where_paths_are(tmp_path_factory, one, other, scheme):
    """Without links, the normal form of a path decides."""
    root = scheme or "/nosuch/"
    paths = [root + "/".join(steps) for steps in (one, other)]
    normal = [os.path.normpath("/nosuch/" + "/".join(steps)) for steps in (one, other)]
    if scheme:
        normal = [os.path.normpath("/" + "/".join(steps)) for steps in (one, other)]
    assert Place.of(paths[0]).is_same_as(Place.of(paths[1])) is (normal[0] == normal[1])


# In tasks


def syncing(knowledge_base, source, **how):
    return WisdomSyncQuickResponsesOperator(task_id="sync", knowledge_base_id=knowledge_base, source=source, **how)


@pytest.mark.parametrize("make", [importing, syncing])
@pytest.mark.parametrize("other", ["link.csv", "hard.csv", "{here}/data/a.csv", "file://{here}/data/a.csv"])
def test_the_source_is_not_replaced_by_its_invalid_rows(fake_wisdom, knowledge_base, here, make, other):
    """Two rows were good."""
    with pytest.raises(ValueError, match="invalid_rows_path is the same file as source"):
        run(make(knowledge_base, "data/a.csv", invalid_rows_path=other.format(here=here)))
    assert (here / "data" / "a.csv").read_text() == GOOD_AND_BAD


@pytest.mark.parametrize(
    ("make", "how", "message"),
    [
        (importing, {"failed_records_path": "data/a.csv"}, "failed_records_path is the same file as source"),
        (
            importing,
            {"invalid_rows_path": "x", "failed_records_path": "./x"},
            "failed_records_path .* invalid_rows_path",
        ),
        (importing, {"import_template": "t", "invalid_rows_path": "t"}, "invalid_rows_path .* as import_template"),
        (syncing, {"plan_path": "folder/a.csv"}, "plan_path is the same file as source"),
        (syncing, {"plan_path": "x", "invalid_rows_path": "data/../x"}, "plan_path .* invalid_rows_path"),
    ],
)
def test_it_is_found_before_anything_is_read(fake_wisdom, knowledge_base, here, make, how, message):
    """There is no template `t`, and the rows are invalid: neither is what the error is about."""
    with pytest.raises(ValueError, match=message):
        run(make(knowledge_base, "data/a.csv", **how))
    assert set(fake_wisdom.calls()) == {"CreateKnowledgeBase"}
    assert not (here / "x").exists()


def test_the_template_of_the_deployment_is_not_replaced_either(fake_wisdom, knowledge_base, here, monkeypatch):
    (here / "template.csv").write_text("Name,Content\n")
    monkeypatch.setenv("AIRFLOW__WISDOM__IMPORT_TEMPLATE", str(here / "template.csv"))
    with pytest.raises(ValueError, match=re.escape("invalid_rows_path is the same file as import_template")):
        run(importing(knowledge_base, ROWS[:1], invalid_rows_path="template.csv"))
