"""A task that fails says why in an XCom, for those who read no log."""

from __future__ import annotations

import pytest
from rigs.imports import importing
from rigs.running import FakeTaskInstance, run

from airflow_wisdom.exceptions import InvalidRowsError, ParameterError, TaskEndedError, UploadError
from airflow_wisdom.runs.summary import LONGEST_ERROR, VERSION, error_of
from airflow_wisdom.tasks import guarded

INVALID = [{"Name": "A name", "Content": ""}]
URL = "https://bucket.s3.amazonaws.com/key?X-Amz-Signature=secret"


def pushed(task, error=InvalidRowsError):
    """What a task that fails says of that."""
    ti = FakeTaskInstance()
    with pytest.raises(error):
        run(task, ti=ti)
    return ti.xcoms.get("wisdom_error")


def test_the_cause_is_pushed_beside_the_summary_and_without_one(fake_wisdom, knowledge_base):
    said = pushed(importing(knowledge_base, INVALID))
    assert (said["type"], said["summaryVersion"]) == ("InvalidRowsError", VERSION)
    assert "is required, but empty" in said["message"]
    said = pushed(importing(knowledge_base, INVALID, max_active_jobs="many"), ParameterError)
    assert said["message"].startswith("max_active_jobs must be")


def test_without_samples_no_text_is_pushed(fake_wisdom, knowledge_base, monkeypatch):
    nothing = {"summaryVersion": VERSION, "type": "InvalidRowsError", "message": None}
    assert pushed(importing(knowledge_base, INVALID, sample_size=0)) == nothing
    monkeypatch.setenv("AIRFLOW__WISDOM__SAMPLE_SIZE", "0")
    assert pushed(importing(knowledge_base, INVALID)) == nothing
    # Where not even that number can be read, nobody knows what may be seen.
    said = pushed(importing(knowledge_base, INVALID, sample_size="a few"), ParameterError)
    assert said["message"] is None


def test_without_xcom_no_error_is_pushed(fake_wisdom, knowledge_base):
    assert pushed(importing(knowledge_base, INVALID, do_xcom_push=False)) is None


def test_what_fails_is_the_task_and_not_its_xcom(fake_wisdom, knowledge_base, monkeypatch):
    def refuse(key, value):
        raise RuntimeError(f"The XCom {key} cannot be stored")

    ti = FakeTaskInstance()
    push = ti.xcom_push
    monkeypatch.setattr(ti, "xcom_push", lambda key, value: (refuse if key == "wisdom_error" else push)(key, value))
    with pytest.raises(InvalidRowsError):
        run(importing(knowledge_base, INVALID), ti=ti)


def test_a_try_that_is_over_says_nothing_of_the_next(fake_wisdom, knowledge_base):
    class Ended(type(importing(knowledge_base))):
        @guarded
        def execute(self, context):
            raise TaskEndedError("Another try has begun")

    ti = FakeTaskInstance()
    with pytest.raises(TaskEndedError):
        Ended(task_id="t", knowledge_base_id=knowledge_base, source=[]).execute({"ti": ti})
    assert ti.xcoms == {}


def test_a_message_is_cut_and_has_no_presigned_url():
    message = error_of(UploadError(f"PUT {URL} failed: {'x' * 1000}"))["message"]
    assert "secret" not in message
    assert len(message) == LONGEST_ERROR + len(" ...")
