import dataclasses
import gzip
import io
import json
import re
import tempfile
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from starlette.testclient import TestClient

import digits
from digits.classifier import Classifier
from digits.data.mnist import Split
from digits.serve.limits import Limits
from digits.serve.picture_queue import PictureQueue
from tests.conftest import Run
from tests.runtime.serve.conftest import application

INFER = "/v2/models/lenet5/infer"


def png(width: int, height: int, mode: str = "1") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height), 1).save(file, "PNG")
    return file.getvalue()


def infer_request(images: npt.NDArray[np.uint8]) -> dict[str, object]:
    tensor = {"name": "images", "shape": list(images.shape), "datatype": "UINT8"}
    return {"id": "a", "inputs": [tensor | {"data": images.ravel().tolist()}]}


def test_v2_server_and_model_metadata(client: TestClient, classifier: Classifier) -> None:
    server = client.get("/v2").json()
    assert server["name"] == "digits" and "binary_tensor_data" in server["extensions"]
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    for path in ("/v2/models/lenet5", "/v2/models/lenet5/versions/1"):
        model = client.get(path).json()
        assert model["name"] == "lenet5" and model["versions"] == ["1"]
        assert model["inputs"] == [
            {"name": "images", "datatype": "UINT8", "shape": [-1, 1, 28, 28]}
        ]
        assert model["outputs"] == [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}
        ]
        accuracy = model["parameters"]["validation_accuracy"]
        assert accuracy == classifier.model.metadata.validation_accuracy
        assert client.get(f"{path}/ready").json() == {"name": "lenet5", "ready": True}


@pytest.mark.parametrize("path", ["vgg16", "vgg16/ready", "lenet5/versions/2", "lenet5/versions/x"])
def test_unknown_model_returns_404(client: TestClient, path: str) -> None:
    answer = client.get(f"/v2/models/{path}")
    assert answer.status_code == 404
    assert answer.json() == {"error": "the only model is lenet5, version 1"}


def test_infer_matches_model_probabilities(
    client: TestClient, classifier: Classifier, test_slice: Split
) -> None:
    for images in (test_slice.images[:1, None], test_slice.images[: Limits.max_batch, None]):
        answer = client.post(INFER, json=infer_request(images)).json()
        assert answer["model_name"] == "lenet5" and answer["id"] == "a"
        [output] = answer["outputs"]
        rows = np.array(output["data"], np.float32).reshape(output["shape"])
        np.testing.assert_array_equal(rows, classifier.model.probabilities(images))


def test_predict_matches_predict_command(
    client: TestClient, pictures: list[Path], run: Run
) -> None:
    for picture in pictures:
        line = json.loads(run("predict", "--json", picture)[1])
        body = client.post("/predict", content=picture.read_bytes())
        form = client.post("/predict", files={"any": (str(picture), picture.read_bytes())})
        assert body.json() == line | {"file": ""}
        assert form.json() == line


def test_read_matches_read_command(client: TestClient, numbers: Path, run: Run) -> None:
    line = json.loads(run("read", "--json", numbers)[1])
    assert client.post("/read", content=numbers.read_bytes()).json() == line | {"file": ""}
    form = client.post("/read", files={"file": (str(numbers), numbers.read_bytes())})
    assert form.json() == line


def test_frame_matches_network_input(
    client: TestClient, classifier: Classifier, pictures: list[Path]
) -> None:
    picture = pictures[7].read_bytes()
    answer = client.post("/predict?frame=true", content=picture).json()
    frame = classifier.predict(picture).frame
    np.testing.assert_array_equal(np.array(answer["frame"], np.uint8), frame)


