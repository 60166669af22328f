"""The header row that AWS expects, from a list or from AWS's own file."""

from __future__ import annotations

from typing import get_args

import pytest

from airflow_wisdom.exceptions import SourceFormatError, TemplateMismatchError
from airflow_wisdom.rows import DEFAULT_TEMPLATE, ImportTemplate
from airflow_wisdom.rows.template import FIELDS, LABELS, Field
from airflow_wisdom.testing.wisdom.imports import HEADER


def test_the_default_template_is_what_the_fake_service_assumes():
    assert list(LABELS.items()) == list(HEADER.items())
    assert DEFAULT_TEMPLATE.columns == tuple(HEADER)
    assert DEFAULT_TEMPLATE.fields == HEADER
    assert DEFAULT_TEMPLATE.required == {"Name", "Content"}


@pytest.mark.parametrize(
    "label",
    ["Name<*Required field>", "Name <*Required field>", "  Name  < * REQUIRED  FIELD > ", "Name<*required>"],
)
def test_a_mark_makes_a_label_required_and_is_no_part_of_it(label):
    template = ImportTemplate.of([label, "Folder", "Team <*Required field>"])
    assert template.columns == ("Name", "Folder", "Team")
    assert template.required == {"Name", "Team"}


@pytest.mark.parametrize("label", ["SHORTCUT KEY", "Shortcut  key", "shortcutKey", "shortcut_key", "Shortcut-Key"])
def test_a_label_means_its_field_in_any_spelling(label):
    assert ImportTemplate.of([label]).fields == {label: "shortcutKey"}


def test_labels_of_unknown_meaning_are_no_fields():
    assert ImportTemplate.of(["Titel", "Ordner"], fields={"Titel": "name"}).fields == {"Titel": "name"}


def test_what_means_name_or_content_is_required_without_a_mark():
    assert ImportTemplate.of(["Titel", "Text"], fields={"Titel": "name", "Text": "content"}).required == {
        "Titel",
        "Text",
    }


def test_a_label_that_is_told_its_meaning_takes_it_from_the_one_that_is_named_so():
    assert ImportTemplate.of(["Name", "Titel"], fields={"Titel": "name"}).fields == {"Titel": "name"}


@pytest.mark.parametrize(
    ("columns", "fields", "message"),
    [
        ([], None, "no columns"),
        (["Name", " "], None, "Column 2 of the template has no label"),
        (["Name", "Name <*Required field>"], None, 'a label twice: "Name"'),
        (["Name"], {"Titel": "name"}, '"Titel"'),
        (["Name"], {"Name": "title"}, '"title"'),
        (["A", "B"], {"A": "name", "B": "name"}, "same field"),
    ],
)
def test_what_is_no_template_is_told(columns, fields, message):
    with pytest.raises(TemplateMismatchError, match=message):
        ImportTemplate.of(columns, fields=fields)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_file_of_the_admin_site_is_a_template(separator):
    data = separator.join(["Name<*Required field>", "Content<*Required field>", "Routing Profile"])
    template = ImportTemplate.from_csv(f"\ufeff{data}\r\nAn example{separator}of a row".encode())
    assert template.columns == ("Name", "Content", "Routing Profile")
    assert template.fields["Routing Profile"] == "routingProfiles"


def test_a_file_that_is_no_csv_is_no_template():
    with pytest.raises(SourceFormatError, match="not encoded in UTF-8"):
        ImportTemplate.from_csv("Größe".encode("cp1252"))


def test_type_checkers_know_the_fields():
    assert set(get_args(Field)) == FIELDS
