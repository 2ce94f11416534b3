"""What the endpoints answer."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from digits.recognize import Reader
from tests.conftest import PICTURES, Run
from tests.runtime.serve.conftest import application, png

FORM = "multipart/form-data; boundary=x"


def test_health(client: TestClient) -> None:
    assert client.get("/health/").json() == {"status": "ok"}  # with a trailing slash


@pytest.mark.parametrize(("command", "name"), [("predict", "7.jpg"), ("read", "2.jpg")])
def test_answer_matches_command(client: TestClient, run: Run, command: str, name: str) -> None:
    picture = PICTURES / name
    line, content = json.loads(run(command, "--json", picture)[1]), picture.read_bytes()
    assert client.post(f"/{command}", content=content).json() == line | {"file": ""}
    assert client.post(f"/{command}", files={"any": (str(picture), content)}).json() == line


def test_frame_is_the_network_input(client: TestClient, reader: Reader) -> None:
    picture = (PICTURES / "7.jpg").read_bytes()
    frame = reader.predict(picture).frame
    assert frame is not None
    for value, expected in (("1", frame.tolist()), ("TRUE", frame.tolist()), ("no", None)):
        answer = client.post(f"/predict?frame={value}", content=picture).json()
        assert answer.get("frame") == expected
    blank = client.post("/predict?frame=true", content=png(100, 100)).json()
    assert (blank["digit"], blank["reason"], blank["frame"]) == (None, "blank", None)


def test_page_knows_the_limits(reader: Reader) -> None:
    limits = {"max_picture_bytes": 5, "max_pixels": 6, "body_timeout": 3.0, "answer_timeout": 4.5}
    text = TestClient(application(reader, **limits)).get("/").text
    assert '<main data-bytes="5" data-pixels="6" data-seconds="7.5"' in text


def test_pdf_is_refused_with_a_way_that_a_client_has(client: TestClient) -> None:
    answer = client.post("/read", files=[("file", ("scan.pdf", b"%PDF-1.7"))])
    assert answer.status_code == 422 and "send a picture of each page" in answer.text


SMALL = {"max_form_bytes": 0, "max_picture_bytes": 1000}
REFUSALS: list[tuple[int, str, dict[str, Any], dict[str, Any]]] = [
    (422, "", {}, {}),
    (
        *(413, "at most 80 pixels are read, not 9 x 9"),
        *({"max_pixels": 80}, {"content": png(9, 9)}),
    ),
    (400, "the form is broken", {}, {"content": b"no", "headers": {"content-type": FORM}}),
    *(
        (413, "at most 1,000 bytes", SMALL, {"url": path, "content": content})
        for path in ("/predict", "/read")
        for content in (bytes(1001), bytes(8001))
    ),
    (422, "one file, not 2", {}, {"files": [("file", ("a", png(9, 9)))] * 2}),
    (422, "frame: it is neither true nor false", {}, {"url": "/predict?frame=maybe"}),
    (415, "compressed", {}, {"headers": {"content-encoding": "gzip"}}),
    *(
        (404, "Not Found", {}, {"method": "GET", "url": url})
        for url in ("/../a", "/page/index.html", "/%00")
    ),
    (405, "Method Not Allowed", {}, {"method": "PUT"}),
    (421, "--allowed-hosts", {}, {"headers": {"host": "evil.example"}}),
    (401, "a token is required", {"token": "secret"}, {}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("status", "words", "settings", "sent"), REFUSALS)
def test_refusal(
    reader: Reader,
    status: int,
    words: str,
    settings: dict[str, Any],
    sent: dict[str, Any],
) -> None:
    with TestClient(application(reader, **settings)) as client:
        for _ in range(2):  # the first leaves nothing behind
            answer = client.request(**{"method": "POST", "url": "/predict"} | sent)
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/json"
            [(key, message)] = answer.json().items()
            assert key == "error" and message and words in message
            assert ("retry-after" in answer.headers) == (status == 429)
            assert ("allow" in answer.headers) == (status == 405)