def test_blank_picture_has_no_digit_or_frame(client: TestClient) -> None:
    answer = client.post("/predict?frame=true", content=png(100, 100))
    assert answer.status_code == 200
    assert answer.json()["digit"] is None and answer.json()["frame"] is None
    assert "no ink" in answer.json()["note"]
    read = client.post("/read", content=png(100, 100))
    assert read.status_code == 200 and read.json() == {"file": "", "text": "", "lines": []}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"no picture", 422),
        (png(100, 100)[:60], 422),
        (png(10_000, 5_001), 413),  # over max_pixels
        (png(20_000, 20_000), 413),  # over what digits reads anywhere
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/read"])
def test_invalid_picture_is_refused(
    client: TestClient, path: str, content: bytes, status: int
) -> None:
    for answer in (
        client.post(path, content=content),
        client.post(path, files={"file": ("a.png", content)}),
    ):
        assert answer.status_code == status
        assert list(answer.json()) == ["error"]
        if status == 413:
            assert answer.json()["error"].startswith("at most 25,000,000 pixels are read, not ")


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=x", b"no form", 400),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n--x--", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf a pic',
            400,
        ),
        ("multipart/form-data; boundary=x; charset=no", b"--x--", 422),
        ("Multipart/Form-Data; boundary=" + "x" * 5000, b"", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--x--\r\n',
            422,
        ),
    ],
)
def test_malformed_form_is_refused(
    client: TestClient, kind: str, content: bytes, status: int
) -> None:
    answer = client.post("/predict", content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert "form" in answer.json()["error"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *((value, True) for value in ("1", "True", "true", "TRUE", "yes")),
        *((value, False) for value in ("0", "False", "false", "no")),
    ],
)
def test_frame_takes_usual_spellings(
    client: TestClient, pictures: list[Path], value: str, shown: bool
) -> None:
    answer = client.post(f"/predict?frame={value}", content=pictures[7].read_bytes())
    assert answer.status_code == 200 and ("frame" in answer.json()) is shown


@pytest.mark.parametrize("value", ["maybe", "", "2", "on off"])
def test_invalid_query_parameter_returns_422(client: TestClient, value: str) -> None:
    answer = client.post(f"/predict?frame={value}", content=png(9, 9))
    assert answer.status_code == 422
    assert answer.json() == {"error": "frame must be true or false"}


@pytest.mark.parametrize(("path", "most"), [("/predict", 1000), (INFER, 1000)])
def test_oversized_body_returns_413(classifier: Classifier, path: str, most: int) -> None:
    limits = {"max_form_bytes": 0, "max_picture_bytes": most, "max_tensor_bytes": most}
    client = TestClient(application(classifier, **limits))
    assert client.post(path, content=bytes(most)).status_code != 413
    for size in (most + 1, 7 * most, 9 * most):
        answer = client.post(path, content=bytes(size))
        assert answer.status_code == 413
        assert "1,000 bytes" in answer.json()["error"]
    chunks = (bytes(100) for _ in range(1000))  # whose length isn't announced
    assert client.post(path, content=chunks).status_code == 413


@pytest.mark.parametrize("form", [False, True])
def test_picture_over_max_picture_bytes_returns_413(classifier: Classifier, form: bool) -> None:
    picture = png(40, 40)
    client = TestClient(application(classifier, max_picture_bytes=len(picture) - 1))
    answer = (
        client.post("/predict", files={"file": picture})
        if form
        else client.post("/predict", content=picture)
    )
    assert answer.status_code == 413
    assert answer.json()["error"] == f"a picture may have at most {len(picture) - 1:,} bytes"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_compressed_requests_are_read(
    client: TestClient, pictures: list[Path], test_slice: Split, coding: str
) -> None:
    compress = gzip.compress if coding == "gzip" else zlib.compress
    tensor = json.dumps(infer_request(test_slice.images[:2, None])).encode()
    for path, content in (("/predict", pictures[7].read_bytes()), (INFER, tensor)):
        headers = {"content-encoding": coding}
        answer = client.post(path, content=compress(content), headers=headers)
        assert answer.status_code == 200
        assert answer.json() == client.post(path, content=content).json()


def test_body_compressed_otherwise_returns_415(client: TestClient) -> None:
    answer = client.post(INFER, content=b"x", headers={"content-encoding": "br"})
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "gzip, deflate"


def test_total_body_limit_returns_429_and_is_released(classifier: Classifier) -> None:
    client = TestClient(application(classifier, max_total_bytes=1000))
    for _ in range(3):
        assert client.post("/predict", content=bytes(900)).status_code == 422
        answer = client.post("/predict", content=bytes(1001))
        assert answer.status_code == 429 and answer.headers["retry-after"]


