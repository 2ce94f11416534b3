"""The API's description, as OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.0.

The types come from `schemas`; this module describes the endpoints.
"""

from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from digits import __version__
from digits.constraints.checks import CHECKS
from digits.images.formats import FORMATS
from digits.serve import schemas, v2
from digits.serve.labelled import LABELS
from digits.serve.limits import Limits

Json = dict[str, Any]

_TAGS = {
    "pictures": "Pictures in, digits out.",
    "tensors": "The Open Inference Protocol (KServe's V2): 28x28 pixels in, probabilities out.",
    "server": "Health, metadata and metrics.",
}
_WORK = (400, 408, 413, 415, 422, 429, 500, 503)  # statuses of every endpoint with a body
_FILE = {"type": "string", "format": "binary"}
_FILES = {"type": "array", "items": _FILE}
_BOOLEAN: Json = {"type": "boolean", "default": False}
_TEXT: Json = {"type": "string"}
_FRAME = {"frame": ("Whether to include the 28x28 pixels that the network saw.", _BOOLEAN)}
_ASKED: dict[str, tuple[str, Json]] = {
    "length": ("How many digits each number has: 6 or 4-8.", _TEXT),
    "pattern": (r"A regular expression that it matches, such as 20\d{4}.", _TEXT),
    "check": (f"Its check digit: {', '.join(CHECKS)}.", {"type": "string", "enum": list(CHECKS)}),
    "list": ("All that are possible, separated by blanks or commas.", _TEXT),
    "range": ("Its least and its greatest value: 100-999.", _TEXT),
    "max_errors": ("How many of the accepted ones may be wrong: 0.1% or 0.001.", _TEXT),
    "digits_only": ("Whether to leave out minus signs and points.", _BOOLEAN),
}


class _Operation(NamedTuple):
    """A method of a path: POST if it has a body, else GET.

    answer: a type from `schemas`, a schema, str for text, or None for an empty one. failures:
    statuses. query: parameters besides those in the path, with descriptions and schemas.
    """

    path: str
    name: str
    tag: str
    summary: str
    answer: type | Json | None
    failures: tuple[int, ...] = ()
    body: Json | None = None
    query: dict[str, tuple[str, Json]] = {}

    def describe(self, token: bool) -> Json:
        """The operation in the document. token: whether requests need one."""
        is_public = self.path.startswith("/v2/health/")
        failures = self.failures if is_public else (*self.failures, 421)
        described: Json = {"operationId": self.name, "tags": [self.tag], "summary": self.summary}
        if self.query:
            described["parameters"] = [
                {"name": name, "in": "query", "description": description, "schema": schema}
                for name, (description, schema) in self.query.items()
            ]
        if self.body:
            described["requestBody"] = {"required": True, **self.body}
        if token and not is_public:
            failures = (*failures, 401)
            described["security"] = [{"token": []}]
        error = _content(_ref(schemas.Error))
        refusals = {
            str(status): {"description": HTTPStatus(status).phrase, "content": error}
            for status in failures
        }
        return {**described, "responses": _success(self.answer) | refusals}


def schema(model: str, limits: Limits, token: bool) -> Json:
    """Build the document.

    model: the model's name, in its paths. token: whether requests need one.
    """
    constants = {"name": model, "version": v2.VERSION}
    paths: Json = {}
    for operation in _operations(limits):
        path = paths.setdefault(operation.path, {})
        path["post" if operation.body else "get"] = operation.describe(token)
        path["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"const": value}}
            for name, value in constants.items()
            if f"{{{name}}}" in operation.path
        ]
    template = "#/components/schemas/{name}"
    _, named = msgspec.json.schema_components(schemas.TYPES, ref_template=template)
    components: Json = {"schemas": _constants(named)}
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


def _operations(limits: Limits) -> list[_Operation]:
    form = _object({"file": _FILE, "files": _FILES})
    picture = {
        "description": f"A picture ({', '.join(FORMATS)}) of at most"
        f" {limits.max_picture_bytes:,} bytes and {limits.max_pixels:,} pixels, or a form with one"
        " or several, whose answers come as an array.",
        "content": _content(_FILE, "application/octet-stream")
        | _content(form, "multipart/form-data"),
    }
    labelled = {
        "description": "A form of pictures of one digit, each in a field named for its label.",
        "content": _content(_object(dict.fromkeys(LABELS, _FILES)), "multipart/form-data"),
    }
    tensor = {"content": _content(_ref(schemas.InferRequest))}
    keep, infer = "Keep labelled digits, to train with.", "Classify 28x28 pixels, as JSON or bytes."
    live, ready = "Ask if the server is alive.", "Ask if the server is ready."
    prediction, reading = map(_one_or_several, (schemas.Prediction, schemas.Reading))
    predict, read = "Read the one digit of a picture.", "Read all the numbers of a picture."
    model = [
        _Operation("", "model", "tensors", "Describe the model.", schemas.ModelDescription, (404,)),
        _Operation("/ready", "modelReady", "tensors", ready, schemas.ModelReady, (404,)),
        _Operation(
            "/infer", "infer", "tensors", infer, schemas.InferResponse, (*_WORK, 404), tensor
        ),
    ]
    paths = {"/v2/models/{name}": "", "/v2/models/{name}/versions/{version}": "Version"}
    return [
        _Operation("/predict", "predict", "pictures", predict, prediction, _WORK, picture, _FRAME),
        _Operation("/read", "read", "pictures", read, reading, _WORK, picture, _FRAME | _ASKED),
        _Operation("/labelled", "label", "pictures", keep, None, (*_WORK, 404, 507), labelled),
        *(
            operation._replace(path=path + operation.path, name=operation.name + suffix)
            for path, suffix in paths.items()
            for operation in model
        ),
        _Operation("/v2", "server", "server", "Describe the server.", schemas.ServerDescription),
        _Operation("/v2/health/live", "live", "server", live, schemas.Live),
        _Operation("/v2/health/ready", "ready", "server", ready, schemas.Ready),
        _Operation("/metrics", "metrics", "server", "Metrics for Prometheus.", str),
    ]


def _success(answer: type | Json | None) -> Json:
    if answer is None:
        return {"204": {"description": "Done."}}
    if answer is str:
        content = _content(_TEXT, "text/plain")
    else:
        content = _content(answer if isinstance(answer, dict) else _ref(answer))
    return {"200": {"description": "OK", "content": content}}


def _content(shape: Json, media: str = "application/json") -> Json:
    return {media: {"schema": shape}}


def _one_or_several(answer: type) -> Json:
    items = {"anyOf": [_ref(answer), _ref(schemas.RefusedFile)]}
    return {"oneOf": [_ref(answer), {"type": "array", "items": items}]}


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties}


def _ref(model: type) -> Json:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


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
