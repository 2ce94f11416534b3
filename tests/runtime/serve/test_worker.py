"""Reading pictures, in this process and in others."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.serve.api import Api
from digits.text import escape_control
from tests.conftest import PICTURES
from tests.runtime.serve.conftest import application, png
from tests.runtime.web.conftest import settings
from tests.waiting import wait_until

# The pattern tries about 20^12 ways to match the number.
ENDLESS = {"list": "1111111111111", "pattern": 20 * "(" + r"\d" + 20 * "+)" + r"-\."}
SEVEN, TWO = ((PICTURES / name).read_bytes() for name in ("7.jpg", "2.jpg"))


@pytest.mark.slow
@pytest.mark.linux
@pytest.mark.parametrize(
    ("limit", "constraints", "sentence"),
    [
        ({"max_picture_memory": 40 << 20}, {}, "the picture takes too much memory"),
        ({"picture_timeout": 0.3}, ENDLESS, "the picture or the pattern takes too much time"),
    ],
)
def test_process_is_limited(
    classifier: Classifier, limit: dict[str, Any], constraints: dict[str, str], sentence: str
) -> None:
    picture = png(9, 9) if constraints else png(5000, 5000, "RGB")
    with TestClient(Api(settings(**limit), classifier, workers=1)) as client:
        refused = client.post("/read", params=constraints, content=picture)
        assert (refused.status_code, refused.json()) == (503, {"error": sentence})
        # On a busy machine, a small one may take too much time, too.
        wait_until(lambda: client.post("/predict", content=png(9, 9)).is_success)


def test_files_of_a_form_are_answered_in_their_order(client: TestClient) -> None:
    contents = [("7.jpg", SEVEN), ("a\u202eb", b"no picture"), ("0", png(9, 9)), ("2.jpg", TWO)]
    files = [("file", content) for content in contents]
    for path in ("/predict?frame=true", "/read"):
        alone = [client.post(path, files=[file]) for file in files]
        answer = client.post(path, files=files)
        assert answer.headers["content-type"] == "application/json"
        first, broken, empty, last = answer.json()
        assert [first, empty, last] == [alone[number].json() for number in (0, 2, 3)]
        assert alone[1].status_code == 422
        assert broken == {"file": escape_control("a\u202eb")} | alone[1].json()
        assert ('"frame"' in answer.text) == ("frame" in path)


def test_pdf_is_refused_with_a_way_that_a_client_has(client: TestClient) -> None:
    answer = client.post("/read", files=[("file", ("scan.pdf", b"%PDF-1.7"))])
    assert answer.status_code == 422 and "send a picture of each page" in answer.text


def test_form_of_several_files_may_be_larger_than_a_picture(classifier: Classifier) -> None:
    limits = {"max_picture_bytes": 1000, "max_form_bytes": 1000, "max_total_bytes": 20_000}
    client = TestClient(application(classifier, **limits))
    small, large = ("file", ("a", png(9, 9))), ("file", ("b", bytes(1001)))
    assert client.post("/predict", files=[large]).status_code == 413
    digit, error, *_ = client.post("/predict", files=[small, large, small]).json()
    assert digit["file"] == "a" and error["file"] == "b" and "1,000 bytes" in error["error"]
    answer = client.post("/predict", files=[("file", ("b", bytes(900)))] * 12)
    assert answer.status_code == 413 and "10,000 bytes" in answer.json()["error"]
