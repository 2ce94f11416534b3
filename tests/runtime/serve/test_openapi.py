"""The API follows its OpenAPI document, and no request ends in a 500."""

import json
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import positive_data_acceptance

from digits.recognize import Reader
from digits.serve import api
from tests.runtime.serve.conftest import application

pytestmark = pytest.mark.slow

DOCUMENT = json.loads((Path(api.__file__).parent / "page" / "openapi.json").read_text("utf-8"))
PATHS = DOCUMENT["paths"]
CASES = [
    (path, method, mode)
    for path, operations in PATHS.items()
    for method in operations
    for mode in schemathesis.GenerationMode
    # An operation without parameters and body has no invalid requests.
    if "requestBody" in operations[method] or mode.is_positive
]
# A schema can't express that bytes are a picture.
EXCLUDED: list[CheckFunction] = [positive_data_acceptance]


@pytest.fixture(scope="module")
def api_schema(reader: Reader) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_asgi("/openapi.json", application(reader))


@pytest.mark.parametrize(("path", "method", "mode"), CASES)
def test_responses_match_schema(
    api_schema: schemathesis.BaseSchema, path: str, method: str, mode: schemathesis.GenerationMode
) -> None:
    @given(api_schema[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=10, suppress_health_check=list(HealthCheck))
    def answered(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(excluded_checks=EXCLUDED)

    answered()
