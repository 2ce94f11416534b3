"""How to refuse a request: a status, a message, and a reason for the metrics."""

import json
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import Response

# For statuses with a single reason.
_REASONS = {
    400: "malformed",
    401: "no_token",
    404: "not_found",
    405: "wrong_method",
    408: "slow_body",
    413: "too_large",
    415: "compressed",
    421: "foreign_host",
    422: "unreadable",
    500: "failed",
    503: "too_late",
}


class Refused(HTTPException):
    """Refuses a request. reason: the label in /metrics; by default that of the status."""

    def __init__(
        self,
        status: int,
        message: str,
        headers: Mapping[str, str] | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(status, message, headers)
        self.reason = reason or default_reason(status)


def default_reason(status: int) -> str:
    """The reason for a status that was raised without one."""
    return _REASONS.get(status, "other")


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error in the Open Inference Protocol's format."""
    return Response(json.dumps({"error": message}), status, headers, "application/json")
