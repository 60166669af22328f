"""CSV files as people have them: joined, torn, left over from a spreadsheet, with any delimiter and any quotes."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs.quick_responses import mistakes, prepared, table, validator, written

from airflow_wisdom.exceptions import SourceFormatError, TemplateMismatchError
from airflow_wisdom.rows import read
from airflow_wisdom.rows.reading.dialect import DELIMITERS
from airflow_wisdom.rows.reading.doubts import MANY_LINES
from airflow_wisdom.rows.reading.objects import read_rows


def known(text, **how):
    """The table of a CSV whose reader knows the default template."""
    with validator() as judge:
        return read(io.BytesIO(text.encode()), format="csv", knows=judge.knows, **how)


def cells(source):
    return [list(row.values.values()) for row in source.rows]


def refused(source):
    with pytest.raises(SourceFormatError) as raised:
        list(source.rows)
    return raised.value


def doubts(text, **how):
    """What is doubtful about the valid rows of a CSV: the counts, and where."""
    with prepared(known(text), **how) as made:
        return dict(made.doubts.counts), [str(each) for each in made.doubts.first]


# Seams

AGAIN = "repeats the header: were files joined here?"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Name,Content\nHello,Good morning\nName,Content\nBye,So long\n", 3),
        ("Name,Content\nHello,Good morning\n\ufeffName,Content\nBye,So long\n", 3),
        ("Name,Content\n\n NAME , content \nBye,So long\n", 3),
        ("Name,Content,Language\nName,Content,Language\nBye,So long,en_US\n", 2),
        ('Name,Content,Shortcut key\nHello,"Good\nmorning",\nName,Content\nBye,So long,b\n', 4),
        ('\ufeff"Name","Content"\r\n"Hello","Good morning"\r\n\ufeff"Name","Content"\r\n', 3),
        ("_line,_reason,Name,Content\n3,wrong,a,b\n_line,_reason,Name,Content\n", 3),
    ],
)
def test_a_header_again_is_never_a_response(text, line):
    found = mistakes(known(text))
    assert [each for each in found if AGAIN in each] == [f"line {line}: {AGAIN}"]
    assert len(found) == 1


def test_a_header_again_among_rows_that_are_given():
    rows = [{"Name": "a", "Content": "b"}, {"Name": "Name", "Content": "content"}]
    assert mistakes(read_rows(rows)) == [f"row 2: {AGAIN}"]


def test_a_header_of_another_order_would_put_texts_into_wrong_columns():
    error = refused(known("Name,Content\nHello,Good morning\nContent,Name\nSo long,Bye\n"))
    assert error.line == 3
    assert "repeats the header in another order" in str(error)


@pytest.mark.parametrize("row", ["Name,Hello", "Name,Name", "Content,", "My name,Content", "Hello,Name"])
def test_a_row_that_is_somewhat_like_a_header_is_a_row(row):
    assert cells(known(f"Name,Content\n{row}\n")) == [row.split(",")]


@pytest.mark.parametrize("mark", ["\ufeff", "\ufeff\ufeff", "\x1a\ufeff"])
@pytest.mark.parametrize("name", ["Bye", '"Bye, bye"'])
def test_a_byte_order_mark_of_joined_files_is_no_text_and_named(mark, name):
    text = f"Name,Content\nHello,Good morning\n{mark}{name},So long\n"
    assert [row[0] for row in cells(known(text))] == ["Hello", name.strip('"')]
    assert doubts(text) == (
        {"byte_order_marks": 1},
        ["line 3: stood behind a byte-order mark, which is left out: were files joined here?"],
    )


def test_a_byte_order_mark_within_a_text_is_a_part_of_it():
    text = 'Name,Content\nHello,Good\ufeffmorning\n"\ufeffBye",\ufeffSo long\nThanks,"You\n\ufeffare welcome"\n'
    assert cells(known(text)) == [
        ["Hello", "Good\ufeffmorning"],
        ["\ufeffBye", "\ufeffSo long"],
        ["Thanks", "You\n\ufeffare welcome"],
    ]


def test_a_byte_order_mark_twice_is_no_part_of_the_first_column():
    assert known("\ufeff\ufeffName,Content\n").columns == ("Name", "Content")


# Torn and short rows


def test_short_rows_are_counted_and_named():
    text = "Name,Content,Shortcut key\nHello,Good morning\nthank you for calling,hi\n"
    shown = ["line 2: has 2 of 3 cells", "line 3: has 2 of 3 cells"]
    assert doubts(text) == ({"short_rows": 2}, shown)
    assert doubts(text, sample=1) == ({"short_rows": 2}, shown[:1])
    assert mistakes(known(text), rules={"strict": True}) == shown


@pytest.mark.parametrize("row", ["Hello,Good morning,", 'Hello,Good morning,""', "Hello,Good morning, ", ",,", "", " "])
def test_a_row_with_all_its_cells_or_none_is_not_short(row):
    assert [each.doubts for each in known(f"Name,Content,Shortcut key\n{row}\nBye,So long,b\n").rows][-2:-1] in (
        [],
        [()],
    )


@pytest.mark.parametrize("end", ["Bye", "Bye,So long", '"Bye"', "Bye,So long\nThank"])
def test_a_short_last_row_without_a_line_end_is_a_file_that_is_being_written(end):
    error = refused(known(f"Name,Content,Shortcut key\nHello,Good morning\n{end}"))
    assert "is the file still being written?" in str(error)
    assert error.line == 3 + end.count("\n")


@pytest.mark.parametrize("end", ["Bye,So long,b", "Bye,So long,", ",", "Bye,So long\x1a", "Bye,So long\r\x1a", " "])
def test_a_last_row_that_is_complete_needs_no_line_end(end):
    assert cells(known(f"Name,Content,Shortcut key\nHello,Good morning\n{end}"))[0] == ["Hello", "Good morning", ""]


def test_the_last_row_is_the_one_that_has_no_line_end_and_no_other():
    assert len(cells(known("Name,Content,Shortcut key\nHello,Good morning\nBye,So long,b"))) == 2


@pytest.mark.parametrize("extra", [None, [None, ""], "", [" "]])
def test_nothing_under_no_column_is_nothing(extra):
    assert mistakes(read_rows([{"Name": "a", "Content": "b", None: extra}])) == []


@pytest.mark.parametrize("extra", [["how are you"], "how are you", ["", "how are you"], ("how are you", 7)])
@pytest.mark.parametrize("columns", ["fail", "ignore"])
def test_cells_under_no_column_are_never_dropped(extra, columns):
    """As ``csv.DictReader`` gives them, where a text was torn at a comma."""
    rows = [{"Name": "a", "Content": "Hello", None: extra}]
    (found,) = mistakes(read_rows(rows), rules={"extra_columns": columns})
    assert found.startswith('row 1: has cells that belong to no column: "how are you"')


def test_what_a_dict_reader_gives_is_what_a_file_gives():
    text = "Name,Content\nHello,Good morning, how are you\n"
    reader = csv.DictReader(io.StringIO(text))
    assert [row.surplus for row in read_rows(reader).rows] == [row.surplus for row in known(text).rows]


# Rows that two stray quotes swallow


@pytest.mark.parametrize(
    "text",
    [
        'Name,Content\nHello,"Good morning\nBye,So long\nThanks,You are welcome"\nSorry,Pardon\n',
        'Name,Content,Shortcut key\nHello,"Good morning,h\nBye,So long",b\n',
        'Name,Content,Shortcut key\nHello,"Good morning,h\nBye,So long,b\nThanks,You are welcome",t\n',
        'Name;Content;Shortcut key\r\nHello;"Good morning;h\r\nBye;So long;b\r\n\r\nThanks;You are welcome";t\r\n',
    ],
)
def test_rows_within_a_cell_are_a_mistake(text):
    (found,) = mistakes(known(text))
    assert found.startswith('line 2, column "Content", "Good morning')
    assert "look like rows of their own: is there a quote too many" in found


@pytest.mark.parametrize(
    "content",
    [
        "Dear customer,\n\nthank you for your order, which we have received.\n\nRegards, the team",
        "Monday, 9-17\nTuesday, 9-17\nWednesday, 9-17",
        "One\nTwo\nThree",
        "Hello,\nhow are you?",
        "\n",
        "Call 1,200,300\nor 1,200,301",
        "Prices:\n1,200 for one\nTwo, or more\n3,400 for all",
    ],
)
@pytest.mark.parametrize("header", ["Name,Content", "Name,Content,Shortcut key"])
def test_a_text_of_several_lines_is_a_text(content, header):
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header.split(","), ["Hello", f"x{content}", "h"][: header.count(",") + 1]])
    assert mistakes(known(out.getvalue())) == []


def test_a_cell_of_many_lines_is_counted_and_named():
    many, few = "\n".join(["a"] * (MANY_LINES + 1)), "\n".join(["a"] * MANY_LINES)
    text = f'Name,Content\nHello,"{many}"\nBye,"{few}"\nThanks,"See\nhere,now"\n'
    counts, shown = doubts(text)
    assert counts == {"cells_of_many_lines": 2}
    assert [each.partition(", column")[0] for each in shown] == ["line 2", f"line {4 + 2 * MANY_LINES - 1}"]
    assert len(mistakes(known(text), rules={"strict": True})) == 2


# Blanks around quotes


@pytest.mark.parametrize(
    ("row", "read"),
    [
        ('a, "text"', ["a", "text"]),
        ('a, "one, two"', ["a", "one, two"]),
        ('a,\t "one\ntwo, ""three"""', ["a", 'one\ntwo, "three"']),
        (' "a" , "text" ', ["a", "text"]),
        ('"a" ,"one\n "" ,two" ', ["a", 'one\n " ,two']),
        ('a, "so" he said', ["a", ' "so" he said']),
        ("a,  text ", ["a", "  text "]),
        ('a,"  ""text"" "', ["a", '  "text" ']),
        ('a,5" or 6" ', ["a", '5" or 6" ']),
        ('a,He said ""so"" , too', ["a", 'He said ""so"" ']),
    ],
)
def test_blanks_between_a_delimiter_and_a_quoted_cell_are_no_text(row, read):
    source = known(f'Name,Content\n{row}\n"x","y"\nz,"1\n2"\n')
    assert cells(source)[0] == read
    assert cells(known(f'Name,Content\nx,y\n"x","y"\n{row}\nz,"1\n2"\n'))[2:] == [read, ["z", "1\n2"]]


