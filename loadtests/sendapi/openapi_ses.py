"""POST /v2/email/outbound-emails and /v2/email/outbound-bulk-emails, described."""

from __future__ import annotations

from loadtests.sendapi.complaints import EMAIL
from loadtests.sendapi.complaints_ses import RECIPIENTS_MAX
from loadtests.sendapi.formats_ses import BULK, SINGLE
from loadtests.sendapi.schemas import FILLED, TEXT, Json, many, nullable, record, refused, said

CREDENTIALS = None
"""OpenAPI has no security scheme for AWS signatures: AWS's own extension says so, and a 403."""
_MOMENT: Json = {
    "name": "X-Amz-Date",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "pattern": "^[0-9]{8}T[0-9]{6}Z$"},
}
_ADDRESS: Json = {"type": "string", "pattern": f"^{EMAIL.replace('++', '+')}$", "maxLength": 320}
_TOGETHER = {"description": f"all three together name {RECIPIENTS_MAX} at most"}
_KINDS = ("ToAddresses", "CcAddresses", "BccAddresses")
_DESTINATION = (
    record({}, {kind: nullable(many(_ADDRESS, 0, RECIPIENTS_MAX)) for kind in _KINDS})
    | {"anyOf": [record({kind: many(_ADDRESS, 1, RECIPIENTS_MAX)}) for kind in _KINDS]}
    | _TOGETHER
)
_TAGS = nullable(many(record({"Name": FILLED, "Value": FILLED})))
_TEMPLATES: Json = {
    "TemplateName": FILLED,
    "TemplateArn": FILLED,
    "TemplateContent": {"type": "object", "minProperties": 1},
}
_TEMPLATE = record({}, _TEMPLATES | {"TemplateData": TEXT}) | {
    "anyOf": [{"required": [name]} for name in _TEMPLATES]
}
_SIMPLE = record({"Subject": record({"Data": TEXT}), "Body": record({}, {})})
_CONTENT = record({}, {"Simple": _SIMPLE, "Raw": record({"Data": FILLED}), "Template": _TEMPLATE}) | {
    "anyOf": [{"required": [kind]} for kind in ("Simple", "Raw", "Template")]
}
_MAIL = record(
    {"FromEmailAddress": _ADDRESS, "Destination": _DESTINATION, "Content": _CONTENT}, {"EmailTags": _TAGS}
)
_TOLD: Json = {"description": "as in SendEmail; a bad one is told in the entry's result"}
_ENTRY = record({}, {"Destination": _TOLD, "ReplacementTags": _TAGS})
_BULK = record(
    {
        "FromEmailAddress": _ADDRESS,
        "DefaultContent": record({"Template": _TEMPLATE}),
        "BulkEmailEntries": many(_ENTRY, 1, RECIPIENTS_MAX),
    },
    {"DefaultEmailTags": _TAGS},
)
_RESULT = record(
    {"Status": {"enum": ["SUCCESS", "INVALID_PARAMETER"]}},
    {"MessageId": FILLED, "Error": FILLED},
    closed=True,
)
_ERROR = record({"message": FILLED}, closed=True)
_HEADERS: Json = {"x-amzn-RequestId": {"required": True, "schema": FILLED}}
_ERROR_HEADERS: Json = _HEADERS | {"x-amzn-ErrorType": {"required": True, "schema": FILLED}}


def operations() -> Json:
    """Single and bulk."""
    return {
        SINGLE: _operation(
            "ses_send_email", "SendEmail: one message", _MAIL, record({"MessageId": FILLED}, closed=True)
        ),
        BULK: _operation(
            "ses_send_bulk_email",
            "SendBulkEmail: one message an entry, each told of by itself",
            _BULK,
            record({"BulkEmailEntryResults": many(_RESULT, 1)}, closed=True),
        ),
    }


def _operation(name: str, summary: str, body: Json, answer: Json) -> Json:
    statuses = (400, 403, 405, 413, 415, 422, 429, 500, 503)
    return {
        "operationId": name,
        "summary": f"Amazon SES v2 {summary}",
        "description": "Signed with AWS Signature Version 4, in the headers.",
        "x-amazon-apigateway-authtype": "awsSigv4",
        "parameters": [_MOMENT],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": said("On disk", answer, _HEADERS),
            **refused(_ERROR, *statuses, headers=dict.fromkeys(statuses, _ERROR_HEADERS)),
        },
    }
