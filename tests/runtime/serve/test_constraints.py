"""What a request asks of numbers."""

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from digits import Constraints
from digits.classifier import Classifier
from digits.serve.constraints import parse_query
from digits.text import to_json
from tests.runtime.serve.conftest import application

NUMBER = Path(__file__).parents[3] / "runtime/digits/serve/page/chalk.webp"  # 2718


@pytest.fixture(scope="module")
def client(classifier: Classifier) -> TestClient:
    return TestClient(application(classifier))


@pytest.mark.parametrize(
    ("query", "constraints", "max_errors"),
    [
        ("length=5-8&frame=0", Constraints(length=(5, 8)), None),
        ("pattern=4%5Cd%2B", Constraints(pattern=r"4\d+"), None),
        ("check=mod11", Constraints(check="mod11"), None),
        ("list=4718+9999%0A1.5,12", Constraints(values=["4718", "9999", "1.5", "12"]), None),
        ("range=-9.5-4000", Constraints(range=(-9.5, 4000)), None),
        ("digits_only=yes&length=4", Constraints(length=4, digits_only=True), None),
        ("max_errors=1e-9&length=4&check=", Constraints(length=4), 1e-9),
    ],
)
def test_query_is_parsed(query: str, constraints: Constraints, max_errors: float | None) -> None:
    assert repr(parse_query(query)) == repr((constraints, max_errors))


def test_answer_is_that_of_classifier(client: TestClient, classifier: Classifier) -> None:
    answer = client.post("/read?list=2717+9999&max_errors=50%25", content=NUMBER.read_bytes())
    reading = classifier.read(NUMBER, Constraints(values=["2717", "9999"]), 0.5)
    assert answer.json() == json.loads(to_json(reading.to_dict("")))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("max_errors=2", "between 0 and 100%, not '2'; is 2% meant?"),
        ("digits_only=x", "digits_only must be true or false"),
        ("length=3&list=1234", "no number satisfies all of these constraints"),
    ],
)
def test_malformed_or_impossible_constraints(client: TestClient, query: str, words: str) -> None:
    content = NUMBER.read_bytes()
    answer = client.post(f"/read?{query}", content=content)
    assert answer.status_code == 422
    sentence = answer.json()["error"]
    assert sentence.startswith("constraints: ") and words in sentence
    several = client.post(f"/read?{query}", files=[("file", ("a", content))] * 2)
    assert several.json() == [{"file": "a", "error": sentence}] * 2


@pytest.mark.parametrize(
    ("url", "name", "known"),
    [
        ("/read?length=6&frame=1&length=7", "length", "frame, length, "),
        ("/read?" + "&".join(map(str, range(9999))), "0", "frame, length, "),
        ("/predict?length=6", "length", "frame"),
    ],
)
def test_parameter_that_is_unknown_or_given_twice(
    client: TestClient, url: str, name: str, known: str
) -> None:
    answer = client.post(url, content=NUMBER.read_bytes())
    assert answer.status_code == 422
    sentence = f"the query may have, once each: {known}"
    assert answer.json()["error"].startswith(sentence)
    assert answer.json()["error"].endswith(f"; not {name!r}")