def test_a_header_may_have_blanks_before_its_quotes():
    assert known('Name, "Content"; and more", "Shortcut key"\n').columns[0] == "Name"
    assert known('"Name" ; "Content, ""all"""; "Language"\n').columns == ("Name", 'Content, "all"', "Language")


PROSE = st.text('ab ,;"\n', max_size=12)


@given(st.lists(st.tuples(PROSE, PROSE), min_size=1, max_size=4), st.data())
def test_blanks_around_quoted_cells_change_no_text(rows, data):
    blanks = st.text(" \t", max_size=2)
    lines = ["Name,Content"]
    for row in rows:
        quoted = ['"' + text.replace('"', '""') + '"' for text in row]
        lines.append(",".join(f"{data.draw(blanks)}{text}{data.draw(blanks)}" for text in quoted))
    assert cells(table("\n".join(lines) + "\n")) == [list(row) for row in rows]


# Delimiters


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ('"Name\n(max 40)";"Shortcut key";Content', ("Name\n(max 40)", "Shortcut key", "Content")),
        ("Name;Content;Notes (owner, team, date)", ("Name", "Content", "Notes (owner, team, date)")),
        ("Name|Content|Shortcut key, if any; else empty", ("Name", "Content", "Shortcut key, if any; else empty")),
        ("Name\tContent\tA,B,C,D,E", ("Name", "Content", "A,B,C,D,E")),
        ("Name,Content,a;b;c;d|e|f|g", ("Name", "Content", "a;b;c;d|e|f|g")),
        ('"Name (a, b, c)";"Content"', ("Name (a, b, c)", "Content")),
        ("Name", ("Name",)),
    ],
)
def test_the_delimiter_is_the_one_by_which_the_header_has_known_columns(header, columns):
    assert known(f"{header}\n").columns == columns


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("spelt", [True, False])
def test_a_delimiter_may_be_given(delimiter, spelt):
    given = {"\t": "tab"}.get(delimiter, delimiter) if spelt else delimiter
    assert known(f"Name,;|x{delimiter}y\n", delimiter=given).columns[-1] == "y"