def test_full_picture_queue_returns_429(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()
    read = classifier.read

    def slow(source: bytes) -> object:
        begun.set()
        go.wait(10)
        return read(source)

    with TestClient(application(classifier, max_queued_pictures=1)) as client:
        monkeypatch.setattr(classifier, "read", slow)
        first = threading.Thread(target=client.post, args=("/read",), kwargs={"content": png(9, 9)})
        first.start()
        assert begun.wait(10)
        answer = client.post("/predict", content=png(9, 9))
        assert answer.status_code == 429 and answer.headers["retry-after"]
        go.set()
        first.join()
        assert client.post("/predict", content=png(9, 9)).status_code == 200


def test_answer_timeout_returns_503(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = TestClient(application(classifier, body_timeout=0.0, answer_timeout=0.1))
    go = threading.Event()
    monkeypatch.setattr(classifier, "read", lambda source: go.wait(10))
    answer = client.post("/read", content=png(9, 9))
    go.set()
    assert answer.status_code == 503
    assert "in time" in answer.json()["error"]


def test_internal_error_returns_500_without_details(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = TestClient(application(classifier), raise_server_exceptions=False)
    with monkeypatch.context() as patch:
        patch.setattr(PictureQueue, "answer", lambda *_: 1 / 0)
        answer = client.post("/predict", content=png(9, 9))
    assert answer.status_code == 500
    assert answer.json() == {"error": "internal error; see the server's log"}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.post("/predict", content=png(9, 9)).status_code == 200


def test_large_upload_creates_no_temporary_file(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file")

    monkeypatch.setattr(tempfile, "TemporaryFile", no)
    content = bytes(Limits.max_picture_bytes)
    answer = client.post("/predict", files={"file": ("a.png", content)})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/worker.js", "text/javascript; charset=utf-8"),
        ("/assets/any/style.css", "text/css; charset=utf-8"),
        ("/assets/any/page.js", "text/javascript; charset=utf-8"),
        ("/assets/any/icon.svg", "image/svg+xml"),
        ("/assets/any/paper.js", "text/javascript; charset=utf-8"),
    ],
)
def test_page_assets_load_nothing_external(client: TestClient, path: str, kind: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    text = answer.text.replace("http://www.w3.org/2000/svg", "")
    assert "http:" not in text and "https:" not in text and "style=" not in text


def test_page_example_pictures_are_readable(client: TestClient) -> None:
    sources = re.findall(r'<img src="([^"]+)" alt="[^"]', client.get("/").text)
    assert len(sources) == 5
    for source in sources:
        answer = client.get(f"/{source}")
        assert answer.status_code == 200 and answer.headers["content-type"] == "image/webp"
        assert client.post("/predict", content=answer.content).status_code == 200


def test_page_shows_escaped_model_metadata(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = dataclasses.replace(
        classifier.model.metadata,
        architecture="<b>mine</b>",
        test_accuracy=0.98765,
        checkpoint_sha256="0123456789abcdef",
        digits_version="9.8.7",
    )
    monkeypatch.setattr(classifier.model, "metadata", metadata)
    text = " ".join(TestClient(application(classifier)).get("/").text.split())
    assert "The model, &lt;b&gt;mine&lt;/b&gt;, reads 98.77 % of MNIST's test digits right" in text
    assert "(version 01234567, made with digits 9.8.7)" in text


@pytest.mark.parametrize(
    "path", ["/none", "/none/", "/v2//", "/docs/", "/../pyproject.toml", "/page/index.html", "/%00"]
)
def test_unknown_path_returns_404(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"error": "there is no such address; see /docs"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/predict", "POST"),
        ("PUT", "/read/", "POST"),
        ("POST", "/v2", "GET, HEAD"),
        ("GET", INFER, "POST"),
        ("DELETE", "/", "GET, HEAD"),
    ],
)
def test_wrong_method_returns_405(client: TestClient, method: str, path: str, allowed: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"error": f"{method} is not allowed here, only {allowed}"}


def test_trailing_slash_changes_nothing(
    client: TestClient, pictures: list[Path], test_slice: Split
) -> None:
    for path in ("/v2", "/v2/health/live", "/v2/models/lenet5", "/openapi.json"):
        assert client.get(f"{path}/").json() == client.get(path).json()
    picture = pictures[7].read_bytes()
    answer = client.post("/predict/?frame=1", content=picture)
    assert not answer.history
    assert answer.json() == client.post("/predict?frame=1", content=picture).json()
    assert client.post(f"{INFER}/", json=infer_request(test_slice.images[:1, None])).is_success


@pytest.mark.parametrize("path", ["/", "/v2", "/none", "/metrics"])
def test_every_response_has_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path, headers={"origin": "https://evil.example"}).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert not any(name.startswith("access-control") for name in headers)


def test_metrics_count_requests_and_batches(client: TestClient, test_slice: Split) -> None:
    client.post(INFER, json=infer_request(test_slice.images[:3, None]))
    client.post("/predict", content=b"no picture")
    client.get("/any/thing/at/all")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        'digits_requests_total{endpoint="infer",status="200"} 1.0',
        'digits_requests_total{endpoint="predict",status="422"} 1.0',
        'digits_requests_total{endpoint="none",status="404"} 1.0',
        "digits_batch_digits_sum 3.0",
        "digits_requests_in_progress 1.0",
    ):
        assert line in answer.text.splitlines()


def metrics_lines(client: TestClient) -> list[str]:
    return client.get("/metrics").text.splitlines()


def test_metrics_show_model_and_build_info(client: TestClient, classifier: Classifier) -> None:
    [model] = [line for line in metrics_lines(client) if line.startswith("digits_model_info{")]
    checkpoint = classifier.model.metadata.checkpoint_sha256
    for label in ('name="lenet5"', 'version="1"', 'architecture="lenet5"', checkpoint):
        assert label in model
    [build] = [line for line in metrics_lines(client) if line.startswith("digits_build_info{")]
    assert f'version="{digits.__version__}"' in build and 'onnxruntime="' in build


def test_metrics_count_answers_and_confidences(
    client: TestClient,
    classifier: Classifier,
    pictures: list[Path],
    numbers: Path,
    test_slice: Split,
) -> None:
    confidences = classifier.model.probabilities(test_slice.images[:20]).max(1)
    sure = int((confidences >= classifier.threshold).sum())
    for picture in (*(path.read_bytes() for path in pictures), png(9, 9)):
        client.post("/predict", content=picture)
    client.post("/read", content=numbers.read_bytes())
    client.post(INFER, json=infer_request(test_slice.images[:20, None]))
    found = metrics_lines(client)
    for line in (
        'digits_answers_total{answer="digit",endpoint="predict"} 10.0',
        'digits_answers_total{answer="unsure",endpoint="predict"} 1.0',
        f'digits_answers_total{{answer="digit",endpoint="infer"}} {sure}.0',
        'digits_confidence_count{endpoint="predict"} 11.0',
        'digits_confidence_bucket{endpoint="infer",le="0.2"} 0.0',
        'digits_confidence_count{endpoint="infer"} 20.0',
    ):
        assert line in found
    assert any(line.startswith('digits_confidence_count{endpoint="read"}') for line in found)


def test_metrics_show_queue_lengths(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()

    def read(source: bytes) -> None:
        begun.set()
        go.wait(10)

    monkeypatch.setattr(classifier, "read", read)
    with TestClient(application(classifier), raise_server_exceptions=False) as client:
        slow = threading.Thread(target=client.post, args=("/read",), kwargs={"content": png(9, 9)})
        slow.start()
        assert begun.wait(10)
        assert "digits_queued_pictures 1.0" in metrics_lines(client)
        go.set()
        slow.join()
        assert "digits_queued_pictures 0.0" in metrics_lines(client)
        assert "digits_queued_digits 0.0" in metrics_lines(client)


@pytest.mark.parametrize(
    ("reason", "settings", "ask"),
    [
        ("no_picture", {}, {"url": "/predict", "content": b"x"}),
        ("too_many_pixels", {}, {"url": "/predict", "content": png(10_000, 5_001)}),
        ("too_large", {"max_tensor_bytes": 9}, {"url": INFER, "content": bytes(10)}),
        ("malformed", {}, {"url": INFER, "content": b"{"}),
        ("unreadable", {}, {"url": INFER, "content": b"{}"}),
        ("compressed", {}, {"url": INFER, "headers": {"content-encoding": "br"}}),
        ("memory_full", {"max_total_bytes": 9}, {"url": "/read", "content": bytes(10)}),
        ("digits_queue_full", {"max_queued_digits": 1}, {"url": INFER}),
        ("not_found", {}, {"url": "/none"}),
        ("wrong_method", {}, {"url": "/v2"}),
        ("foreign_host", {}, {"url": "/predict", "headers": {"host": "evil.example"}}),
        ("no_token", {"token": "secret"}, {"url": "/predict"}),
    ],
)
def test_metrics_count_refusals_by_reason(
    classifier: Classifier,
    reason: str,
    settings: dict[str, Any],
    ask: dict[str, Any],
    test_slice: Split,
) -> None:
    if reason == "digits_queue_full":
        ask = ask | {"json": infer_request(test_slice.images[:2, None])}
    with TestClient(application(classifier, **settings)) as client:
        assert client.post(**ask).status_code >= 400
        headers = {"authorization": "Bearer secret"}
        found = client.get("/metrics", headers=headers).text.splitlines()
    assert f'digits_refusals_total{{reason="{reason}"}} 1.0' in found
