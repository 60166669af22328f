"""Texts that were read in a wrong encoding before they came here: sent, counted and named, or invalid."""

from __future__ import annotations

import pytest
from rigs.imports import importing
from rigs.running import run
from test_rows_placeholders import prepared, read_rows

from airflow_wisdom.exceptions import InvalidRowsError
from airflow_wisdom.operators import WisdomSyncQuickResponsesOperator
from airflow_wisdom.rows.garbled import problem

pytestmark = pytest.mark.usefixtures("no_patience")

SOUND = [
    "Grüße, Straße, Öl, ÄÖÜ",
    "Déjà vu : « ça va ? » — c'est 20 °C, élève, À bientôt…",
    "„Ä“, „Ö“, CAFÉ” É…",
    "NÃO, AMANHÃ, IRMÃ… ROMÂNIA",
    "São João — informação, café à la carte",
    "¿Qué tal? ¡Olé! Ñandú",
    "お客様 ありがとう",
    "您好 안녕하세요 🙂",
]


@pytest.mark.parametrize("text", SOUND)
def test_a_text_is_as_it_was_meant(text):
    assert problem(text) is None


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize(
    "text", ["Grüße", "ÄÖÜ", "café", "São", "20 °C", "it\u2019s", "a \u2013 b", "\u201cquoted", "🙂", "お客様"]
)
def test_utf_8_read_as_something_else_is_noticed(text, encoding):
    # Windows-1252 has five bytes without a character, which readers leave as they are.
    garbled = "".join(bytes([byte]).decode(encoding, "ignore") or chr(byte) for byte in text.encode())
    assert problem(garbled).startswith('has "')


def test_a_lost_character_is_noticed():
    assert "was lost" in problem("Gr\ufffd\ufffde")


def test_each_free_text_is_looked_at():
    rows = [{"Name": "GrÃ¼n", "Content": "Gr\ufffdn", "Description": "itâ€™s", "Shortcut key": "Ã¼"}]
    with prepared(read_rows(rows)) as made:
        assert made.doubts.counts == {"garbled_texts": 4}
        assert {each.column for each in made.doubts.first} == set(rows[0])
        assert made.rows_valid == 1


@pytest.mark.parametrize("kind", [importing, None])
def test_a_run_counts_and_names_them_or_is_strict(fake_wisdom, knowledge_base, caplog, kind):
    rows = [{"Name": "A", "Content": "GrÃ¼ÃŸe"}, {"Name": "B", "Content": "Grüße"}]

    def task(**how):
        if kind:
            return kind(knowledge_base, rows, **how)
        return WisdomSyncQuickResponsesOperator(task_id="t", knowledge_base_id=knowledge_base, source=rows, **how)

    with pytest.raises(InvalidRowsError, match="1 of 2 rows"):
        run(task(strict=True))
    summary = run(task())
    assert (summary["garbledTexts"], [row["line"] for row in summary["doubtfulRows"]]) == (1, [1])
    assert '"GrÃ¼ÃŸe": has "Ã¼"' in caplog.text