def test_a_mapped_column_is_known():
    with validator(mapping={"Titel": "Name", "Antwort": "Content"}) as judge:
        source = read(io.BytesIO(b"Titel;Antwort;a,b,c,d,e\n"), knows=judge.knows)
    assert source.columns == ("Titel", "Antwort", "a,b,c,d,e")


def test_a_header_that_does_not_fit_says_what_it_was_read_as():
    with pytest.raises(TemplateMismatchError) as raised, prepared(known("Titel;Antwort, lang\n")):
        pass
    assert raised.value.message.endswith('. The header has, separated by semicolons: "Titel", "Antwort, lang"')


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;", "\ufeffsep=;"])
def test_the_line_that_tells_excel_the_delimiter_is_understood(line):
    source = known(f"{line}\r\nName;Content, all\r\nHello;Good morning\r\n\r\nBye\r\n")
    assert source.columns == ("Name", "Content, all")
    assert [(row.line, row.values["Name"]) for row in source.rows] == [(3, "Hello"), (5, "Bye")]


def test_lines_are_counted_also_behind_the_line_for_excel():
    assert refused(known('sep=,\nName,Content\na, "b"\nc,"d"e\n')).line == 4
    with pytest.raises(SourceFormatError, match="must be the header") as raised:
        known("sep=,\n\nName\n")
    assert raised.value.line == 2


