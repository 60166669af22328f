"""Whatever is sent, the fake neither raises nor answers 500: it refuses."""

import inspect
import json

import pytest
import requests
from botocore import xform_name
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wisdom_calls import NO_ID, client_of, start

from airflow_wisdom.testing import FakeWisdom, register
from airflow_wisdom.testing.server import running

register()

from moto.core.utils import get_service_model  # noqa: E402 - after register
from moto.wisdom.connect import InstanceResponse  # noqa: E402
from moto.wisdom.responses import WisdomResponse  # noqa: E402

MANY = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
OPERATIONS = [
    (service, get_service_model(service).operation_model(name))
    for service, handler in (("qconnect", WisdomResponse), ("connect", InstanceResponse))
    for name in get_service_model(service).operation_names
    if xform_name(name) in vars(handler)
]
QUERIES = [
    "",
    "?maxResults=x",
    "?maxResults=-1",
    "?maxResults=" + "9" * 5000,
    "?maxResults=1&maxResults=y",
    "?nextToken=x",
    "?nextToken=YWZ0ZXI6MQ==",
    "?%FF=%FF",
    "?Action=x",
    "?tagKeys=",
    "?integrationType=x",
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def fake():
    """A server of its own, which the tests of this file may leave in any state."""
    with running() as url:
        yield FakeWisdom(url)


@pytest.fixture
def kb(fake):
    fake.reset()
    return fake.create_knowledge_base()


def sent(fake, method, path, body=b"", headers=None, service="wisdom"):
    """Send a signed request, and give the answer, which must never be 500."""
    request = AWSRequest(method, fake.endpoint_url + path, data=body, headers=headers or {})
    SigV4Auth(Credentials("testing", "testing"), service, "us-east-1").add_auth(request)
    prepared = requests.Request(method, request.url, data=body, headers=dict(request.headers)).prepare()
    prepared.url = fake.endpoint_url + path
    answer = requests.Session().send(prepared, timeout=10)
    assert answer.status_code != 500, answer.text
    return answer


def code(answer):
    return answer.status_code, answer.headers.get("x-amzn-ErrorType") or answer.json().get("__type")


def valid(shape):
    """Values of the declared types, mostly of a length that the rules allow."""
    kind = shape.type_name
    if kind == "structure":
        members = {name: valid(member) for name, member in shape.members.items()}
        return st.fixed_dictionaries({}, optional=members)
    if kind == "list":
        return st.lists(valid(shape.member), max_size=3)
    if kind == "map":
        return st.dictionaries(st.text(max_size=5), valid(shape.value), max_size=3)
    if kind == "boolean":
        return st.booleans()
    if kind in ("integer", "long"):
        return st.integers(-5, 200)
    known = st.sampled_from([*shape.enum, "Chat", "name", "QUICK_RESPONSES", "text/csv", NO_ID, "a"])
    return known | st.text(max_size=10)


def nearly_valid(shape):
    """Now and then something else altogether, at any depth."""
    if shape.type_name != "structure":
        return valid(shape) | ANYTHING
    members = {name: valid(member) | ANYTHING for name, member in shape.members.items()}
    return st.fixed_dictionaries({}, optional=members)


def path_of(draw, model, kb):
    """The path of an operation, with good and with odd ids."""
    ids = st.sampled_from([kb, NO_ID, "x", "%00", "%F0%9F%98%80", "arn%3Aaws%3Awisdom%3Aa%2Fb"])
    path = model.http["requestUri"].partition("?")[0]
    for member in model.input_shape.members.values():
        if member.serialization.get("location") == "uri":
            path = path.replace("{%s}" % member.serialization["name"], draw(ids))  # noqa: UP031 - braces are meant
    return path


@pytest.mark.parametrize(("service", "model"), OPERATIONS, ids=[model.name for _, model in OPERATIONS])
@MANY
@given(data=st.data())
def test_bodies_and_queries_of_any_kind(fake, kb, service, model, data):
    """Nearly valid, of wrong types, or no JSON at all."""
    path = path_of(data.draw, model, kb)
    query = data.draw(st.sampled_from(QUERIES))
    body = data.draw(nearly_valid(model.input_shape).map(json.dumps) | ANYTHING.map(json.dumps) | st.text())
    signed_for = "connect" if service == "connect" else "wisdom"
    answer = sent(fake, model.http["method"], path + query, body.encode(errors="surrogatepass"), service=signed_for)
    assert answer.status_code < 502


NO_JSON = [b"{", b"\xff\xfe", b"[" * 100_000, b"1", b"null", b'"text"', b"[]", b'{"name": NaN, "content": Infinity}']


@pytest.mark.parametrize("body", NO_JSON, ids=[body[:9] for body in NO_JSON])
def test_bodies_that_are_no_json_objects(fake, kb, body):
    """They are refused before a rule is looked at."""
    answer = sent(fake, "POST", f"/knowledgeBases/{kb}/quickResponses", body)
    assert code(answer) == (400, "SerializationException")


WRONG = [
    {"name": 1, "content": {"content": "c"}},
    {"name": "n", "content": "c"},
    {"name": "n", "content": {"content": ["c"]}},
    {"name": "n", "content": {"content": "c"}, "channels": {"Chat": "Chat"}},
    {"name": "n", "content": {"content": "c"}, "channels": [None]},
    {"name": "n", "content": {"content": "c"}, "tags": ["a"]},
    {"name": "n", "content": {"content": "c"}, "tags": {"a": None}},
    {"name": "n", "content": {"content": "c"}, "isActive": "yes"},
    {"name": "n", "content": {"content": "c"}, "isActive": 1},
]


@pytest.mark.parametrize("body", WRONG, ids=json.dumps)
def test_members_of_another_type(fake, kb, body):
    """A number for text, a list for a map, a null in a list: AWS cannot read it."""
    answer = sent(fake, "POST", f"/knowledgeBases/{kb}/quickResponses", json.dumps(body).encode())
    assert code(answer) == (400, "SerializationException")


@pytest.mark.parametrize("body", [*NO_JSON, *(json.dumps(body).encode() for body in WRONG)], ids=lambda body: body[:60])
def test_the_same_in_process(fake_wisdom, body):
    """There an error of the fake would come up in the client's own code."""
    kb = fake_wisdom.create_knowledge_base()
    url = f"https://wisdom.us-east-1.amazonaws.com/knowledgeBases/{kb}/quickResponses"
    assert code(requests.post(url, data=body, timeout=5)) == (400, "SerializationException")


def test_true_is_no_number(fake, kb):
    """Though Python has it for 1."""
    body = b'{"contentType": "text/csv", "presignedUrlTimeToLive": true}'
    assert code(sent(fake, "POST", f"/knowledgeBases/{kb}/upload", body)) == (400, "SerializationException")


def test_the_body_does_not_overrule_the_path(fake, kb):
    """A member of the path that stands in the body is nobody's."""
    body = json.dumps({"knowledgeBaseId": NO_ID, "name": "n", "content": {"content": "c"}}).encode()
    answer = sent(fake, "POST", f"/knowledgeBases/{kb}/quickResponses", body)
    assert answer.json()["quickResponse"]["knowledgeBaseId"] == kb


def test_a_null_is_an_absent_member(fake, kb):
    """So a required one is missing, which is against a rule."""
    answer = sent(fake, "POST", f"/knowledgeBases/{kb}/quickResponses", b'{"name": null, "content": {"content": "c"}}')
    assert code(answer) == (400, "ValidationException")


@pytest.mark.parametrize(
    ("size", "error"),
    [
        ("x", "SerializationException"),
        ("1.5", "SerializationException"),
        ("9" * 5000, "SerializationException"),
        ("-1", "ValidationException"),
        ("0", "ValidationException"),
        ("9" * 30, "ValidationException"),
    ],
    ids=["text", "fraction", "5000 digits", "negative", "zero", "30 digits"],
)
def test_page_sizes(fake, kb, size, error):
    """A number is needed, and one from 1 to 100."""
    assert code(sent(fake, "GET", f"/knowledgeBases/{kb}/importJobs?maxResults={size}")) == (400, error)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/x-amz-json-1.1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"X-Amz-Target": "Wisdom.CreateKnowledgeBase"},
        {"Action": "CreateKnowledgeBase"},
        {"User-Agent": "region/mars-north-1"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "body", [b"key=a", b'--x\r\nContent-Disposition: form-data; name="key"; filename="f"\r\n\r\na\r\n--x--']
)
def test_headers_that_mislead(fake, kb, headers, body):
    """None of them chooses an operation, or another way to read the body."""
    for path in (f"/knowledgeBases/{kb}/quickResponses", "/nothing", "/?Action=ListKnowledgeBases"):
        assert sent(fake, "POST", path, body, headers).status_code in {400, 404, 501}


