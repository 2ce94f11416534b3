"""The API's description, as OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.0."""

from typing import Any

from digits import __version__
from digits.models.graph import INPUT, OUTPUT
from digits.serve import limits, v2
from digits.vision.formats import FORMATS

Json = dict[str, Any]

_REASONS = {
    400: "The request is malformed.",
    404: "There is no such model.",
    408: "The request didn't arrive in time.",
    413: "The request, the batch or the picture is too large.",
    415: "The request is compressed.",
    422: "The request is well-formed, but not what is read here.",
    429: "Too much is waiting; try again.",
    500: "The model failed; the server's log says how.",
    503: "The answer wasn't ready in time; try again.",
}
_BOX: Json = {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}
_FRAME: Json = {
    "description": "What the network saw: 28 rows of 28 pixels, 255 = ink.",
    "type": ["array", "null"],
    "items": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}},
}
_DIGIT: Json = {
    "digit": {"type": ["integer", "null"], "description": "null: not sure.", "maximum": 9},
    "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    "probabilities": {
        "type": "array",
        "items": {"type": "number", "minimum": 0, "maximum": 1},
        "minItems": 10,
        "maxItems": 10,
    },
    "box": _BOX | {"description": "left, top, right, bottom in the picture's own pixels"},
    "frame": _FRAME,
}


def description(model: str) -> Json:
    """The document. model: the name of the one model."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "digits",
            "version": __version__,
            "description": "Reads handwritten digits: pictures at /predict and /read, 28x28 pixels"
            " at /v2, as the Open Inference Protocol has it.",
        },
        "paths": _pictures() | _protocol(model) | _server(),
        "components": {"schemas": _schemas()},
    }


def _pictures() -> Json:
    frame = {
        "name": "frame",
        "in": "query",
        "description": "Whether the answer has the 28x28 pixels that the network saw.",
        "schema": {"type": "boolean", "default": False},
    }
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    form = {"type": "object", "properties": {"file": file}, "required": ["file"]}
    operation = {
        "parameters": [frame],
        "requestBody": {
            "required": True,
            "description": f"A picture ({', '.join(FORMATS)}) of at most"
            f" {limits.PICTURE_BYTES:,} bytes and {limits.PIXELS:,} pixels; or a form with one.",
            "content": {
                "application/octet-stream": {"schema": {}},
                "multipart/form-data": {"schema": form},
            },
        },
    }
    failures = (400, 408, 413, 415, 422, 429, 500, 503)
    return {
        "/predict": {
            "post": operation
            | {
                "operationId": "predict",
                "summary": "Read the one digit of a picture.",
                "responses": _responses(_ref("Prediction"), *failures),
            }
        },
        "/read": {
            "post": operation
            | {
                "operationId": "read",
                "summary": "Read all the digits of a picture, line by line.",
                "responses": _responses(_ref("Reading"), *failures),
            }
        },
    }


def _protocol(model: str) -> Json:
    def path(operation: Json, *failures: int) -> Json:
        parameters = [_in_path("name", model)]
        if "{version}" in address:
            parameters.append(_in_path("version", v2.VERSION))
        return {"parameters": parameters} | operation

    paths: Json = {}
    for address in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        suffix = "Version" if "{version}" in address else ""
        paths[address] = path(_get(f"model{suffix}", "Describe the model.", _object(), 404))
        paths[f"{address}/ready"] = path(
            _get(f"modelReady{suffix}", "Tell whether the model is ready.", _object(), 404)
        )
        paths[f"{address}/infer"] = path(
            {
                "post": {
                    "operationId": f"infer{suffix}",
                    "summary": "Read 28x28 pixels, as JSON or as bytes after it.",
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": _ref("InferRequest")}},
                    },
                    "responses": _responses(
                        _ref("InferResponse"), 400, 404, 408, 413, 415, 422, 429, 500, 503
                    ),
                }
            }
        )
    return paths


def _server() -> Json:
    text = {"schema": {"type": "string"}}
    return {
        "/v2": _get("server", "Describe the server.", _object()),
        "/v2/health/live": _get("live", "Tell whether the server runs.", _object()),
        "/v2/health/ready": _get("ready", "Tell whether the server is ready.", _object()),
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "summary": "Count and time the requests, for Prometheus.",
                "responses": {"200": {"description": "OK", "content": {"text/plain": text}}},
            }
        },
    }


def _schemas() -> Json:
    digit = {"type": "object", "properties": _DIGIT, "required": sorted(_DIGIT.keys() - {"frame"})}
    prediction = {"file": {"type": "string"}, "note": {"type": "string"}, **_DIGIT}
    column = {"type": "array", "items": digit}
    line = {"text": {"type": "string"}, "columns": {"type": "array", "items": column}}
    lines = {"type": "array", "items": _object(line, *line)}
    reading = {"file": {"type": "string"}, "text": {"type": "string"}, "lines": lines}
    return {
        "Prediction": _object(prediction, *(prediction.keys() - {"frame"})),
        "Reading": _object(reading, *reading),
        "Error": _object({"error": {"type": "string"}}, "error"),
        **_tensors(),
    }


def _tensors() -> Json:
    tensor = {"name", "shape", "datatype"}
    shape: Json = {"type": "array", "items": {"type": "integer"}}
    pixel = {"type": "integer", "minimum": 0, "maximum": 255}
    images = {
        "name": {"const": INPUT[0]},
        "shape": {
            "type": "array",
            "prefixItems": [
                {"type": "integer", "minimum": 1, "maximum": limits.BATCH},
                *({"const": length} for length in INPUT[2]),
            ],
            "minItems": 1 + len(INPUT[2]),
            "maxItems": 1 + len(INPUT[2]),
        },
        "datatype": {"const": "UINT8"},
        "parameters": {"type": "object"},
        "data": {"type": "array", "items": pixel, "description": "0 = paper, 255 = ink"},
    }
    wanted = {
        "name": {"const": OUTPUT[0]},
        "parameters": _object({"binary_data": {"type": "boolean"}}),
    }
    answer = {
        "name": {"const": OUTPUT[0]},
        "shape": shape,
        "datatype": {"const": "FP32"},
        "data": {"type": "array", "items": {"type": "number"}},
    }
    request = {
        "id": {"type": "string"},
        "parameters": _object({"binary_data_output": {"type": "boolean"}}),
        "inputs": {
            "type": "array",
            "items": _object(images, *tensor),
            "minItems": 1,
            "maxItems": 1,
        },
        "outputs": {"type": "array", "items": _object(wanted, "name")},
    }
    response = {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "outputs": {"type": "array", "items": _object(answer, *tensor)},
    }
    return {
        "InferRequest": _object(request, "inputs"),
        "InferResponse": _object(response, "model_name", "outputs"),
    }


def _get(name: str, summary: str, schema: Json, *failures: int) -> Json:
    responses = _responses(schema, *failures)
    return {"get": {"operationId": name, "summary": summary, "responses": responses}}


def _responses(schema: Json, *failures: int) -> Json:
    answers: Json = {"200": {"description": "OK", "content": _json(schema)}}
    for status in failures:
        answers[str(status)] = {"description": _REASONS[status], "content": _json(_ref("Error"))}
    return answers


def _in_path(name: str, value: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"const": value}}


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _object(properties: Json | None = None, *required: str) -> Json:
    return {"type": "object", "properties": properties or {}, "required": sorted(required)}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
