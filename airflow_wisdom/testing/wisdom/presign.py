"""Presigned URLs of the bucket that the service owns.

moto's S3 takes a presigned URL for granted. Real S3 compares the signature, and with it the path, the expiry
and every signed header. An upload that works only against a lenient fake is worth nothing, so here it is checked.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, quote, urlsplit

from botocore.auth import SIGV4_TIMESTAMP, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .exceptions import RawError

TOKEN = "X-Amz-Security-Token"
# All that `presign` is ever asked to sign. Any number of other names can stand in a URL, each of which would be work.
SIGNED_HEADERS = frozenset({"host", "content-type"})


def presign(
    method: str,
    url: str,
    region: str,
    lifetime: timedelta,
    *,
    headers: Mapping[str, str] | None = None,
    mark: str | None = None,
) -> str:
    """Sign `url` for one method; the `headers` have to be sent as they are signed.

    A `mark` stands in the URL as the token of temporary credentials, and the signature begins with it.
    """
    request = AWSRequest(method=method, url=url, headers=dict(headers or {}))
    _signer(region, int(lifetime.total_seconds()), mark).add_auth(request)
    return str(request.url).replace("X-Amz-Signature=", f"X-Amz-Signature={mark or ''}")


def verify(method: str, url: str, headers: Mapping[str, str]) -> None:
    """Raise S3's error unless `url` is one that `presign` made for this very request."""
    try:
        query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        signature = query.pop("X-Amz-Signature")
        lifetime = int(query["X-Amz-Expires"])
        expiry = _signed_at(query["X-Amz-Date"]) + timedelta(seconds=lifetime)
        expected = _signature(method, url, query, headers)
    except (KeyError, IndexError, ValueError, OverflowError):
        raise RawError("AccessDenied", "Access Denied", 403) from None
    # The token is signed itself, so no other mark can be put in its place.
    if signature != query.get(TOKEN, "") + expected:
        raise RawError("SignatureDoesNotMatch", SIGNATURE_DOES_NOT_MATCH, 403)
    if datetime.now(timezone.utc) > expiry:
        raise expired(lifetime, expiry)


SIGNATURE_DOES_NOT_MATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)


def expired(lifetime: int, expiry: datetime) -> RawError:
    return RawError(
        "AccessDenied",
        "Request has expired",
        403,
        **{
            "X-Amz-Expires": str(lifetime),
            "Expires": expiry.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "ServerTime": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
    )


def _signer(region: str, expires: int, token: str | None = None) -> S3SigV4QueryAuth:
    credentials = Credentials("AKIAWISDOMSERVICE001", "wisdom-service-secret", token)
    return S3SigV4QueryAuth(credentials, "s3", region, expires=expires)


def _signed_at(timestamp: str) -> datetime:
    return datetime.strptime(timestamp, SIGV4_TIMESTAMP).replace(tzinfo=timezone.utc)


def _signature(method: str, url: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The signature that the URL without its own signature deserves."""
    split = urlsplit(url)
    canonical = "&".join(
        sorted(f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}" for key, value in query.items())
    )
    signed = set(query["X-Amz-SignedHeaders"].split(";"))
    if not signed <= SIGNED_HEADERS:
        raise ValueError("a header that nobody signs")
    request = AWSRequest(
        method=method,
        url=f"{split.scheme}://{split.netloc}{split.path}?{canonical}",
        headers={name: headers.get(name, "") for name in signed - {"host"}},
    )
    request.context["timestamp"] = query["X-Amz-Date"]
    region = query["X-Amz-Credential"].split("/")[2]
    signer = _signer(region, int(query["X-Amz-Expires"]))
    canonical_request = signer.canonical_request(request)
    return str(signer.signature(signer.string_to_sign(request, canonical_request), request))
