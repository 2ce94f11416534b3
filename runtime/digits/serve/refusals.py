"""How to refuse a request: a status, a message, and a reason for the metrics."""

import json
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from digits.errors import ModelError
from digits.terminal import print_stderr


class Refused(HTTPException):
    """Refuses a request. reason: the label in /metrics, by default the status."""

    def __init__(
        self,
        status: int,
        message: str,
        headers: Mapping[str, str] | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(status, message, headers)
        self.reason = reason


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as JSON: {"error": message}."""
    return Response(json.dumps({"error": message}), status, headers, "application/json")


async def _refuse(request: Request, error: Exception) -> Response:
    """Answer what was refused, here or by Starlette."""
    assert isinstance(error, HTTPException)
    request.scope["digits.refusal"] = getattr(error, "reason", "")
    return error_response(error.status_code, error.detail, error.headers)


async def _answer_model_error(request: Request, error: Exception) -> Response:
    """Log the message, which names a file; the client needn't know where it is."""
    print_stderr(f"error: {error} (request {request.scope['digits.id']})")
    return error_response(500, "the model failed; see the server's log")


async def _answer_bug(_: Request, error: Exception) -> Response:
    """A bug: uvicorn prints the traceback to stderr; the client doesn't get it."""
    return error_response(500, "internal error; see the server's log")


HANDLERS: dict[int | type[Exception], ExceptionHandler] = {
    HTTPException: _refuse,
    ModelError: _answer_model_error,
    Exception: _answer_bug,
}
