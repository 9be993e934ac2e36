"""The official SDKs, unmodified but for the host, against the reference send API over real sockets.

They see what the real providers would give: acceptances, every bad field, 401s, 429s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.server import Running, start

KEY = "SG.key"
ACCOUNT = "AC" + "0" * 32


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with start(Knobs(queue="sqlite", key=KEY), tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An API whose queue is full after three messages, for good."""
    knobs = Knobs(queue="sqlite", key=KEY, queue_bound=3, limit_per_s=0.001)
    with start(knobs, tmp_path_factory.mktemp("full")) as running:
        yield running


def sdk(name: str) -> Any:
    return pytest.importorskip(
        name, reason=f"the official SDK {name} is not installed: pip install -e '.[dev]'"
    )


def gained(running: Running, before: int, eventually: Any) -> int:
    assert eventually(lambda: running.health().backlog == 0)
    return running.health().received - before


class TestSendGrid:
    def client(self, base_url: str, key: str = KEY) -> Any:
        return sdk("sendgrid").SendGridAPIClient(key, host=base_url)

    def mail(self, people: int) -> Any:
        helpers = sdk("sendgrid.helpers.mail")
        mail = helpers.Mail(from_email="season@example.com", subject="Peak", plain_text_content="now")
        for n in range(people):
            person = helpers.Personalization()
            person.add_to(helpers.To(f"c{n}@example.com"))
            person.add_custom_arg(helpers.CustomArg("peakday_id", f"sg-{people}-{n}"))
            mail.add_personalization(person)
        return mail

    @pytest.mark.parametrize("people", [1, 1000])
    def test_a_mail_and_a_batch_of_a_thousand_are_accepted(
        self, api: Running, people: int, eventually: Any
    ) -> None:
        client, before = self.client(api.base_url), api.health().received
        response = client.send(self.mail(people))
        assert response.status_code == 202
        assert response.headers["X-Message-Id"]
        assert gained(api, before, eventually) == people

    def test_every_bad_field_is_named_as_the_sdk_knows_it(self, api: Running) -> None:
        errors = sdk("python_http_client.exceptions")
        mail = self.mail(2).get()
        mail["personalizations"][1]["to"][0]["email"] = "nobody"
        del mail["content"]
        with pytest.raises(errors.BadRequestsError) as refused:
            self.client(api.base_url).client.mail.send.post(request_body=mail)
        fields = [error["field"] for error in refused.value.to_dict["errors"]]
        assert fields == ["personalizations.1.to.0.email", "content"]

    def test_a_wrong_key_and_a_full_queue_raise_what_the_sdk_has_for_them(
        self, api: Running, full: Running
    ) -> None:
        errors = sdk("python_http_client.exceptions")
        with pytest.raises(errors.UnauthorizedError):
            self.client(api.base_url, "SG.other").send(self.mail(1))
        with pytest.raises(errors.TooManyRequestsError) as limited:
            self.client(full.base_url).send(self.mail(4))
        assert limited.value.headers["Retry-After"] == "1"
        assert limited.value.headers["X-RateLimit-Remaining"] == "0"
        assert int(limited.value.headers["X-RateLimit-Reset"]) > 1_700_000_000
        assert limited.value.to_dict["errors"][0]["message"] == "too many requests"