# What a spreadsheet or a data frame leaves behind


def test_rows_of_nothing_are_not_torn():
    text = "Name,Content,Shortcut key\nHello,Good morning,h\n,,\n , ,\n,\n\x1a"
    assert {tuple(row.doubts) for row in known(text).rows} == {()}
    assert cells(known(text))[0] == ["Hello", "Good morning", "h"]


def test_empty_columns_and_cells_without_a_name_are_nothing():
    text = "Name,Content,, \nHello,Good morning,,\nBye,So long, ,,,\nThanks,You are welcome\n"
    assert known(text).columns == ("Name", "Content")
    assert mistakes(known(text), rules={"strict": True}) == []
    assert cells(known("Name,,Content\na,,b\n")) == [["a", "b"]]


def test_a_text_under_no_name_is_not_dropped():
    text = "Name,Content,,\nHello,Good morning, how are you,\n"
    assert mistakes(known(text), rules={"extra_columns": "ignore"}) == [
        'line 2: has cells that belong to no column: " how are you"'
    ]


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "Unnamed: 0.1"])
def test_the_index_of_a_data_frame_is_no_column(name):
    source = known(f"{name},Name,Content\n0,Hello,Good morning\n17,Bye,So long\n")
    assert source.columns == ("Name", "Content")
    assert cells(source) == [["Hello", "Good morning"], ["Bye", "So long"]]


