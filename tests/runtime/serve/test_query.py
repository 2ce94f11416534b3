"""What a request asks of numbers."""

import json

import pytest
from starlette.testclient import TestClient

from digits import Constraints
from digits.recognize import Reader
from digits.serve.query import Options, parse_query
from digits.text import to_json
from tests.conftest import PICTURES

TWO = (PICTURES / "2.jpg").read_bytes()
KNOWN = "length, pattern, check, range, list, digits_only, max_errors"


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("length=5-8", {"length": "5-8"}),
        ("pattern=4%5Cd%2B&check=mod11", {"pattern": r"4\d+", "check": "mod11"}),
        ("list=4718+9999%0A1.5,12", {"allowed": ["4718", "9999", "1.5", "12"]}),
        ("digits_only=YES&max_errors=1e-9", {"digits_only": True, "max_errors": 1e-9}),
    ],
)
def test_query_is_parsed(query: str, options: Options) -> None:
    assert parse_query("read", query) == options


def test_answer_is_that_of_classifier(client: TestClient, reader: Reader) -> None:
    answer = client.post("/read?list=7+9&max_errors=50%25", content=TWO)
    reading = reader.read(TWO, Constraints(allowed=["7", "9"]), 0.5)
    assert answer.json() == json.loads(to_json(reading.to_dict("")))


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("/read?digits_only=x", "digits_only: it is neither true nor false"),
        ("/read?check=", "check is empty"),
        ("/read?length=3&list=1234", "no number satisfies all of these constraints"),
        ("/predict?length=6", "the query may have, once each: frame; not 'length'"),
        (
            "/read?length=6&check=luhn&length=7",
            f"the query may have, once each: {KNOWN}; not 'length'",
        ),
        ("/read?frame=1", f"the query may have, once each: {KNOWN}; not 'frame'"),
        (f"/read?{'a' * 40}", f"the query may have, once each: {KNOWN}; not '{'a' * 30}'"),
    ],
)
def test_query_that_is_not_understood(client: TestClient, url: str, sentence: str) -> None:
    answer = client.post(url, content=TWO)
    assert (answer.status_code, answer.json()) == (422, {"error": sentence})
