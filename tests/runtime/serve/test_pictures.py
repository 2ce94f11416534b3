"""Reading pictures in worker processes."""

import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.processes import Worker
from digits.serve.app import App
from digits.serve.pictures import Answer, PictureWorker, Upload
from digits.serve.settings import Settings

PICTURES = Path(__file__).parents[2] / "pictures"


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


def answer_or_misbehave(upload: Upload) -> Answer:
    """Abort, fail, sleep or wait as the content says; otherwise answer with the process ID."""
    match upload.content:
        case b"die":
            os.abort()
        case b"fail":
            raise ZeroDivisionError
        case b"sleep":
            time.sleep(3600)
    if upload.content.startswith(b"wait in "):
        folder = Path(os.fsdecode(upload.content.removeprefix(b"wait in ")))
        (folder / "begun").touch()
        wait_for(folder / "go")
    return Answer(200, json.dumps(os.getpid()))


def misbehave_all(uploads: Sequence[Upload]) -> list[Answer]:
    return [answer_or_misbehave(upload) for upload in uploads]


def start() -> Callable[[Sequence[Upload]], list[Answer]]:
    return misbehave_all


def start_misbehaving(_: Classifier) -> PictureWorker:
    return Worker(start)


# A process may start slowly while other tests use both cores.
SETTINGS = Settings(allowed_hosts="testserver", picture_timeout=110, answer_timeout=120)


def make_client(classifier: Classifier, settings: Settings = SETTINGS) -> TestClient:
    application = App(settings, classifier, start_misbehaving)
    return TestClient(application, raise_server_exceptions=False)


@pytest.fixture
def client(classifier: Classifier) -> TestClient:
    return make_client(classifier)


@pytest.mark.unix
@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (b"die", 503, "the picture takes too much memory"),
        (b"sleep", 503, "the picture takes too much time"),
        (b"fail", 500, "internal error; see the server's log"),
    ],
)
def test_worker_failure_costs_one_request(
    classifier: Classifier,
    content: bytes,
    status: int,
    sentence: str,
) -> None:
    settings = Settings(allowed_hosts="testserver")
    client = make_client(classifier, settings)
    before = client.post("/predict", content=b"").json()
    if content == b"sleep":
        settings.picture_timeout = 0.3
    answer = client.post("/predict", content=content)
    settings.picture_timeout = 20
    assert (answer.status_code, answer.json()) == (status, {"error": sentence})
    after = client.post("/predict", content=b"").json()
    assert before != after != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


def test_worker_process_is_reused(client: TestClient) -> None:
    assert len({client.post("/read", content=b"").json() for _ in range(5)}) == 1


def test_concurrent_requests_use_separate_processes(client: TestClient, tmp_path: Path) -> None:
    found: list[int] = []

    def ask(content: bytes) -> None:
        answer = client.post("/read", content=content)
        if answer.status_code == 200:
            found.append(answer.json())

    slow = threading.Thread(target=ask, args=(b"wait in " + bytes(tmp_path),))
    slow.start()
    wait_for(tmp_path / "begun")
    ask(b"")
    assert len(found) == 1
    (tmp_path / "go").touch()
    slow.join()
    assert len(set(found)) == 2


def test_worker_start_failure_returns_503(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(*_: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    client.post("/predict", content=b"die")
    with monkeypatch.context() as patch:
        patch.setattr("multiprocessing.process.BaseProcess.start", no)
        answer = client.post("/predict", content=b"")
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("can't start another process: Resource temporarily")
    assert client.post("/predict", content=b"").status_code == 200


def test_worker_process_matches_classifier(classifier: Classifier) -> None:
    content = (PICTURES / "7.jpg").read_bytes()
    with TestClient(App(SETTINGS, classifier)) as client:
        answer = client.post("/predict", content=content).json()
        assert answer["digit"] == 7
        assert answer["probabilities"] == list(classifier.predict(content).probabilities)
        assert client.post("/read", content=b"no picture").status_code == 422