class TestTwilio:
    def client(self, base_url: str, token: str = KEY) -> Any:
        http = sdk("twilio.http.http_client").TwilioHttpClient

        class Here(http):  # type: ignore[misc, valid-type] # the SDK's own seam for a host
            def request(self, method: str, url: str, *arguments: Any, **options: Any) -> Any:
                return super().request(
                    method, url.replace("https://api.twilio.com", base_url), *arguments, **options
                )

        return sdk("twilio.rest").Client(ACCOUNT, token, http_client=Here())

    def test_a_message_is_queued_and_comes_back_as_a_resource(self, api: Running, eventually: Any) -> None:
        before = api.health().received
        message = self.client(api.base_url).messages.create(
            to="+999000000000001", from_="+15005550006", body="now"
        )
        assert (message.status, message.to, message.body) == ("queued", "+999000000000001", "now")
        assert message.sid.startswith("SM")
        assert len(message.sid) == 34
        assert message.date_created.year >= 2026
        assert message.account_sid == ACCOUNT
        assert gained(api, before, eventually) == 1

    @pytest.mark.torture
    def test_a_thousand_messages_over_one_session_have_a_thousand_sids(
        self, api: Running, eventually: Any
    ) -> None:
        client, before = self.client(api.base_url), api.health().received
        sids = {
            client.messages.create(to=f"+99900000{n:07d}", from_="+15005550006", body="now").sid
            for n in range(1000)
        }
        assert len(sids) == 1000
        assert gained(api, before, eventually) == 1000

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"to": "nobody"}, 21211),
            ({"to": ""}, 21604),
            ({"from_": ""}, 21603),
            ({"from_": "+0"}, 21212),
            ({"body": ""}, 21602),
            ({"body": "x" * 1601}, 21617),
        ],
    )
    def test_the_first_bad_field_is_named_by_its_number(self, api: Running, changes: Any, code: int) -> None:
        wrong = sdk("twilio.base.exceptions").TwilioRestException
        with pytest.raises(wrong) as refused:
            self.client(api.base_url).messages.create(
                **{"to": "+999000000000001", "from_": "+15005550006", "body": "b"} | changes
            )
        assert (refused.value.status, refused.value.code) == (400, code)

    def test_a_wrong_token_and_a_full_queue_are_20003_and_20429(self, api: Running, full: Running) -> None:
        wrong = sdk("twilio.base.exceptions").TwilioRestException
        good = {"to": "whatsapp:+999000000000001", "from_": "whatsapp:+15005550006", "body": "b"}
        with pytest.raises(wrong) as refused:
            self.client(api.base_url, "other").messages.create(**good)
        assert (refused.value.status, refused.value.code) == (401, 20003)
        client = self.client(full.base_url)
        with pytest.raises(wrong) as limited:
            [client.messages.create(**good) for _ in range(6)]
        assert (limited.value.status, limited.value.code) == (429, 20429)


class TestSes:
    def client(self, base_url: str, secret: str = KEY) -> Any:
        config = sdk("botocore.config").Config(retries={"max_attempts": 1, "mode": "standard"})
        keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": secret}
        session = sdk("boto3").session.Session(**keys, region_name="eu-west-1")
        return session.client("sesv2", endpoint_url=base_url, config=config)

    def mail(self, **changes: Any) -> Any:
        return {
            "FromEmailAddress": "Peak season <season@example.com>",
            "Destination": {"ToAddresses": ["c@example.com"]},
            "Content": {"Simple": {"Subject": {"Data": "Peak"}, "Body": {"Text": {"Data": "now"}}}},
        } | changes

    def bulk(self, *addresses: str) -> Any:
        return {
            "FromEmailAddress": "season@example.com",
            "DefaultContent": {"Template": {"TemplateName": "peak", "TemplateData": "{}"}},
            "BulkEmailEntries": [{"Destination": {"ToAddresses": [address]}} for address in addresses],
        }

    def test_a_signed_mail_is_accepted(self, api: Running, eventually: Any) -> None:
        client, before = self.client(api.base_url), api.health().received
        assert client.send_email(**self.mail())["MessageId"].startswith("0100")
        assert gained(api, before, eventually) == 1

    def test_a_bulk_of_fifty_is_told_of_one_by_one_and_bad_entries_are_left_out(
        self, api: Running, eventually: Any
    ) -> None:
        client, before = self.client(api.base_url), api.health().received
        addresses = [f"c{n}@example.com" for n in range(48)]
        results = client.send_bulk_email(**self.bulk(*addresses, "nobody", "d@example.com"))[
            "BulkEmailEntryResults"
        ]
        assert [result["Status"] for result in results] == ["SUCCESS"] * 48 + ["INVALID_PARAMETER", "SUCCESS"]
        assert len({result["MessageId"] for result in results if "MessageId" in result}) == 49
        assert gained(api, before, eventually) == 49

    @pytest.mark.parametrize(
        "content",
        [
            {"Raw": {"Data": b"From: season@example.com\r\n\r\nnow"}},
            {"Template": {"TemplateName": "peak", "TemplateData": "{}"}},
            {"Template": {"TemplateContent": {"Subject": "Peak", "Text": "now"}}},
        ],
    )
    def test_raw_and_templated_mails_are_accepted(self, api: Running, content: Any) -> None:
        sent = self.client(api.base_url).send_email(
            **self.mail(Content=content, EmailTags=[{"Name": "campaign", "Value": "peak"}])
        )
        assert sent["MessageId"]

    def test_a_batch_of_a_thousand_goes_in_twenty_bulks(self, api: Running, eventually: Any) -> None:
        client, before = self.client(api.base_url), api.health().received
        ids = set()
        for first in range(0, 1000, 50):
            bulk = self.bulk(*(f"c{n}@example.com" for n in range(first, first + 50)))
            ids |= {result["MessageId"] for result in client.send_bulk_email(**bulk)["BulkEmailEntryResults"]}
        assert len(ids) == 1000
        assert gained(api, before, eventually) == 1000

    def test_every_bad_field_is_in_one_bad_request(self, api: Running) -> None:
        client = self.client(api.base_url)
        with pytest.raises(client.exceptions.BadRequestException) as refused:
            client.send_email(**self.mail(FromEmailAddress="x", Destination={"ToAddresses": ["y"]}))
        assert "2 validation errors detected" in str(refused.value)
        assert "fromEmailAddress" in str(refused.value)
        assert "destination" in str(refused.value)
        with pytest.raises(client.exceptions.BadRequestException, match="at most 50 destinations"):
            client.send_bulk_email(**self.bulk(*["c@example.com"] * 51))

    def test_a_wrong_secret_and_a_full_queue_raise_what_the_sdk_has_for_them(
        self, api: Running, full: Running
    ) -> None:
        client = self.client(api.base_url, "other")
        with pytest.raises(sdk("botocore.exceptions").ClientError) as refused:
            client.send_email(**self.mail())
        assert refused.value.response["Error"]["Code"] == "InvalidSignatureException"
        client = self.client(full.base_url)
        with pytest.raises(client.exceptions.TooManyRequestsException) as limited:
            client.send_bulk_email(**self.bulk(*["c@example.com"] * 4))
        assert limited.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert limited.value.response["ResponseMetadata"]["RequestId"]