# Presigned URLs


@pytest.fixture
def signed(fake, kb):
    up = client_of(fake).start_content_upload(knowledgeBaseId=kb, contentType="text/csv")
    return up["url"]


NUMBERS = ["", "x", "-1", "0", "1.5", "1e9", "9" * 12, "9" * 400, "9" * 5000, "%00", "٣"]
DATES = ["", "x", "99999999T999999Z", "00010101T000000Z", "99991231T235959Z", "-0010101T000000Z", "9" * 5000]


@pytest.mark.parametrize(
    ("name", "value"),
    [*(("X-Amz-Expires", value) for value in NUMBERS), *(("X-Amz-Date", value) for value in DATES)],
    ids=lambda value: value[:12],
)
def test_times_in_a_presigned_url(signed, name, value):
    """Whatever they say, the URL is another than the one that was signed."""
    parts = [f"{name}={value}" if part.startswith(f"{name}=") else part for part in signed.split("&")]
    answer = requests.put("&".join(parts), data=b"x", headers={"Content-Type": "text/csv"}, timeout=5)
    assert answer.status_code == 403
    assert b"<Code>" in answer.content


@MANY
@given(data=st.data())
def test_any_part_of_a_presigned_url(signed, data):
    """Left out, or something else: S3 refuses it."""
    base, query = signed.split("?")
    parts = query.split("&")
    index = data.draw(st.integers(0, len(parts) - 1))
    name = parts[index].partition("=")[0]
    value = data.draw(st.text(st.characters(codec="utf-8", exclude_characters="&#"), max_size=20))
    parts[index] = data.draw(st.sampled_from([f"{name}={requests.utils.quote(value)}", value, ""]))
    answer = requests.put(f"{base}?{'&'.join(parts)}", data=b"x", headers={"Content-Type": "text/csv"}, timeout=5)
    assert answer.status_code in {200, 403}