@pytest.mark.parametrize("index", ["a", "1.5", "2026-01-01"])
def test_what_is_no_number_of_a_row_is_no_index(index):
    text = f",Name,Content\n{index},Hello,Good morning\n"
    assert mistakes(known(text)) == ['line 2: has columns that the template does not have: "(no name)"']
    with prepared(known(text), rules={"extra_columns": "ignore"}) as made:
        assert [row[0] for row in written(made)] == ["Hello"]


def test_a_column_that_nobody_needs_may_occur_twice():
    text = "Name,Notes,Content,Notes,Notes\nHello,a,Good morning,b,c\n"
    assert known(text).columns == ("Name", "Notes", "Content", "Notes (column 4)", "Notes (column 5)")
    with prepared(known(text), rules={"extra_columns": "ignore"}) as made:
        assert [row[:3] for row in written(made)] == [["Hello", "", "Good morning"]]
    with pytest.raises(TemplateMismatchError, match="does not have: "), prepared(known(text)):
        pass


@pytest.mark.parametrize("twice", ["Name,Content,Name", "Name,Content,Shortcut key,Shortcut key"])
def test_a_column_that_is_needed_may_not_occur_twice(twice):
    with pytest.raises(SourceFormatError, match="has a column twice"):
        known(f"{twice}\n")


# One row that never ends


@pytest.mark.parametrize(
    "text",
    [
        "Name,Content\n----,-------\na,x\n",
        "Name,Content\n---- ,  ---\na,x\n",
        "| Name | Content |\n|:-----|--------:|\n| a | x |\n",
        "Name,Content,Language\n----,-------,\na,x,\n",
    ],
)
def test_a_line_of_dashes_is_no_row(text):
    """As sqlcmd and Markdown draw it: it would be a quick response that is called so."""
    with prepared(table(text)) as made:
        assert [(mistake.line, mistake.what) for mistake in made.mistakes] == [
            (2, "is a line of dashes, as it is drawn below a header: delete it")
        ]
        assert [(row[0], row[2].strip()) for row in written(made)] == [("a", "x")]


def test_dashes_in_a_row_are_text():
    with prepared(table("Name,Content\n--,x\n---a,--\n-,-\n")) as made:
        assert [(row[0], row[2]) for row in written(made)] == [("--", "x"), ("---a", "--"), ("-", "-")]


@pytest.mark.parametrize("cell", ['"a\n",', '"a", "b\n",'])
def test_a_row_that_never_ends_is_refused_before_it_fills_the_memory(cell):
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size=-1):
            begin, self.given = self.given, self.given + size
            head = b"Name,Content\n" if begin == 0 else b""
            begin = max(0, begin - len(b"Name,Content\n")) % len(cell)
            return head + (cell * (size // len(cell) + 2)).encode()[begin : begin + size - len(head)]

    endless = Endless()
    error = refused(read(endless, format="csv"))
    assert "longer than 1,000,000 characters" in str(error)
    assert error.line == 2
    assert endless.given < 2_000_000


# What comes in comes out

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=8)


@given(
    st.lists(st.lists(TEXT, min_size=2, max_size=3), max_size=5),
    st.sampled_from(list(DELIMITERS)),
    st.sampled_from([("\r\n", csv.QUOTE_MINIMAL), ("\n", csv.QUOTE_ALL), ("\r", csv.QUOTE_ALL)]),
)
def test_rows_in_are_rows_out_with_any_delimiter(rows, delimiter, style):
    out, (end, quoting) = io.StringIO(newline=""), style
    # Behind a letter, a first cell is never a mark of joined files.
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(
        [["Name", "Content", "Shortcut key"], *([f"x{row[0]}", *row[1:]] for row in rows)]
    )
    source = list(known(out.getvalue()).rows)
    assert [list(row.values.values()) for row in source] == [
        [f"x{row[0]}", *row[1:], *[""] * (3 - len(row))] for row in rows
    ]
    sound = [(read, row) for read, row in zip(source, rows, strict=True) if not read.mistakes]
    assert all(("short_rows" in {doubt.kind for doubt in read.doubts}) is (len(row) < 3) for read, row in sound)
