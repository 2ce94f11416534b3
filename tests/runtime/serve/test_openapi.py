"""The API follows its OpenAPI schema, and no request ends in a 500."""

import json
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.data.mnist import Split
from digits.serve import openapi, schemas
from digits.serve.limits import Limits
from tests.conftest import PICTURES
from tests.runtime.serve.conftest import application

pytestmark = pytest.mark.slow

SCHEMA = openapi.schema("lenet5", Limits(), token=False)
PATHS = SCHEMA["paths"]
CASES = [
    (path, method, mode)
    for path, operations in PATHS.items()
    for method in operations.keys() & {"get", "post"}
    for mode in schemathesis.GenerationMode
    # An operation without parameters and body has no invalid requests.
    if "requestBody" in operations[method] or "parameters" in operations or mode.is_positive
]
# A schema can't express that a tensor's data fits its shape, or that bytes are a picture.
EXCLUDED: list[CheckFunction] = [positive_data_acceptance]
# The refusal of one file among several is in an answer that has the status 200.
SEVERAL_FILES = ("/predict", "/read")


@pytest.fixture(scope="module")
def api(classifier: Classifier) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_asgi("/openapi.json", application(classifier))


def stays_on_its_path(case: schemathesis.Case[Any]) -> bool:
    """Whether the path has no ? or #, which nested lists put there unquoted."""
    return not set("?#") & set(case.formatted_path)


@pytest.mark.parametrize(("path", "method", "mode"), CASES)
def test_responses_match_schema(
    api: schemathesis.BaseSchema, path: str, method: str, mode: schemathesis.GenerationMode
) -> None:
    excluded = EXCLUDED + [negative_data_rejection] * (path in SEVERAL_FILES)
    cases = api[path][method].as_strategy(generation_mode=mode).filter(stays_on_its_path)

    @given(cases)
    @settings(max_examples=10, suppress_health_check=list(HealthCheck))
    def answered(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(excluded_checks=excluded)

    answered()


def test_responses_match_their_types(client: TestClient, test_slice: Split) -> None:
    assert client.get("/openapi.json").json() == json.loads(json.dumps(SCHEMA))
    data = test_slice.images[0].ravel().tolist()
    tensor = {"name": "images", "shape": [1, 1, 28, 28], "datatype": "UINT8", "data": data}
    classes = [{"name": "probabilities", "parameters": {"classification": 3}}]
    infer = "/v2/models/lenet5/infer"
    picture = (PICTURES / "2.jpg").read_bytes()
    for model, answer in (
        (schemas.Prediction, client.post("/predict?frame=true", content=picture)),
        (schemas.Reading, client.post("/read", content=picture)),
        (schemas.InferResponse, client.post(infer, json={"id": "a", "inputs": [tensor]})),
        (schemas.InferResponse, client.post(infer, json={"inputs": [tensor], "outputs": classes})),
        (schemas.Error, client.post("/read", content=b"no picture")),
    ):
        decoded = msgspec.json.decode(answer.content, type=model)
        assert msgspec.to_builtins(decoded) == answer.json()  # no field is missing in the schema


def test_schema_is_served_without_types_of_single_values() -> None:
    """Client generators make a type of each enumeration, but none of a constant."""
    types = SCHEMA["components"]["schemas"]
    assert types["InputTensor"]["properties"]["datatype"] == {"const": "UINT8"}
    status = types["Reading"]["properties"]["status"]
    assert status == {"enum": ["blank", "sure", "unsure"], "type": "string"}
