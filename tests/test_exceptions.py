"""The exception tree: fields that survive every way an exception travels, and secrets that do not."""

from __future__ import annotations

import copy
import inspect
import json
import pickle

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_wisdom import exceptions
from airflow_wisdom.exceptions import ImportJobFailedError, WisdomError, from_dict, wisdom_error_of
from airflow_wisdom.redaction import redact

NUMBERS = {"http_status", "elapsed", "max_bytes", "line", "rows_read", "rows_invalid"}
LISTS = {"problems"}
SIGNED = "https://bucket/key?X-Amz-Credential=me&X-Amz-Signature=abc123"


def classes():
    everything = vars(exceptions).values()
    return [kind for kind in everything if inspect.isclass(kind) and issubclass(kind, WisdomError)]


def fields(kind):
    """A value of its own for every field of an exception class."""
    names = []
    for base in kind.__mro__:
        if issubclass(base, WisdomError):
            parameters = inspect.signature(base.__init__).parameters.values()
            names += [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    where = {"where": {"knowledge_base_id": "kb", "import_job_id": "job"}}
    lists = {name: [f"one of the {name}"] for name in names if name in LISTS}
    return {name: f"the {name}" for name in names} | {"message": "What happened"} | numbers(names) | lists | where


def numbers(names):
    return {name: 400 + i for i, name in enumerate(names) if name in NUMBERS}


@pytest.mark.parametrize("kind", classes())
def test_an_exception_keeps_its_fields_wherever_it_goes(kind):
    made = kind(**fields(kind))
    ways = [
        pickle.loads(pickle.dumps(made)),
        copy.copy(made),
        from_dict(json.loads(json.dumps(made.to_dict()))),
    ]
    for again in ways:
        assert type(again) is kind
        assert vars(again) == fields(kind)
        assert str(again) == str(made)


@pytest.mark.parametrize("kind", classes())
def test_none_is_an_airflow_exception(kind):
    """Airflow skips a sensor with soft_fail on any AirflowException."""
    assert not issubclass(kind, AirflowException)


def test_the_docstring_draws_the_tree():
    drawn = exceptions.__doc__
    assert all(kind.__name__ in drawn for kind in classes())


def test_only_weather_is_transient():
    transient = {kind.__name__ for kind in classes() if kind.transient}
    assert transient == {"ServiceUnavailableError", "ThrottlingError", "EndpointError"}


def test_another_try_does_not_help_where_the_data_are_at_fault():
    vain = {kind.__name__ for kind in classes() if not kind.retryable}
    assert vain == {
        "ClientTokenUsedError",
        "FailedRecordsError",
        "InvalidRowsError",
        "PlanChangedError",
        "SourceFormatError",
        "TemplateMismatchError",
        "UnsafePlanError",
        "UploadTooLargeError",
    }


def test_a_note_does_not_hinder_travel():
    made = WisdomError("What happened")
    made.__notes__ = ["seen while testing"]
    assert vars(pickle.loads(pickle.dumps(made))) == {
        "message": "What happened",
        "where": {},
    }


def test_an_unknown_type_of_a_newer_version_is_still_an_error():
    assert type(from_dict({"type": "FutureError", "message": "m"})) is WisdomError
    assert type(from_dict({"type": "redact", "message": "m"})) is WisdomError


def test_a_field_of_another_version_is_no_obstacle():
    known = WisdomError("m").to_dict()
    assert str(from_dict({**known, "severity": 3})) == "m"


@pytest.mark.parametrize(
    "secret",
    [
        r'{"url": "https://b/k?a=1\u0026X-Amz-Credential=me\u0026X-Amz-Signature=abc123"}',
        "https%3A%2F%2Fb%2Fk%3FX-Amz-Signature%3Dabc123",
        "https://d1.cloudfront.net/k?Expires=1&Signature=abc123&Key-Pair-Id=x",
        "https://b.s3.amazonaws.com/k?AWSAccessKeyId=x&Signature=abc123",
        "https://b/k?x-amz-signature=abc123",
    ],
)
def test_no_form_of_a_signature_survives(secret):
    assert "abc123" not in redact(secret)


def test_a_signature_in_a_row_does_not_survive():
    mistake = {"line": 3, "column": "Content", "value": SIGNED, "reason": "is wrong"}
    made = exceptions.InvalidRowsError(
        "m", rows_read=9, rows_invalid=1, mistakes=[mistake], invalid_rows_path=f"s3{SIGNED}"
    )
    assert made.mistakes[0]["line"] == 3
    assert "abc123" not in json.dumps(made.to_dict())
    mismatch = exceptions.TemplateMismatchError("m", missing=[], unknown=[SIGNED])
    assert "abc123" not in json.dumps(mismatch.to_dict())


def test_presigned_urls_are_redacted():
    assert redact(f"PUT {SIGNED} failed, see {SIGNED}.") == (
        "PUT https://bucket/key?<redacted> failed, see https://bucket/key?<redacted>"
    )
    assert redact("https://docs/page?chapter=3") == "https://docs/page?chapter=3"
    assert "abc123" not in repr(WisdomError(f"PUT {SIGNED} failed"))


@pytest.mark.parametrize("kind", classes())
def test_a_message_to_people_says_everything_in_two_parts(kind):
    made = kind(**fields(kind))
    assert made.headline == f"{kind.__name__}: What happened"
    told = " ".join([made.headline, *(f"{label} {value}" for label, value in made.summary_fields().items())])
    words = str(made).replace("(", "").replace(")", "").replace(",", "").replace(":", "")
    assert [word for word in words.split() if word not in told] == []


def test_what_is_unknown_is_not_in_a_message():
    assert WisdomError("What happened").summary_fields() == {}


def test_a_headline_fits_into_a_subject():
    long = WisdomError(f"It happened\nat {SIGNED} " + "again " * 100).headline
    assert len(long) <= 100
    assert long.startswith("WisdomError: It happened at https://bucket/key?<redacted> again")
    assert long.endswith(" ...")


def test_the_reason_is_found_behind_an_exception_of_airflow():
    reason = ImportJobFailedError("What happened", status="FAILED")
    outer = AirflowException("The task failed")
    outer.__cause__ = RuntimeError("in between")
    outer.__cause__.__cause__ = reason
    assert wisdom_error_of(outer) is wisdom_error_of(reason) is reason


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (None, "The task failed, and Airflow does not say why"),
        (f"Killed while at {SIGNED}", "Killed while at https://bucket/key?<redacted>"),
        (ValueError(SIGNED), "https://bucket/key?<redacted>"),
    ],
)
def test_of_any_other_failure_the_text_is_kept(what, expected):
    assert str(wisdom_error_of(what)) == expected
