"""The API does what its description says, whatever is sent: nothing ends in a 500."""

import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from pydantic import TypeAdapter
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.serve import openapi, schemas
from digits.serve.limits import Limits
from tests.runtime.serve.conftest import application

pytestmark = pytest.mark.slow

DESCRIPTION = openapi.schema("lenet5", "1", Limits(), token=False)
PATHS = DESCRIPTION["paths"]
CASES = [
    (path, method, mode)
    for path, operations in PATHS.items()
    for method in operations.keys() & {"get", "post"}
    for mode in schemathesis.GenerationMode
    # Where nothing is asked for, nothing wrong can be sent.
    if "requestBody" in operations[method] or "parameters" in operations or mode.is_positive
]
# A schema can't say that a tensor has as many numbers as its shape, or that bytes are a picture.
NOT_SAID = [positive_data_acceptance]


@pytest.fixture(scope="module")
def api(classifier: Classifier) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_asgi("/openapi.json", application(classifier))


def is_to_its_path(case: schemathesis.Case) -> bool:
    """Lists of lists get into a path unquoted: behind ? or # they would be to another path."""
    return not set("?#") & set(case.formatted_path)


@pytest.mark.parametrize(("path", "method", "mode"), CASES)
def test_every_answer_is_as_described(
    api: schemathesis.BaseSchema, path: str, method: str, mode: schemathesis.GenerationMode
) -> None:
    cases = api[path][method].as_strategy(generation_mode=mode).filter(is_to_its_path)

    @given(cases)
    @settings(max_examples=50, suppress_health_check=list(HealthCheck))
    def answered(case: schemathesis.Case) -> None:
        case.call_and_validate(excluded_checks=NOT_SAID)

    answered()


def test_the_description_is_served(client: TestClient) -> None:
    answer = client.get("/openapi.json").json()
    assert answer == DESCRIPTION
    assert set(answer["paths"]) > {"/predict", "/read", "/metrics", "/v2"}


def test_answers_have_the_types_that_are_described(
    client: TestClient, numbers: Path, pictures: list[Path], test_slice
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
        assert strict.keys() == answer.json().keys()  # nothing is left undescribed


def test_every_example_is_of_its_type() -> None:
    for name, schema in DESCRIPTION["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            model = {model.__name__: model for model in schemas.MODELS}.get(name)
            if model is None:
                continue
            for example in described.get("examples", []):
                kind = get_type_hints(model, include_extras=True)[field]
                TypeAdapter(kind).validate_python(example, strict=True)


def test_the_description_is_made_when_it_is_asked_for() -> None:
    code = "import sys, digits.serve.server; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_page_of_the_api_takes_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/docs", "/docs/docs.js", "/docs/docs.css"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "http:" not in answer.text and "https:" not in answer.text
        assert "style=" not in answer.text and "innerHTML" not in answer.text