@pytest.mark.parametrize(
    "path",
    ["/wisdom_us-east-1/", "/wisdom_us-east-1/x", "/wisdom_mars/1/2", "/wisdom_us-east-1/%00/%FF"],
)
def test_paths_that_lead_nowhere(fake, path):
    """Neither do they lead to an error of the server."""
    for method in ("PUT", "GET", "POST", "DELETE"):
        assert requests.request(method, fake.endpoint_url + path, data=b"", timeout=5).status_code in {403, 404, 501}


# Switches

CONTROL = "/moto-api/wisdom/control"
GOOD = {"account_id": "123456789012", "region": "us-east-1", "switch": "calls", "arguments": {}}


def steered(fake, body):
    answer = requests.post(fake.endpoint_url + CONTROL, data=body, timeout=5)
    assert answer.status_code in {200, 400}, answer.text
    return answer


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"null",
        b"[" * 100_000,
        *(json.dumps({name: value for name, value in GOOD.items() if name != one}).encode() for one in GOOD),
        *(json.dumps({**GOOD, one: 1}).encode() for one in GOOD),
        json.dumps({**GOOD, "region": "mars-north-1"}).encode(),
        json.dumps({**GOOD, "switch": "gravity"}).encode(),
        json.dumps({**GOOD, "arguments": {"tps": 1}}).encode(),
        json.dumps({**GOOD, "more": 1}).encode(),
    ],
    ids=lambda body: body[:120],
)
def test_control_requests_that_make_no_sense(fake, body):
    """They are refused with a reason."""
    answer = steered(fake, body)
    assert answer.status_code == 400
    assert answer.json()["message"]


def switches():
    from moto.wisdom.models import WisdomBackend

    backend = WisdomBackend("us-east-1", "123456789012")
    own = ["add_samples", "age_import_job", "create_instance", "edit_by_hand", "quick_responses", "set_status"]
    return [*backend.switches.verbs, *backend.book.verbs, "set_quick_response_status", *own]


def arguments_of(switch):
    from moto.wisdom.models import WisdomBackend

    backend = WisdomBackend("us-east-1", "123456789012")
    for owner in (backend, backend.switches, backend.book):
        if hasattr(owner, switch):
            return list(inspect.signature(getattr(owner, switch)).parameters)
    return []


def odd(name):
    """A likely value of this argument, or anything."""
    likely = {
        "operation": ["GetImportJob", "PutObject", "*", "Nothing"],
        "status": ["FAILED", "", "COMPLETE", "Ünïcode"],
        "code": ["AccessDeniedException", "a\r\nb: c", "ü", ""],
        "seconds": [0.0, 0.001],
        "url": ["http://127.0.0.1:1/", ""],
        "quick_response_id": [NO_ID],
        "import_job_id": [NO_ID],
    }.get(name, [1, "a"])
    slow = name in {"seconds", "after_seconds"}
    return st.sampled_from(likely) | (st.just("x") | st.none() if slow else ANYTHING)


@pytest.mark.parametrize("switch", sorted(set(switches())))
@settings(MANY, max_examples=15)
@given(data=st.data())
def test_arguments_of_any_kind(fake, switch, data):
    """A switch takes them or refuses them, and what it took does not break the service."""
    names = [name for name in arguments_of(switch) if name != "limits"]
    arguments = data.draw(st.fixed_dictionaries({}, optional={name: odd(name) for name in names}))
    if switch == "quotas":
        arguments = data.draw(st.dictionaries(st.sampled_from(["tags", "contents", "import_rows", "x"]), ANYTHING))
    steered(fake, json.dumps({**GOOD, "switch": switch, "arguments": arguments}).encode(errors="surrogatepass"))
    client = client_of(fake, checked=False)
    try:
        kb = client.create_knowledge_base(name="fuzzed", knowledgeBaseType="QUICK_RESPONSES")["knowledgeBase"]
        job = start(client, kb["knowledgeBaseId"])
        client.get_import_job(knowledgeBaseId=kb["knowledgeBaseId"], importJobId=job)
    except Exception as error:  # noqa: BLE001 - whatever the switch asked for, but for an accident
        status = getattr(error, "response", None)
        assert not isinstance(status, dict) or status["ResponseMetadata"]["HTTPStatusCode"] != 500 or switch == "fault"
    finally:
        fake.reset()
