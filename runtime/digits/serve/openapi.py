"""The API's description, as OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.0.

The types come from `schemas`; this module describes the endpoints.
"""

from typing import Any, NamedTuple

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from digits import __version__
from digits.images.formats import FORMATS
from digits.serve import schemas
from digits.serve.limits import Limits

Json = dict[str, Any]

_TAGS = {
    "pictures": "Pictures in, digits out.",
    "tensors": "The Open Inference Protocol (KServe's V2): 28x28 pixels in, probabilities out.",
    "server": "Health, metadata and metrics.",
}
# What a status means, and an example of its message.
_REFUSALS = {
    400: ("The request is malformed.", "the form is broken: it ends too early"),
    401: ("The token is missing or wrong.", "a token is required: Authorization: Bearer TOKEN"),
    404: ("The model does not exist.", "the only model is lenet5, version 1"),
    408: ("The request didn't arrive in time.", "the request didn't arrive in time"),
    413: ("The request, the batch or the picture is too large.", "at most 256 digits are read"),
    415: ("The request is compressed.", "compressed requests are not read"),
    421: ("The host is not allowed.", "this host is not allowed; see --allowed-hosts"),
    422: (
        "The request is well-formed, but not a readable picture or tensor.",
        "the form has no file",
    ),
    429: ("The queue is full; try again.", "too many pictures are waiting"),
    500: ("The model failed; see the server's log.", "the model failed; see the server's log"),
    503: ("The answer took too much time or memory.", "the picture takes too much time"),
}
_WORK = (400, 408, 413, 415, 422, 429, 500, 503)  # statuses of every endpoint that reads something


class _Operation(NamedTuple):
    """A method of a path. answer: a type from `schemas`, or None for text."""

    path: str
    name: str
    tag: str
    summary: str
    answer: Any
    failures: tuple[int, ...] = ()
    more: Json | None = None


def schema(model: str, version: str, limits: Limits, token: bool) -> Json:
    """Build the document.

    model, version: the model's, in its paths. token: whether requests need one.
    """
    paths: Json = {}
    for operation in (*_pictures(limits), *_tensors(), *_server()):
        path = paths.setdefault(operation.path, _parameters(operation.path, model, version))
        method = "post" if operation.more else "get"
        path[method] = _operation_schema(operation, token)
    components: Json = {"schemas": _schemas()}
    if token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "digits",
            "version": __version__,
            "description": "Reads handwritten digits: pictures at /predict and /read, 28x28 pixels"
            " at /v2, in the Open Inference Protocol.",
        },
        "servers": [{"url": "/", "description": "This server."}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": components,
    }


def _pictures(limits: Limits) -> list[_Operation]:
    file = {"type": "string", "format": "binary"}
    form = {"type": "object", "properties": {"file": file}, "required": ["file"]}
    frame = {
        "name": "frame",
        "in": "query",
        "description": "Whether to include the 28x28 pixels that the network saw.",
        "schema": {"type": "boolean", "default": False},
    }
    more = {
        "parameters": [frame],
        "requestBody": {
            "required": True,
            "description": f"A picture ({', '.join(FORMATS)}) of at most"
            f" {limits.max_picture_bytes:,} bytes and {limits.max_pixels:,} pixels, or a form with"
            " one.",
            "content": {
                "application/octet-stream": {"schema": file},
                "multipart/form-data": {"schema": form},
            },
        },
    }
    one, all_ = "Read the one digit of a picture.", "Read all the symbols of a picture."
    return [
        _Operation("/predict", "predict", "pictures", one, schemas.Prediction, _WORK, more),
        _Operation("/read", "read", "pictures", all_, schemas.Reading, _WORK, more),
    ]


def _tensors() -> list[_Operation]:
    json = {"application/json": {"schema": _ref(schemas.InferRequest)}}
    body = {"requestBody": {"required": True, "content": json}}
    found = []
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        suffix = "Version" if "{version}" in path else ""
        found += [
            _Operation(
                *(path, f"model{suffix}", "tensors", "Describe the model."),
                *(schemas.ModelDescription, (404,)),
            ),
            _Operation(
                *(f"{path}/ready", f"modelReady{suffix}", "tensors"),
                *("Check that the model is ready.", schemas.ModelReady, (404,)),
            ),
            _Operation(
                *(f"{path}/infer", f"infer{suffix}", "tensors"),
                *(
                    "Classify 28x28 pixels, sent as JSON or as bytes after it.",
                    schemas.InferResponse,
                ),
                *((*_WORK, 404), body),
            ),
        ]
    return found


def _server() -> list[_Operation]:
    ready = "Check that the server is ready."
    return [
        _Operation("/v2", "server", "server", "Describe the server.", schemas.ServerDescription),
        _Operation(
            "/v2/health/live", "live", "server", "Check that the server is alive.", schemas.Live
        ),
        _Operation("/v2/health/ready", "ready", "server", ready, schemas.Ready),
        _Operation("/metrics", "metrics", "server", "Metrics for Prometheus.", None),
    ]


def _parameters(path: str, model: str, version: str) -> Json:
    known = {"name": model, "version": version}
    used = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"const": value},
        }
        for name, value in known.items()
        if f"{{{name}}}" in path
    ]
    return {"parameters": used} if used else {}


def _operation_schema(operation: _Operation, token: bool) -> Json:
    public = operation.path.startswith("/v2/health/")
    failures = operation.failures if public else (*operation.failures, 421)
    answer: Json = {"text/plain": {"schema": {"type": "string"}}}
    if operation.answer:
        answer = {"application/json": {"schema": _ref(operation.answer)}}
    described = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        **(operation.more or {}),
    }
    if token and not public:
        failures = (*failures, 401)
        described["security"] = [{"token": []}]
    refused = {str(status): _refusal(status) for status in sorted(failures)}
    described["responses"] = {"200": {"description": "OK", "content": answer}, **refused}
    return described


def _refusal(status: int) -> Json:
    meaning, message = _REFUSALS[status]
    example: schemas.Error = {"error": message}
    content = {"application/json": {"schema": _ref(schemas.Error), "example": example}}
    return {"description": meaning, "content": content}


def _ref(model: type) -> Json:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


class _Untitled(GenerateJsonSchema):
    """Omits titles of fields, which client generators would take for names of types."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _schemas() -> Json:
    adapters = [(model, "serialization", TypeAdapter[Any](model)) for model in schemas.MODELS]
    _, found = TypeAdapter.json_schemas(
        adapters,  # type: ignore[arg-type]
        ref_template="#/components/schemas/{model}",
        schema_generator=_Untitled,
    )
    defined: Json = found["$defs"]
    return defined
