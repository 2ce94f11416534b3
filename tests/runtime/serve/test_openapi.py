"""The API does what its description says, whatever is sent: nothing ends in a 500."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.serve import openapi
from digits.serve.limits import Limits
from tests.runtime.serve.conftest import application

pytestmark = pytest.mark.slow

DESCRIPTION = openapi.description("lenet5", "1", Limits(), token=False)
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