class TestPostmark:
    def client(self, base_url: str, token: str = KEY) -> Any:
        return sdk("postmark.sync").ServerClient(token, retries=0, base_url=base_url)

    def mail(self, number: int, **changes: Any) -> Any:
        return {
            "sender": "Peak season <season@example.com>",
            "to": f"c{number}@example.com",
            "subject": "Peak",
            "text_body": "now",
            "metadata": {"peakday_id": str(number)},
        } | changes

    def test_a_message_is_accepted_with_an_id_and_its_recipient(self, api: Running, eventually: Any) -> None:
        before = api.health().received
        with self.client(api.base_url) as client:
            told = client.outbound.send(self.mail(1, cc="d@example.com, E <e@example.com>", tag="peak"))
        assert (told.success, told.to, told.message) == (True, "c1@example.com", "OK")
        assert told.submitted_at.year >= 2026
        assert len(told.message_id) == 36
        assert gained(api, before, eventually) == 1

    def test_a_batch_of_a_thousand_goes_in_two_requests_of_five_hundred(
        self, api: Running, eventually: Any
    ) -> None:
        before = api.health().received
        with self.client(api.base_url) as client:
            told = [
                result
                for first in (0, 500)
                for result in client.outbound.send_batch([self.mail(first + n) for n in range(500)])
            ]
        assert [result.to for result in told] == [f"c{n}@example.com" for n in range(1000)]
        assert len({result.message_id for result in told}) == 1000
        assert gained(api, before, eventually) == 1000

    def test_a_bad_message_a_wrong_token_and_a_full_queue_raise_what_the_sdk_has_for_them(
        self, api: Running, full: Running
    ) -> None:
        errors = sdk("postmark.exceptions")
        with self.client(api.base_url) as client:
            with pytest.raises(errors.ValidationException, match="Provide either email") as invalid:
                client.outbound.send(self.mail(1, text_body=""))
            assert (invalid.value.http_status, invalid.value.error_code) == (422, 300)
        with self.client(api.base_url, "other") as client:
            with pytest.raises(errors.InvalidAPIKeyException) as refused:
                client.outbound.send(self.mail(1))
            assert (refused.value.http_status, refused.value.error_code) == (401, 10)
        with self.client(full.base_url) as client:
            with pytest.raises(errors.RateLimitException) as limited:
                client.outbound.send_batch([self.mail(n) for n in range(4)])
            assert (limited.value.http_status, limited.value.error_code) == (429, 429)

    def test_what_is_wrong_in_a_batch_is_told_in_its_place_and_the_rest_is_taken(
        self, api: Running, client_of: Any, eventually: Any
    ) -> None:
        """By plain HTTP: the SDK cannot read a result without an id, which is what Postmark gives."""
        before = api.health().received
        good = {"From": "season@example.com", "To": "c@example.com", "TextBody": "now"}
        headers = {"x-postmark-server-token": KEY, "content-type": "application/json"}
        body = json.dumps([good, good | {"To": "nobody"}, good | {"Bcc": "x"}, good]).encode()
        reply = client_of(api).ask("POST", "/email/batch", body, headers)
        assert reply.status == 200
        assert [result["ErrorCode"] for result in json.loads(reply.body)] == [0, 300, 300, 0]
        assert gained(api, before, eventually) == 2


