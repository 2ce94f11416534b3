"""Reading pictures in worker processes."""

import os
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.processes import Worker
from digits.serve.app import App
from digits.serve.limits import Limits
from digits.serve.pictures import PictureWorker
from digits.serve.settings import Settings
from digits.text import escape_control
from tests.runtime.serve import misbehaving
from tests.runtime.serve.conftest import application
from tests.runtime.serve.test_app import png

pytestmark = pytest.mark.slow  # they start processes

PICTURES = Path(__file__).parents[2] / "pictures"


def start_misbehaving(_: Classifier) -> PictureWorker:
    return Worker(misbehaving.start)


@pytest.fixture
def client(classifier: Classifier) -> TestClient:
    # A process may answer slowly while other tests use both cores.
    settings = Settings(allowed_hosts="testserver", limits=Limits(picture_timeout=2))
    app = App(settings, classifier, start_misbehaving)
    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.unix
@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (b"die", 503, "the process that read the picture was killed"),
        (b"sleep", 503, "the picture takes too much time"),
        (b"fail", 500, "internal error; see the server's log"),
    ],
)
def test_worker_failure_costs_one_request(
    client: TestClient, content: bytes, status: int, sentence: str
) -> None:
    before = client.post("/predict", content=b"").json()
    answer = client.post("/predict", content=content)
    assert (answer.status_code, answer.json()) == (status, {"error": sentence})
    after = client.post("/predict", content=b"").json()
    assert before != after != os.getpid()


@pytest.mark.linux
def test_memory_limit_is_told_apart_from_a_killed_worker(classifier: Classifier) -> None:
    limits = Limits(max_picture_memory=40 << 20)
    settings = Settings(allowed_hosts="testserver", workers=1, limits=limits)
    with TestClient(App(settings, classifier)) as client:
        answer = client.post("/predict", content=png(5000, 5000, "RGB"))
        assert answer.status_code == 503
        assert answer.json() == {"error": "the picture takes too much memory"}
        assert client.post("/predict", content=png(9, 9)).status_code == 200


def test_files_of_a_form_are_answered_in_their_order(classifier: Classifier) -> None:
    client = TestClient(application(classifier))
    contents = [("7.jpg", (PICTURES / "7.jpg").read_bytes()), ("a\u202eb", b"no picture")]
    contents += [("none.png", png(9, 9)), ("2.jpg", (PICTURES / "2.jpg").read_bytes())]
    files = [("file", content) for content in contents]
    for path in ("/predict", "/read?frame=true", "/read"):
        alone = [client.post(path, files=[file]) for file in files]
        answer = client.post(path, files=files)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        first, broken, empty, last = answer.json()
        assert [first, empty, last] == [alone[number].json() for number in (0, 2, 3)]
        assert alone[1].status_code == 422
        assert broken == {"file": escape_control("a\u202eb")} | alone[1].json()
    assert "frame" not in answer.text


def test_form_of_several_files_may_be_larger_than_a_picture(classifier: Classifier) -> None:
    limits = {"max_picture_bytes": 1000, "max_form_bytes": 1000, "max_total_bytes": 20_000}
    client = TestClient(application(classifier, **limits))
    small, large = ("file", ("a", png(9, 9))), ("file", ("b", bytes(1001)))
    assert client.post("/predict", files=[large]).status_code == 413
    digit, error, *_ = client.post("/predict", files=[small, large, small]).json()
    assert digit["file"] == "a" and error["file"] == "b" and "1,000 bytes" in error["error"]
    answer = client.post("/predict", files=[("file", ("b", bytes(900)))] * 12)
    assert answer.status_code == 413 and "10,000 bytes" in answer.json()["error"]
