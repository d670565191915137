"""Answers of the service, as documented and as they go wrong."""

from __future__ import annotations

import json

from aivideo_async.models import Fault, FaultKind

TASK_ID = "397ce9f2-c04e-4244-ac33-3af19a7cc297"
ACCEPTED = b'{"code":200,"msg":"success","data":{"taskId":"%s"}}' % TASK_ID.encode()
HTML = b"<html><h1>Bad Gateway</h1></html>"

REFUSED = Fault(FaultKind.CONNECT, "connection refused")
CERTIFICATE = Fault(FaultKind.CERTIFICATE, "self-signed")
UNCLEAN = Fault(FaultKind.UNCLEAN)
BROKEN = Fault(FaultKind.BROKEN, "connection reset by peer")
TIMEOUT = Fault(FaultKind.TIMEOUT, "no answer within 60 s")
TOO_LARGE = Fault(FaultKind.TOO_LARGE)
CANCELLED = Fault(FaultKind.CANCELLED)
FAULTS = (REFUSED, CERTIFICATE, UNCLEAN, BROKEN, TIMEOUT, TOO_LARGE, CANCELLED)

# Status, code and type of the service's own error reference.
DOCUMENTED = (
    (400, "invalid_request", "invalid_request_error"),
    (401, "invalid_api_key", "authentication_error"),
    (402, "insufficient_credits", "billing_error"),
    (403, "ip_not_allowed", "permission_error"),
    (404, "model_not_found", "invalid_request_error"),
    (404, "task_not_found", "invalid_request_error"),
    (429, "rate_limit_exceeded", "rate_limit_error"),
    (429, "spend_limit_exceeded", "billing_error"),
    (500, "internal_error", "api_error"),
    (503, "upstream_error", "upstream_error"),
)


def envelope(code: str, kind: str = "api_error", message: str = "No.") -> bytes:
    """Write the documented body of a refusal."""
    return json.dumps(
        {"error": {"code": code, "message": message, "type": kind}}
    ).encode()
