"""How moto learns of the service, and that the rest of moto does not suffer from it."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from wisdom_calls import client_of, names, start, status

from airflow_wisdom.testing import FakeWisdom, is_registered, register


def run_python(code):
    """Run in a process that has not registered anything yet, and read what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("missing", ["moto", "werkzeug"])
def test_the_server_says_what_to_install(missing):
    code = f"""
import sys
sys.modules["{missing}"] = None
from airflow_wisdom.testing.server import main
main(["--port", "0"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"The fake service needs {missing}")
    assert done.stderr.endswith(": pip install 'airflow-wisdom[testing]'\n")


def test_importing_the_package_is_cheap():
    """Neither moto, boto3, pytest nor Airflow is loaded by it."""
    code = """
import json, sys
import airflow_wisdom.testing
heavy = ("airflow", "boto3", "botocore", "moto", "pytest", "requests")
print(json.dumps([name for name in heavy if name in sys.modules]))
"""
    assert run_python(code) == []


def test_nothing_of_airflow_is_needed():
    """The service, its server and its fixtures run without Airflow."""
    code = """
import json, sys
import airflow_wisdom.testing.server, airflow_wisdom.testing.fixtures
airflow_wisdom.testing.register()
print(json.dumps("airflow" in sys.modules))
"""
    assert run_python(code) is False


def test_registering_from_many_threads():
    """Every thread can work at once, and the tables have one entry per URL."""
    code = """
import json
from concurrent.futures import ThreadPoolExecutor
from airflow_wisdom.testing import is_registered, register

before = is_registered()
with ThreadPoolExecutor(32) as pool:
    list(pool.map(lambda _: register(), range(64)))
import moto.wisdom.models
import airflow_wisdom.testing.wisdom.models as ours
from moto import backend_index
patterns = [pattern for service, pattern in backend_index.backend_url_patterns if service == "wisdom"]
print(json.dumps([before, is_registered(), len(patterns), moto.wisdom.models is ours]))
"""
    assert run_python(code) == [False, True, 2, True]


def test_registering_changes_nothing_of_motos():
    """Its own services keep their places, and none of its URLs leads to this one."""
    code = """
import json
from moto import backend_index
from airflow_wisdom.testing import register

before = list(backend_index.backend_url_patterns)
register()
ours = ["https://wisdom.us-east-1.amazonaws.com/x", "https://wisdom-content.us-east-1.amazonaws.com/x"]
taken = [[service for service, pattern in before if pattern.match(url)] for url in ours]
print(json.dumps([backend_index.backend_url_patterns[: len(before)] == before, taken]))
"""
    assert run_python(code) == [True, [[], []]]


def test_the_product_is_not_imported():
    """The fake could be given to moto as it is: of the package it imports its own room only."""
    code = """
import json, sys
import airflow_wisdom.testing.server, airflow_wisdom.testing.fixtures
airflow_wisdom.testing.register()
print(json.dumps(sorted(name for name in sys.modules if name.startswith("airflow_wisdom."))))
"""
    assert {name.split(".")[1] for name in run_python(code)} == {"testing"}


def test_registering_inside_of_the_mock():
    """The service works at once, its presigned URLs included."""
    code = """
import json, boto3, requests
from moto import mock_aws
from airflow_wisdom.testing import register

with mock_aws():
    register()
    client = boto3.client("wisdom", "us-east-1")
    kb = client.create_knowledge_base(name="k", knowledgeBaseType="QUICK_RESPONSES")["knowledgeBase"]
    up = client.start_content_upload(knowledgeBaseId=kb["knowledgeBaseId"], contentType="text/csv")
    put = requests.put(up["url"], data=b"x", headers=up["headersToInclude"])
    print(json.dumps([put.status_code, requests.get("https://wisdom.us-east-1.amazonaws.com/nothing").status_code]))
"""
    assert run_python(code) == [200, 501]


def test_the_handle_needs_the_mock():
    """Outside of it a client would call AWS, and switches would be lost."""
    fake = FakeWisdom()
    assert is_registered()
    for use in (fake.client, fake.calls):
        with pytest.raises(RuntimeError, match="mock_aws first"):
            use()


def test_a_bucket_called_wisdom_stays_s3s(fake):
    """Neither by path nor by host does the service take its requests, and S3 does not see the service's files."""
    register()
    start(client_of(fake), fake.create_knowledge_base())
    s3 = fake.client("s3")
    assert s3.list_buckets()["Buckets"] == []
    s3.create_bucket(Bucket="wisdom")
    s3.put_object(Bucket="wisdom", Key="control", Body=b"mine")
    assert s3.get_object(Bucket="wisdom", Key="control")["Body"].read() == b"mine"
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "wisdom", "Key": "control"})
    assert requests.get(url, timeout=5).content == b"mine"


@pytest.mark.parametrize("host", ["wisdom.s3.amazonaws.com", "wisdom.s3-us-west-2.amazonaws.com"])
def test_old_hosts_of_a_bucket_called_wisdom(fake_wisdom, host):
    """They look like the service's own."""
    fake_wisdom.client("s3").create_bucket(Bucket="wisdom")
    fake_wisdom.client("s3").put_object(Bucket="wisdom", Key="k", Body=b"mine", ACL="public-read")
    assert requests.get(f"https://{host}/k", timeout=5).content == b"mine"


def test_other_services_beside_it(fake):
    """STS and Secrets Manager answer as ever."""
    assert fake.client("sts").get_caller_identity()["Account"] == "123456789012"
    secrets = fake.client("secretsmanager")
    secrets.create_secret(Name="s", SecretString="v")
    assert secrets.get_secret_value(SecretId="s")["SecretString"] == "v"


def test_regions_and_accounts_are_apart(fake):
    """State and switches belong to one region of one account."""
    here = fake
    there = FakeWisdom(fake.endpoint_url, region_name="eu-west-2")
    theirs = FakeWisdom(fake.endpoint_url, account_id="000000000042")
    here.import_jobs(after_calls=9)
    kb = here.create_knowledge_base()
    assert status(client_of(here), kb, start(client_of(here), kb)) == "START_IN_PROGRESS"
    for other in (there, theirs):
        assert client_of(other).list_knowledge_bases()["knowledgeBaseSummaries"] == []
        kb = other.create_knowledge_base()
        assert status(client_of(other), kb, start(client_of(other), kb)) == "COMPLETE"
        arn = client_of(other).get_knowledge_base(knowledgeBaseId=kb)["knowledgeBase"]["knowledgeBaseArn"]
        assert arn == f"arn:aws:wisdom:{other.region_name}:{other.account_id}:knowledge-base/{kb}"


def test_a_region_that_the_model_does_not_list(fake):
    """The service may have come to a region after botocore was released."""
    client = client_of(fake, region_name="us-east-2")
    assert client.list_knowledge_bases()["knowledgeBaseSummaries"] == []


def test_many_threads_at_once(fake):
    """Each import happens once, and every look sees a state that exists."""
    client = client_of(fake)
    kb = fake.create_knowledge_base()
    fake.import_jobs(after_calls=8)
    job = start(client, kb)
    with ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(lambda _: status(client, kb, job), range(32)))
        made = list(pool.map(lambda n: start(client, kb, f"Name,Content\nn{n},c\n".encode()), range(16)))
    assert (seen.count("START_IN_PROGRESS"), seen.count("COMPLETE")) == (8, 24)
    for one in made:
        fake.set_status(one, "COMPLETE")
    assert sorted(names(client, kb)) == sorted(["hi", *(f"n{n}" for n in range(16))])
