"""The API's description, as OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.0.

The types come from `schemas`; this module describes the endpoints.
"""

import json
from typing import Any

import msgspec

from digits import __version__
from digits.constraints.checks import CHECKS
from digits.images.formats import FORMATS
from digits.serve import schemas
from digits.serve.limits import Limits

Json = dict[str, Any]

_FILE = {"type": "string", "format": "binary"}
_FILES = {"type": "array", "items": _FILE}
_BOOLEAN: Json = {"type": "boolean", "default": False}
_TEXT: Json = {"type": "string"}
_FRAME = {"frame": ("Whether to include the 28x28 pixels that the network saw.", _BOOLEAN)}
_ASKED: dict[str, tuple[str, Json]] = {
    "length": ("How many digits each number has: 6 or 4-8.", _TEXT),
    "pattern": (r"A regular expression that it matches, such as 20\d{4}.", _TEXT),
    "check": (f"Its check digit: {', '.join(CHECKS)}.", {"enum": list(CHECKS)}),
    "list": ("All that are possible, separated by blanks or commas.", _TEXT),
    "range": ("Its least and its greatest value: 100-999.", _TEXT),
    "max_errors": ("How many of the accepted ones may be wrong: 0.1% or 0.001.", _TEXT),
    "digits_only": ("Whether to leave out minus signs and points.", _BOOLEAN),
}


def schema(model: str, limits: Limits, token: bool) -> Json:
    """Build the document.

    model: the model's name, in its paths. token: whether requests need one.
    """
    template = "#/components/schemas/{name}"
    _, types = msgspec.json.schema_components(schemas.TYPES, ref_template=template)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "digits",
            "version": __version__,
            "description": "Reads handwritten digits: pictures at /predict and /read, 28x28 pixels"
            " at /v2, in the Open Inference Protocol.",
        },
        "security": [{"token": []}] if token else [],
        "paths": _paths(limits),
        "components": {
            "schemas": types,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}} if token else {},
            "parameters": {"name": _parameter("name", "path", "Of the model.", {"const": model})},
        },
    }
    typed: Json = json.loads(json.dumps(document), object_hook=_typed)
    return typed


def _paths(limits: Limits) -> Json:
    picture = {
        "description": f"A picture ({', '.join(FORMATS)}) of at most"
        f" {limits.max_picture_bytes:,} bytes and {limits.max_pixels:,} pixels, or a form with one"
        " or several, whose answers come as an array.",
        "content": _content(_FILE, "application/octet-stream")
        | _content(_object({"file": _FILE, "files": _FILES}), "multipart/form-data"),
    }
    tensor = {"content": _json(schemas.InferRequest)}
    prediction, reading = map(_one_or_several, (schemas.Prediction, schemas.Reading))
    answer, text = _json(schemas.InferResponse), _content(_TEXT, "text/plain")
    about = _content({"type": "object", "additionalProperties": True})  # by the protocol
    named = {"parameters": [{"$ref": "#/components/parameters/name"}]}
    public: Json = {"security": []}
    return {
        "/predict": _post("predict", "pictures", "Read the digit.", prediction, picture, _FRAME),
        "/read": _post("read", "pictures", "Read all the numbers.", reading, picture, _ASKED),
        "/v2/models/{name}": named | _get("model", "tensors", "Describe the model.", about),
        "/v2/models/{name}/ready": named | _get("modelReady", "tensors", "Is it ready?", about),
        "/v2/models/{name}/infer": named
        | _post("infer", "tensors", "Classify 28x28 pixels, as JSON or bytes.", answer, tensor),
        "/v2": _get("server", "server", "Describe the server.", about),
        "/v2/health/live": _get("live", "server", "Is the server alive?", about, public),
        "/v2/health/ready": _get("ready", "server", "Is the server ready?", about, public),
        "/metrics": _get("metrics", "server", "Metrics for Prometheus.", text),
    }


def _get(name: str, tag: str, summary: str, answer: Json, more: Json | None = None) -> Json:
    """An item of the paths. answer: its content. more: of the operation."""
    refusal = {"description": "Refused.", "content": _json(schemas.Error)}
    success: Json = {"description": "Done.", "content": answer}
    responses = {"200": success, "default": refusal}
    about = {"operationId": name, "tags": [tag], "summary": summary, "responses": responses}
    return {"get": about | (more or {})}


def _post(
    name: str, tag: str, summary: str, answer: Json, body: Json, query: Json | None = None
) -> Json:
    """As `_get`. query: descriptions and schemas of its parameters."""
    parameters = [_parameter(name, "query", *about) for name, about in (query or {}).items()]
    more = {"requestBody": {"required": True, **body}, "parameters": parameters}
    return {"post": _get(name, tag, summary, answer, more)["get"]}


def _parameter(name: str, kind: str, description: str, schema: Json) -> Json:
    parameter = {"name": name, "in": kind, "description": description, "schema": schema}
    return parameter | {"required": kind == "path"}


def _one_or_several(answer: type) -> Json:
    items = {"anyOf": [_ref(answer), _ref(schemas.RefusedFile)]}
    return _content({"oneOf": [_ref(answer), {"type": "array", "items": items}]})


def _content(shape: Json, media: str = "application/json") -> Json:
    return {media: {"schema": shape}}


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties}


def _json(model: type) -> Json:
    return _content(_ref(model))


def _ref(model: type) -> Json:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _typed(schema: Json) -> Json:
    """A single choice as a constant, and the type of several ones, for generators of clients."""
    choices = schema.get("enum", [])
    if len(choices) == 1:
        return {"const": choices[0]}
    return {"type": "string"} | schema if choices else schema