class TestBraze:
    """There is no official SDK for sending: plain HTTP."""

    def post(self, client: Any, document: Any, **changes: str) -> Any:
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"} | changes
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        reply = client.ask("POST", "/messages/send", body, headers)
        return reply.status, json.loads(reply.body), reply.headers

    def mail(self, users: int, **changes: Any) -> Any:
        message = {"app_id": "a", "from": "S <season@example.com>", "subject": "s", "body": "b"}
        return {"external_user_ids": [str(n) for n in range(users)], "messages": {"email": message}} | changes

    def test_each_user_gets_a_message_on_each_channel(
        self, api: Running, client_of: Any, eventually: Any
    ) -> None:
        before = api.health().received
        document = self.mail(50)
        document["messages"] |= {"apple_push": {"alert": "a"}, "android_push": {"alert": "a", "title": "t"}}
        status, said, _ = self.post(client_of(api), document)
        assert (status, said["message"]) == (201, "success")
        assert len(said["dispatch_id"]) == 32
        assert gained(api, before, eventually) == 100

    def test_every_bad_field_is_named(self, api: Running, client_of: Any) -> None:
        document = self.mail(51, messages={"email": {"body": "b"}, "fax": {}}, campaign_id=3)
        status, said, _ = self.post(client_of(api), document)
        assert status == 400
        assert [error.split("'")[1] for error in said["errors"]] == [
            "external_user_ids", "campaign_id", "messages.email.app_id", "messages.email.from",
            "messages.email.subject", "messages.fax",
        ]  # fmt: skip

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"messages":{}}', b"\xff"])
    def test_what_is_no_message_is_a_bad_request(self, api: Running, client_of: Any, body: bytes) -> None:
        assert self.post(client_of(api), body)[0] == 400

    def test_keys_kinds_and_a_full_queue_are_refused(
        self, api: Running, full: Running, client_of: Any
    ) -> None:
        assert self.post(client_of(api), self.mail(1), authorization="Bearer no")[0] == 401
        assert self.post(client_of(api), self.mail(1), **{"content-type": "text/plain"})[0] == 415
        status, said, headers = self.post(client_of(full), self.mail(4))
        assert (status, said["message"]) == (429, "too many requests")
        assert headers["x-ratelimit-remaining"] == "0"
        assert headers["x-ratelimit-limit"] == "250000"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", "code"),
        ("/messages/send", "message"),
        ("/v2/email/outbound-emails", "message"),
        ("/email/batch", "Message"),
    ],
)
def test_other_methods_are_refused_in_the_providers_own_words(
    api: Running, client_of: Any, path: str, name: str
) -> None:
    reply = client_of(api).ask("PUT", path)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert name in json.loads(reply.body)


@pytest.mark.parametrize("format_name", ["sendgrid", "twilio", "ses", "postmark"])
def test_what_the_shipped_formats_send_is_taken(
    api: Running, format_name: str, monkeypatch: Any, tmp_path: Path
) -> None:
    from loadtests.targets.probing import probe
    from loadtests.targets.target import at, shipped

    monkeypatch.setenv("PEAKDAY_API_KEY", KEY)
    target = at(shipped(format_name), api.base_url)
    for operation in target.operations:
        found = probe(target, [], operation=operation.name)
        assert found.reply == "accepted", found
        assert found.message_id or operation.name == "bulk"


def test_what_the_shipped_braze_format_sends_is_taken_on_every_channel(
    api: Running, monkeypatch: Any
) -> None:
    from loadtests.targets.probing import probe
    from loadtests.targets.target import at, shipped

    monkeypatch.setenv("PEAKDAY_API_KEY", KEY)
    target = at(shipped("braze"), api.base_url)
    for operation in target.operations[:4]:
        assert probe(target, [], operation=operation.name).reply == "accepted"
