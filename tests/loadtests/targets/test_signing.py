"""AWS signatures: Amazon's own example, and botocore's answers."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from loadtests.targets.rendering import Renderer, signed
from loadtests.targets.signing import Signer, canonical_request
from loadtests.targets.target import at, shipped

EXAMPLE = Signer("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "iam")
NOTHING = hashlib.sha256(b"").hexdigest()
NOW_S = datetime(2026, 11, 22, 3, 45, tzinfo=UTC).timestamp()


def test_amazons_published_example_is_signed_as_published() -> None:
    """ "Authenticating requests (AWS Signature Version 4)": IAM ListUsers, 30 August 2015."""
    headers = {
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        "host": "iam.amazonaws.com",
        "x-amz-date": "20150830T123600Z",
    }
    request = canonical_request("GET", "/?Action=ListUsers&Version=2010-05-08", headers, NOTHING)
    assert hashlib.sha256(request.encode()).hexdigest() == (
        "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    )
    assert EXAMPLE.signature(request, "20150830T123600Z") == (
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )


@pytest.mark.parametrize(
    ("target", "token"),
    [
        ("/v2/email/outbound-emails", ""),
        ("/v2/email/outbound-emails", "session/token=="),
        ("/v2/email/identities/a%40example.com?b=2&a=1&a=0&c", ""),
        ("/", ""),
    ],
)
def test_what_botocore_signs_has_the_same_signature(target: str, token: str, monkeypatch) -> None:
    auth = pytest.importorskip("botocore.auth", reason="botocore is not installed: pip install boto3")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    moment = datetime.fromtimestamp(NOW_S, UTC)
    if hasattr(auth, "get_current_datetime"):
        monkeypatch.setattr(auth, "get_current_datetime", lambda **_: moment.replace(tzinfo=None))
    headers = {"Host": "email.us-east-1.amazonaws.com", "Content-Type": "application/json"}
    body = b'{"FromEmailAddress":"a@example.com"}'
    theirs = AWSRequest("POST", f"https://{headers['Host']}{target}", headers, body)
    auth.SigV4Auth(Credentials("AKID", "secret", token or None), "ses", "us-east-1").add_auth(theirs)
    ours = Signer("AKID", "secret", "us-east-1", "ses", token).headers("POST", target, headers, body, NOW_S)
    assert ours["X-Amz-Date"] == theirs.headers["X-Amz-Date"]
    assert ours["Authorization"] == theirs.headers["Authorization"]


def test_every_request_is_signed_anew_over_its_own_body() -> None:
    target = at(shipped("ses"), "http://127.0.0.1:8025")
    secrets = {"PEAKDAY_ACCOUNT": "AKID", "PEAKDAY_API_KEY": "secret"}
    renderer = Renderer(target, secrets, now_s=lambda: NOW_S)
    first, second = (renderer.render(n, 20, "email", "c") for n in (0, 20))
    assert first.split(b"Signature=")[1][:64] != second.split(b"Signature=")[1][:64]
    head, _, body = first.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"X-Amz-Date: 20261122T034500Z" in head


def test_a_signature_stands_before_the_bodys_length_and_changes_nothing_else() -> None:
    request = b"POST /a?b=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
    done = signed(request, EXAMPLE, NOW_S)
    lines = done.split(b"\r\n")
    assert lines[0] == b"POST /a?b=1 HTTP/1.1"
    assert lines[-3:] == [b"Content-Length: 2", b"", b"hi"]
