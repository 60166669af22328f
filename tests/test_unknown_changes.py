"""What is known of each change of a sync, and what is not: not tried, refused, lost, or made and not read again."""

from __future__ import annotations

from contextlib import suppress

import pytest
from botocore.exceptions import EndpointConnectionError
from rigs.network import listening
from rigs.running import FakeTaskInstance, run

from airflow_wisdom.exceptions import SyncIncompleteError
from airflow_wisdom.operators import WisdomSyncQuickResponsesOperator

pytestmark = pytest.mark.usefixtures("virtual_time")

COLUMNS = ("rowsCreated", "rowsUpdated", "rowsFailed", "rowsUnknown", "itemsRemoved", "itemsFailed", "itemsUnknown")


@pytest.fixture
def sync(knowledge_base):
    """Syncs rows, and returns the numbers of the summary, whatever became of it."""

    def sync(rows, **how):
        ti = FakeTaskInstance()
        task = WisdomSyncQuickResponsesOperator(task_id="s", knowledge_base_id=knowledge_base, source=rows, **how)
        with suppress(SyncIncompleteError):
            run(task, ti=ti)
        return {name: ti.xcoms["return_value"][name] for name in COLUMNS if ti.xcoms["return_value"][name] != 0}

    return sync


def rows(count, **more):
    return [{"Name": f"n{number}", "Content": "x", **more} for number in range(count)]


def test_what_was_not_tried_has_failed(fake_wisdom, sync):
    """Each change has two steps, of which the first is done: the tag of who adopts it."""
    sync(rows(40))
    fake_wisdom.fault("UpdateQuickResponse", "AccessDeniedException", http_status=403, times=999)
    assert sync(rows(40, Description="d"), owner_tag="faq", adopt=True) == {"rowsFailed": 40}


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("UpdateQuickResponse", {"rowsFailed": 1, "itemsRemoved": 1}),
        ("DeleteQuickResponse", {"rowsUpdated": 1, "itemsFailed": 1}),
    ],
)
def test_what_was_refused_twice_has_failed(fake_wisdom, sync, operation, expected):
    sync(rows(2), owner_tag="f")
    fake_wisdom.fault(operation, "ConflictException", http_status=409, times=99)
    assert sync(rows(1, Description="d"), owner_tag="f", on_missing="delete") == expected


def test_what_was_made_and_not_read_again_is_unknown(fake_wisdom, sync):
    """One change waits for a shortcut key that another one frees."""
    keys = {"n0": "k1", "n1": "k9"}, {"n0": "k2", "n1": "k1"}
    before, after = (
        [{"Name": name, "Content": "x", "Shortcut key": key} for name, key in each.items()] for each in keys
    )
    sync(before)
    fake_wisdom.fault("GetQuickResponse", "AccessDeniedException", http_status=403, times=999)
    assert sync(after) == {"rowsUpdated": None, "rowsFailed": 1, "rowsUnknown": 1}


def test_the_last_line_counts_what_is_unknown_and_what_failed(fake_wisdom, sync, capsys):
    def lose(**_):
        raise EndpointConnectionError(endpoint_url="x")

    with listening("after-call.*.CreateQuickResponse", lose):
        sync(rows(1), timeout=60)
    sync(rows(2), owner_tag="f", adopt=True)
    fake_wisdom.fault("DeleteQuickResponse", "AccessDeniedException", http_status=403, times=99)
    sync(rows(1), owner_tag="f", on_missing="delete")
    said = [line for line in capsys.readouterr().out.splitlines() if "Synced the rows given: " in line]
    assert "given: 1 unknown" in said[0]
    assert "given: 1 unchanged, 1 failed" in said[-1]
