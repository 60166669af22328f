"""Files in any encoding, compressed in any way that a library reads, and what is no text at all."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import sys
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_wisdom.exceptions import SourceError, SourceFormatError
from airflow_wisdom.rows import read
from airflow_wisdom.rows.reading.text import MAX_LINE

TEXT = "Name,Content\nGrüße,Schön\nЖизнь,дом\n"


def zipped(data, *names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("a.csv",):
            # Without the time of its making, of which two processes that collect tests would make other names.
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def zstd(data):
    if sys.version_info >= (3, 14):
        from compression import zstd as library
    else:
        from backports import zstd as library
    return library.compress(data)


COMPRESSIONS = {"no": bytes, "gzip": gzip.compress, "bzip2": bz2.compress, "zstd": zstd, "zip": zipped}


def cells(data, **how):
    return [list(row.values.values()) for row in read(io.BytesIO(data), **how).rows]


def refused(data, **how):
    with pytest.raises(SourceFormatError) as raised:
        cells(data, **how)
    return raised.value


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(encoding):
    assert cells(TEXT.encode(encoding)) == [["Grüße", "Schön"], ["Жизнь", "дом"]]
    assert cells('{"Name": "Grüße"}'.encode(encoding)) == [["Grüße"]]


@pytest.mark.parametrize(
    "encoding", ["utf-16-le", "utf-16-be", "utf-8", "utf8", "UTF_8_SIG", "cp1251", "koi8-r", "gb18030"]
)
def test_an_encoding_may_be_given(encoding):
    assert cells("Name\nЖизнь\n".encode(encoding), encoding=encoding) == [["Жизнь"]]


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_takes_precedence_over_what_is_given(mark):
    """As it does in browsers: a file that says what it is was not written otherwise."""
    assert cells(TEXT.encode(mark), encoding="cp1252") == [["Grüße", "Schön"], ["Жизнь", "дом"]]


@pytest.mark.parametrize(
    ("data", "encoding", "line", "message"),
    [
        ("Name\nA\nGrüße\n".encode("cp1252"), None, 3, "byte 0xFC, byte 10 of the file. Save it as UTF-8, or pass"),
        (b"Name\nA\n\x81\n", "cp1252", 3, "not encoded in CP1252: it has the byte 0x81, byte 8 of the file. Leave"),
        ("Name\nÄ\n".encode("utf-16-le"), None, 2, 'pass encoding="utf-16-le"'),
        ("Name\nÄ\n".encode("utf-16-be"), None, 2, 'pass encoding="utf-16-be"'),
        ("Name\nA\nB\n".encode("utf-16")[:-1], None, 3, "in the middle of a character of UTF-16-LE"),
        ("Name\nA\n?B\n".encode("utf-16").replace(b"?\0", b"\x00\xd8"), None, 3, "not encoded in UTF-16-LE"),
        (b"Name\n" * 20_000 + b"\xe4\n", None, 20_001, "byte 0xE4, byte 100,001 of the file"),
        ("Name\nA\nÄ\n".encode() + "Ä\n".encode("cp1252"), None, 4, "byte 0xC4"),
        ("Name\nGrüße\n".encode(), "cp1252", None, "is encoded in UTF-8, and would be garbled"),
        ("Name\nGrüße\n".encode(), "latin-1", None, "would be garbled if read as iso8859-1: leave encoding out"),
    ],
)  # fmt: skip
def test_a_wrong_encoding_is_told_with_byte_and_line(data, encoding, line, message):
    error = refused(data, encoding=encoding)
    assert message in str(error)
    assert error.line == line


def test_what_is_the_same_in_both_encodings_is_no_matter():
    assert cells(b"Name\nHello\n", encoding="cp1252") == [["Hello"]]


@pytest.mark.parametrize(
    "encoding", ["", "utf-9", "base64", "rot13", "utf-7", "unicode_escape", "idna", "undefined", "a\0b", "ü"]
)
def test_an_encoding_that_no_file_has_is_refused(encoding):
    with pytest.raises(ValueError, match="encoding must be one that Python knows"):
        read(io.BytesIO(b"Name\n"), encoding=encoding)


# Compression


@pytest.mark.parametrize("compress", COMPRESSIONS.values(), ids=COMPRESSIONS)
@pytest.mark.parametrize("name", ["", "a.csv", "a.csv.gz", "A.CSV.ZIP"])
def test_a_compressed_file_is_known_by_its_content(compress, name):
    assert cells(compress(TEXT.encode()), name=name) == [["Grüße", "Schön"], ["Жизнь", "дом"]]


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".zst", ".zip"])
def test_the_ending_before_that_of_the_compression_is_the_format(ending):
    assert read(io.BytesIO(gzip.compress(b'{"a": 1}\n', mtime=0)), name=f"a.csv{ending}").columns == ('{"a": 1}',)
    assert read(io.BytesIO(gzip.compress(b'{"a": 1}\n', mtime=0)), name=f"a.jsonl{ending}").columns is None


def test_a_file_may_be_compressed_by_its_maker_and_by_its_store_and_not_oftener():
    twice = gzip.compress(zipped(TEXT.encode()))
    assert len(cells(twice)) == 2
    assert "compressed more than 2 times" in str(refused(bz2.compress(twice)))


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, zstd])
def test_compressed_parts_that_were_joined_are_one_file(compress):
    assert len(cells(compress(b"Name\nA\n") + compress(b"B\n") + compress(b""))) == 2


@pytest.mark.parametrize("name", list(COMPRESSIONS)[1:])
@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: data[:-1], lambda data: data[:12]]
)
def test_an_archive_that_is_not_complete_is_refused(name, damage):
    data = COMPRESSIONS[name](TEXT.encode() * 100)
    error = refused(damage(data))
    assert error.__cause__ is not None
    assert "damaged, or not complete" in str(error) or "cannot be unpacked" in str(error)


def changed(data, place):
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


GZIP, BZIP2, ZIP = (compress(TEXT.encode()) for compress in (gzip.compress, bz2.compress, zipped))


@pytest.mark.parametrize(
    "data",
    [changed(GZIP, len(GZIP) - 8), changed(BZIP2, 10), changed(ZIP, ZIP.index(b"PK\x01\x02") + 16)],
    ids=["gzip", "bzip2", "zip"],
)
def test_an_archive_whose_sum_is_wrong_is_refused(data):
    assert refused(data).__cause__ is not None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (zipped(b"", "a.csv", "b.csv"), 'must hold one file, not 2: "a.csv", "b.csv"'),
        (zipped(b"", "folder/"), "must hold one file, not 0"),
        (zipped(b"", "[Content_Types].xml", "xl/workbook.xml"), "is no Excel workbook, or damaged"),
        (zipped(b""), "The file is empty"),
        (gzip.compress(b"", mtime=0), "The file is empty"),
    ],
    ids=["two files", "a folder alone", "no workbook", "an empty file", "nothing"],
)
def test_an_archive_must_hold_one_file(data, message):
    assert message in str(refused(data))


def test_what_macos_adds_to_an_archive_is_not_counted():
    assert len(cells(zipped(TEXT.encode(), "Rows/", "Rows/a.csv", "__MACOSX/Rows/._a.csv", "Rows/.DS_Store"))) == 2


def test_an_archive_with_a_password_is_refused():
    data = bytearray(zipped(TEXT.encode()))
    for place in (6, data.index(b"PK\x01\x02") + 8):
        data[place] |= 1
    assert "is encrypted" in str(refused(bytes(data)))


@pytest.mark.parametrize("name", list(COMPRESSIONS)[1:])
def test_a_bomb_ends_with_its_first_line(name):
    """Half a gigabyte would take minutes and all memory."""
    bomb = COMPRESSIONS[name](b"a" * 20_000_000)
    assert len(bomb) < 100_000
    assert f"longer than {MAX_LINE:,} characters" in str(refused(bomb))


def test_without_its_library_zstandard_is_named(monkeypatch):
    monkeypatch.setattr("airflow_wisdom.rows.reading.packed._ZSTD_LIBRARIES", ("compression.nosuch", "no_such"))
    assert r"install airflow-wisdom[zstd]" in str(refused(b"\x28\xb5\x2f\xfd..."))


# What is no text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"ARROW1\0\0", "is Arrow or Feather"),
        (b"ORC\x08\x03\x10", "is ORC"),
        (b"Obj\x01\x04\x14avro.codec", "is Avro"),
        (b"SQLite format 3\0", "is an SQLite database"),
        (b"%PDF-1.7\n", "is a PDF document"),
        (b"{\\rtf1\\ansi", "is an RTF document"),
        (lzma.compress(b"a"), "is compressed with xz"),
        (b"a.csv".ljust(257, b"\0") + b"ustar\x0000", "is a tar archive"),
        (zipped(b"", "mimetype", "content.xml"), "is an Excel workbook or another Office document"),
        (zipped(b"", "Index/Document.iwa", "Metadata/a.plist"), "is an Excel workbook or another Office document"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "is a 7z archive"),
        (b"Rar!\x1a\x07\x01\0", "is a RAR archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Excel workbook"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "is a pointer of Git LFS"),
        (b"\n <!DOCTYPE HTML>\n<html>", "is an HTML page"),
        (b"<html><body>Please log in", "is an HTML page"),
        (b'<?xml version="1.0"?><Error/>', "is XML"),
    ],
)
@pytest.mark.parametrize("name", ["", "a.csv", "a.jsonl"])
def test_a_file_that_is_no_text_is_called_what_it_is(data, message, name):
    assert f"The file {message}" in str(refused(data, name=name))


@pytest.mark.parametrize("name", ["", "a.csv", "a.jsonl"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_damaged_parquet_file_is_called_what_it_is(pack, name):
    assert "Parquet" in str(refused(pack(b"PAR1\x15\x04\x15"), name=name))


@pytest.mark.parametrize("header", ["ORC,Größe", "PAR1,b", "Object,b", "BZhName,b", "PK,b"])
def test_a_header_that_begins_like_another_format_is_a_header(header):
    assert read(io.BytesIO(f"{header}\n".encode())).columns == tuple(header.split(","))


# Whatever comes

LETTERS = {
    "utf-8": "aäя€😀",
    "utf-8-sig": "aäя€😀",
    "utf-16": "aäя€😀",
    "cp1252": "aäÿ€ ",
    "latin-1": "aäÿ\xa0",
    "koi8-r": "aя",
}


@given(
    st.data(),
    st.sampled_from(list(LETTERS)),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(list(COMPRESSIONS)),
)
def test_rows_in_are_rows_out_in_any_encoding_and_compression(data, encoding, delimiter, compression):
    text = st.text(LETTERS[encoding] + '",;|\n', max_size=6)
    rows = data.draw(st.lists(st.tuples(text, text), max_size=4))
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows([["Näme"[:1] + "ame", "Content"], *rows])
    packed = COMPRESSIONS[compression](out.getvalue().encode(encoding))
    with suppress(GarbledError):
        assert read_or_garbled(packed, encoding) == [list(row) for row in rows]


class GarbledError(Exception):
    """Bytes that are UTF-8 as well: nobody means them as what they are in another encoding."""


def read_or_garbled(data, encoding):
    try:
        return cells(data, encoding=encoding)
    except SourceFormatError as exc:
        if "would be garbled" in str(exc):
            raise GarbledError from exc
        raise


@given(
    st.one_of(st.binary(max_size=60), st.text('aä,;\t"\n\r \\{}[]:\x00\ufeff\u2028\x1a', max_size=60).map(str.encode)),
    st.sampled_from(["csv", "json_lines", None]),
    st.sampled_from([None, "cp1252", "utf-16", "utf-16-le", "utf-32", "gb18030", "iso2022_jp", "cp932", "ascii"]),
    st.sampled_from([None, ",", "tab"]),
    st.sampled_from(list(COMPRESSIONS)),
    st.integers(0, 200),
    st.integers(0, 255),
)
def test_no_bytes_raise_anything_but_an_error_of_this_package(
    data, kind, encoding, delimiter, compression, place, byte
):
    packed = bytearray(COMPRESSIONS[compression](data))
    if place < len(packed):
        packed[place] = byte
    with suppress(SourceError):
        for row in read(io.BytesIO(packed), format=kind, encoding=encoding, delimiter=delimiter).rows:
            "".join([*row.values, *row.values.values(), *row.surplus]).encode()
            str([*row.mistakes, *(doubt.mistake for doubt in row.doubts)])
