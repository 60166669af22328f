"""A source of many files: which they are, how they become one table, and how their rows are found again."""

from __future__ import annotations

import csv
import gzip
import io
import json
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs.imports import importing, responses
from rigs.running import FakeTaskInstance, run

from airflow_wisdom import listing
from airflow_wisdom.exceptions import InvalidRowsError, SourceError, SourceFormatError
from airflow_wisdom.listing import fits
from airflow_wisdom.sources import FileSource
from airflow_wisdom.storage import Storage

pytestmark = pytest.mark.usefixtures("no_patience")

HEADER = "Name,Content\n"


class Folder:
    """Files on this machine, or in a bucket."""

    def __init__(self, root, put):
        self.root = root
        self._put = put

    def write(self, name, content=HEADER):
        self._put(name, content.encode() if isinstance(content, str) else content)


@pytest.fixture(params=["path", "file", "s3"])
def folder(request, tmp_path):
    """An empty folder, by path, by URI, and in a bucket that others use, too."""
    if request.param == "s3":
        s3 = request.getfixturevalue("fake_wisdom").client("s3")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="drop2/other.csv", Body=b"Name,Content\nother,x\n")
        return Folder(
            "s3://bucket/drop", lambda name, data: s3.put_object(Bucket="bucket", Key=f"drop/{name}", Body=data)
        )

    def write(name, data):
        path = tmp_path / "drop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    (tmp_path / "drop").mkdir()
    (tmp_path / "drop2").mkdir()
    (tmp_path / "drop2" / "other.csv").write_text("Name,Content\nother,x\n")
    return Folder(f"{'file://' * (request.param == 'file')}{tmp_path}/drop", write)


def read(*places):
    with FileSource(places[0], Storage(), more=places[1:]).open() as table:
        return [(row.part, row.line, dict(row.values)) for row in table.rows]


def names(*places):
    return [values["Name"] for _, _, values in read(*places)]


def test_a_folder_is_its_files_in_the_order_of_their_names(folder):
    for name in ("b.csv", "a.csv", "c/d.csv"):
        folder.write(name, f"{HEADER}{name},x\n")
    for name in ("_SUCCESS", ".b.csv.crc", "_metadata", "e.csv", ".hidden/f.csv"):
        folder.write(name, "" if name == "e.csv" else "no table")
    assert read(f"{folder.root}/") == [
        ("a.csv", 2, {"Name": "a.csv", "Content": "x"}),
        ("b.csv", 2, {"Name": "b.csv", "Content": "x"}),
    ]
    assert names(f"{folder.root}/*") == ["a.csv", "b.csv"]
    assert names(f"{folder.root}/**/*.csv") == ["a.csv", "b.csv", "c/d.csv"]
    assert names(f"{folder.root}/*/*.csv") == ["c/d.csv"]
    assert [part for part, _, _ in read(f"{folder.root}/**/*.csv")] == ["a.csv", "b.csv", "c/d.csv"]


def test_a_path_of_a_folder_needs_no_slash(tmp_path):
    (tmp_path / "a.csv").write_text(f"{HEADER}a,x\n")
    assert names(str(tmp_path)) == ["a"]


def test_a_pattern_has_the_usual_signs(folder):
    for name in ("a1.csv", "a2.csv", "b1.csv", "a1.txt"):
        folder.write(name, f"{HEADER}{name},x\n")
    assert names(f"{folder.root}/a*.csv") == ["a1.csv", "a2.csv"]
    assert names(f"{folder.root}/?1*.csv") == ["a1.csv", "b1.csv"]
    assert names(f"{folder.root}/[!a]*.csv") == ["b1.csv"]


def test_a_list_is_in_its_order_and_reads_a_file_once(folder):
    for name in "abc":
        folder.write(f"{name}.csv", f"{HEADER}{name},x\n")
    root = folder.root
    assert names(f"{root}/c.csv", f"{root}/a.csv", f"{root}/*.csv") == ["c", "a", "b"]


