"""The API follows its OpenAPI schema, and no request ends in a 500."""

import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from pydantic import TypeAdapter
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.data.mnist import Split
from digits.serve import openapi, schemas
from digits.serve.limits import Limits
from tests.runtime.serve.conftest import application

pytestmark = pytest.mark.slow

SCHEMA = openapi.schema("lenet5", "1", Limits(), token=False)
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
EXCLUDED_CHECKS: list[CheckFunction] = [positive_data_acceptance]


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
    cases = api[path][method].as_strategy(generation_mode=mode).filter(stays_on_its_path)

    @given(cases)
    @settings(max_examples=50, suppress_health_check=list(HealthCheck))
    def answered(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(excluded_checks=EXCLUDED_CHECKS)

    answered()


def test_schema_is_served(client: TestClient) -> None:
    answer = client.get("/openapi.json").json()
    assert answer == SCHEMA
    assert set(answer["paths"]) > {"/predict", "/read", "/metrics", "/v2"}


def test_responses_match_their_typed_dicts(
    client: TestClient, numbers: Path, pictures: list[Path], test_slice: Split
) -> None:
    data = test_slice.images[0].ravel().tolist()
    tensor = {"name": "images", "shape": [1, 1, 28, 28], "datatype": "UINT8", "data": data}
    infer = client.post("/v2/models/lenet5/infer", json={"id": "a", "inputs": [tensor]})
    picture = pictures[7].read_bytes()
    for model, answer in (
        (schemas.Prediction, client.post("/predict?frame=true", content=picture)),
        (schemas.Prediction, client.post("/predict", content=picture)),
        (schemas.Reading, client.post("/read?frame=true", content=numbers.read_bytes())),
        (schemas.InferResponse, infer),
        (schemas.ModelDescription, client.get("/v2/models/lenet5")),
        (schemas.ServerDescription, client.get("/v2")),
        (schemas.Live, client.get("/v2/health/live")),
        (schemas.Error, client.post("/read", content=b"no picture")),
    ):
        strict = TypeAdapter(model, config=None).validate_json(answer.content, strict=True)
        assert strict.keys() == answer.json().keys()  # no field is missing in the schema


def test_schema_examples_match_field_types() -> None:
    for name, schema in SCHEMA["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            model = {model.__name__: model for model in schemas.MODELS}.get(name)
            if model is None:
                continue
            for example in described.get("examples", []):
                kind = get_type_hints(model, include_extras=True)[field]
                TypeAdapter(kind).validate_python(example, strict=True)


def test_server_import_does_not_load_pydantic() -> None:
    code = "import sys, digits.serve.server; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_api_docs_load_nothing_external(client: TestClient) -> None:
    for path in ("/docs", "/docs/docs.js", "/docs/docs.css"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "http:" not in answer.text and "https:" not in answer.text
        assert "style=" not in answer.text and "innerHTML" not in answer.text
