"""The API's description, as OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.0.

The types come from `schemas`; this module describes the endpoints.
"""

from typing import Any, NamedTuple

import msgspec

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
    415: ("The request is compressed, but not with gzip or deflate.", "only gzip and deflate"),
    421: ("The host is not allowed.", "this host is not allowed; see --allowed-hosts"),
    422: ("It is well-formed, but not a readable picture or tensor.", "the form has no file"),
    429: ("The queue is full; try again.", "too many pictures are waiting"),
    500: ("The model failed; see the server's log.", "the model failed; see the server's log"),
    503: ("The answer took too much time or memory.", "the picture takes too much time"),
    507: ("The folder of labelled digits is full.", "the folder of labelled digits is full"),
}
_BODY = (400, 408, 413, 415, 422, 429)  # statuses of every endpoint with a body
_WORK = (*_BODY, 500, 503)
_LABELS = (*map(str, range(10)), "none")
_FILE = {"type": "string", "format": "binary"}
_FILES = {"type": "array", "items": _FILE}


class _Operation(NamedTuple):
    """A method of a path: POST if it has a body, else GET.

    answer: a type from `schemas`, a schema, str for text, or None for an empty one. failures:
    statuses. parameters: besides those in the path.
    """

    path: str
    name: str
    tag: str
    summary: str
    answer: type | Json | None
    failures: tuple[int, ...] = ()
    body: Json | None = None
    parameters: list[Json] | None = None


def schema(model: str, version: str, limits: Limits, token: bool) -> Json:
    """Build the document.

    model, version: the model's, in its paths. token: whether requests need one.
    """
    paths: Json = {}
    for operation in (*_pictures(limits), *_tensors(), *_server()):
        path = paths.setdefault(operation.path, _parameters(operation.path, model, version))
        path["post" if operation.body else "get"] = _operation_schema(operation, token)
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
    frame = {
        "name": "frame",
        "in": "query",
        "description": "Whether to include the 28x28 pixels that the network saw.",
        "schema": {"type": "boolean", "default": False},
    }
    body = {
        "required": True,
        "description": f"A picture ({', '.join(FORMATS)}) of at most"
        f" {limits.max_picture_bytes:,} bytes and {limits.max_pixels:,} pixels, or a form with one"
        " or several, whose answers come as an array.",
        "content": {
            "application/octet-stream": {"schema": _FILE},
            "multipart/form-data": {"schema": _form({"file": _FILE, "files": _FILES})},
        },
    }
    labelled = {
        "required": True,
        "description": "A form of pictures of one digit, each in a field named for its label.",
        "content": {"multipart/form-data": {"schema": _form(dict.fromkeys(_LABELS, _FILES))}},
    }
    commands = (
        ("predict", "Read the one digit of a picture.", schemas.Prediction),
        ("read", "Read all the symbols of a picture.", schemas.Reading),
    )
    tag, keep = "pictures", "Keep labelled digits, to train with."
    return [
        *(
            _Operation(f"/{name}", name, tag, text, _one_or_several(answer), _WORK, body, [frame])
            for name, text, answer in commands
        ),
        _Operation("/labelled", "label", tag, keep, None, (*_WORK, 404, 507), labelled),
    ]


def _form(fields: Json) -> Json:
    return {"type": "object", "properties": fields}


def _one_or_several(answer: type) -> Json:
    items = {"anyOf": [_ref(answer), _ref(schemas.RefusedFile)]}
    return {"oneOf": [_ref(answer), {"type": "array", "items": items}]}


def _tensors() -> list[_Operation]:
    json = {"application/json": {"schema": _ref(schemas.InferRequest)}}
    body, tag = {"required": True, "content": json}, "tensors"
    summary = "Classify 28x28 pixels, sent as JSON or as bytes after it."
    operations = (
        _Operation("", "model", tag, "Describe the model.", schemas.ModelDescription, (404,)),
        _Operation("/ready", "modelReady", tag, "Ask if it is ready.", schemas.ModelReady, (404,)),
        _Operation("/infer", "infer", tag, summary, schemas.InferResponse, (*_WORK, 404), body),
    )
    paths = {"/v2/models/{name}": "", "/v2/models/{name}/versions/{version}": "Version"}
    return [
        operation._replace(path=path + operation.path, name=operation.name + suffix)
        for path, suffix in paths.items()
        for operation in operations
    ]


def _server() -> list[_Operation]:
    tag, live, ready = "server", "Ask if the server is alive.", "Ask if the server is ready."
    return [
        _Operation("/v2", "server", tag, "Describe the server.", schemas.ServerDescription),
        _Operation("/v2/health/live", "live", tag, live, schemas.Live),
        _Operation("/v2/health/ready", "ready", tag, ready, schemas.Ready),
        _Operation("/metrics", "metrics", tag, "Metrics for Prometheus.", str),
    ]


def _parameters(path: str, model: str, version: str) -> Json:
    used = [
        {"name": name, "in": "path", "required": True, "schema": {"const": value}}
        for name, value in (("name", model), ("version", version))
        if f"{{{name}}}" in path
    ]
    return {"parameters": used} if used else {}


def _operation_schema(operation: _Operation, token: bool) -> Json:
    public = operation.path.startswith("/v2/health/")
    failures = operation.failures if public else (*operation.failures, 421)
    described: Json = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.parameters:
        described["parameters"] = operation.parameters
    if operation.body:
        described["requestBody"] = operation.body
    if token and not public:
        failures = (*failures, 401)
        described["security"] = [{"token": []}]
    refused = {str(status): _refusal(status) for status in sorted(failures)}
    described["responses"] = {**_success(operation.answer), **refused}
    return described


def _success(answer: type | Json | None) -> Json:
    if answer is None:
        return {"204": {"description": "Done."}}
    media, shape = "application/json", answer if isinstance(answer, dict) else _ref(answer)
    if answer is str:
        media, shape = "text/plain", {"type": "string"}
    return {"200": {"description": "OK", "content": {media: {"schema": shape}}}}


def _refusal(status: int) -> Json:
    meaning, message = _REFUSALS[status]
    content = {"schema": _ref(schemas.Error), "example": {"error": message}}
    return {"description": meaning, "content": {"application/json": content}}


def _ref(model: type) -> Json:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _schemas() -> Json:
    template = "#/components/schemas/{name}"
    _, named = msgspec.json.schema_components(schemas.TYPES, ref_template=template)
    constants: Json = _constants(named)
    return constants


def _constants(schema: Any) -> Any:
    """The schema with single choices as constants and the type of others, for generators."""
    if isinstance(schema, list):
        return [_constants(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if len(schema.get("enum", ())) == 1:
        return {"const": schema["enum"][0]}
    kind = {"type": "string"} if "enum" in schema else {}
    return {key: _constants(part) for key, part in schema.items()} | kind