def test_a_part_has_its_own_header_or_that_of_the_first(folder):
    folder.write("1.csv", f"{HEADER}a,x\n")
    folder.write("2.csv", "b,y\nc,z\n")
    folder.write("3.csv", "Content,Name\nw,d\n")
    folder.write("4.csv", HEADER)
    folder.write("5.csv", '"e\nf",v\n')
    assert [(part, line, values["Name"]) for part, line, values in read(f"{folder.root}/")] == [
        ("1.csv", 2, "a"),
        ("2.csv", 1, "b"),
        ("2.csv", 2, "c"),
        ("3.csv", 2, "d"),
        ("5.csv", 1, "e\nf"),
    ]


def test_parts_may_be_compressed_and_empty_ones_do_not_count(folder):
    folder.write("0.csv.gz", gzip.compress(b""))
    folder.write("1.csv.gz", gzip.compress(f"{HEADER}a,x\n".encode()))
    folder.write("2.csv.gz", gzip.compress(b""))
    folder.write("3.csv.gz", gzip.compress(b"b,y\n"))
    assert names(f"{folder.root}/") == ["a", "b"]


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("Name,Content,Language\nb,y,z\n", 'has not the columns of the first part: it also has "Language"'),
        ("Name\nb\n", 'has not the columns of the first part: it lacks "Content"'),
        (b"Name,Content\nGr\xfc\xdfe,x\n", "is not encoded in UTF-8"),
        ('"a\n', "is no CSV"),
    ],
)
def test_a_part_that_does_not_fit_is_named(folder, second, words):
    folder.write("1.csv", f"{HEADER}a,x\n")
    folder.write("2.csv", second)
    with pytest.raises(SourceFormatError) as raised:
        read(f"{folder.root}/")
    assert str(raised.value).count(f"{folder.root}/2.csv") == 1
    assert raised.value.where["file"] == f"{folder.root}/2.csv"
    assert words in raised.value.message


def test_parts_of_other_formats_are_one_table_too(folder):
    rows = [{"Name": "a", "Content": "x"}, {"Name": "b", "Content": "y"}]
    folder.write("1.json", json.dumps(rows))
    folder.write("2.json", json.dumps([{"Name": "c"}], indent=1))
    assert [(part, line) for part, line, _ in read(f"{folder.root}/")] == [("1.json", 1), ("1.json", 2), ("2.json", 1)]
    folder.write("3.csv", f"{HEADER}d,z\n")
    with pytest.raises(SourceFormatError, match=r"The file is of another format than the first part \(file .*3\.csv"):
        read(f"{folder.root}/")


def test_a_place_without_files_says_so(folder):
    folder.write("_SUCCESS", "")
    folder.write("below/a.csv", HEADER)
    for place in ("/", "/*.jsonl", "/nosuch/"):
        with pytest.raises(SourceError, match=r"has no files with rows: .* use a pattern such as folder/\*\*/\*\.csv"):
            read(f"{folder.root}{place}")


def test_files_without_anything_say_so(tmp_path):
    for name in ("a.csv.gz", "b.csv.gz"):
        (tmp_path / name).write_bytes(gzip.compress(b""))
    with pytest.raises(SourceFormatError, match="All files are empty"):
        read(str(tmp_path))


def test_a_place_may_not_stand_for_any_number_of_files(folder, monkeypatch):
    for number in range(4):
        folder.write(f"{number}.csv", f"{HEADER}{number},x\n")
    monkeypatch.setattr(listing, "MAX_FILES", 3)
    with pytest.raises(SourceError, match=r"has more than 3 files: name a folder with fewer"):
        read(f"{folder.root}/")
    assert len(names(f"{folder.root}/[012]*")) == 3
    monkeypatch.setattr(listing, "MAX_LISTED", 3)
    with pytest.raises(SourceError, match=r"has more than 3 files"):
        read(f"{folder.root}/?*")


def test_places_are_told_as_part_and_line(fake_wisdom, knowledge_base, tmp_path):
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "1.csv").write_text(f"{HEADER}" + "".join(f"a{n},x\n" for n in range(3)))
    (tmp_path / "drop" / "2.csv").write_text(f"b,y\n,z\na1,{'y' * 9}\n")
    target = tmp_path / "invalid.csv"
    source = f"{tmp_path}/drop/*.csv"
    with pytest.raises(InvalidRowsError) as raised:
        run(importing(knowledge_base, source, invalid_rows_path=str(target)))
    assert '2.csv, line 2, column "Name": is required' in str(raised.value)
    assert '2.csv, line 3, column "Name", "a1": occurs already in 1.csv, line 3' in str(raised.value)
    assert [(each["part"], each["line"]) for each in raised.value.mistakes] == [("2.csv", 2), ("2.csv", 3)]
    assert [row["_line"] for row in csv.DictReader(io.StringIO(target.read_text(encoding="utf-8-sig")))] == [
        "2.csv:2",
        "2.csv:3",
    ]
    ti = FakeTaskInstance()
    options = {"on_invalid_rows": "skip", "max_rows_per_file": 2}
    summary = run(importing(knowledge_base, source, **options), ti=ti)
    assert [(job["firstPart"], job["firstRow"], job["lastPart"], job["lastRow"]) for job in summary["importJobs"]] == [
        ("1.csv", 2, "1.csv", 3),
        ("1.csv", 4, "2.csv", 1),
    ]
    described = [
        job["metadata"]["airflow-file"]
        for job in fake_wisdom.client().list_import_jobs(knowledgeBaseId=knowledge_base)["importJobSummaries"]
    ]
    assert [text.rpartition("(")[2] for text in described] == [
        "1.csv, lines 2 to 3)",
        "1.csv, line 4, to 2.csv, line 1)",
    ]
    assert sorted(responses(fake_wisdom, knowledge_base)) == ["a0", "a1", "a2", "b"]


def test_a_list_of_places_may_come_from_a_task(fake_wisdom, knowledge_base, tmp_path):
    for name in "ab":
        (tmp_path / name).write_text(f"{HEADER}{name},x\n")
    run(importing(knowledge_base, [str(tmp_path / "b"), tmp_path / "a"]))
    assert sorted(responses(fake_wisdom, knowledge_base)) == ["a", "b"]


TEXTS = st.text(alphabet=st.sampled_from('ab,;"\n\u00fc| '), min_size=1, max_size=6).filter(str.strip)


@given(
    st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=9),
    st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.booleans()), max_size=3),
)
def test_however_rows_are_cut_into_parts_they_are_the_same(rows, cuts):
    """With or without a header, compressed or not."""
    cuts = sorted(cuts)
    edges = [0, *(min(cut, len(rows)) for cut, _, _ in cuts), len(rows)]
    hows = [(True, False), *((has_header, packed) for _, has_header, packed in cuts)]
    files = {}
    for number, (has_header, packed) in enumerate(hows):
        text = io.StringIO(newline="")
        csv.writer(text).writerows([("Name", "Content")] * has_header + rows[edges[number] : edges[number + 1]])
        data = text.getvalue().encode()
        files[f"{number}.csv"] = gzip.compress(data) if packed else data

    class InMemory:
        def files(self, place):
            return sorted(files)

        @contextmanager
        def open(self, name, what):
            yield io.BufferedReader(io.BytesIO(files[name]))

    with FileSource("all/", InMemory()).open() as table:
        assert [tuple(row.values.values()) for row in table.rows] == rows


@pytest.mark.parametrize(
    ("name", "pattern", "does"),
    [
        ("a.csv", "*", True),
        ("a/b.csv", "*", False),
        ("a/b.csv", "**/*.csv", True),
        ("b.csv", "**/*.csv", True),
        ("a/b/c.csv", "**", False),
        ("a/b/c.csv", "a/**/c.*", True),
        ("_SUCCESS", "*", False),
        ("_SUCCESS", "_*", True),
        ("_temporary/0/a.csv", "**/*.csv", False),
        ("a/.b/c.csv", "**/*.csv", False),
        (".a.csv", "?a.csv", False),
        (".a.csv", ".a*", True),
        ("A.csv", "a*", False),
    ],
)
def test_what_a_pattern_stands_for(name, pattern, does):
    assert fits(name, pattern) is does
