from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from digits.classifier import Classifier
from tests.runtime.serve.conftest import application
from tests.runtime.serve.test_app import INFER, infer_request, metrics_of, png

FORM = "multipart/form-data; boundary=x"
SMALL = {"max_form_bytes": 0, "max_picture_bytes": 1000, "max_tensor_bytes": 1000}
REFUSALS: list[tuple[int, str, str, dict[str, Any], dict[str, Any]]] = [
    *(
        (status, reason, words, {}, {"url": path} | sent)
        for path in ("/predict", "/read")
        for content, status, reason, words in (
            (b"", 422, "no_picture", ""),
            (b"no picture", 422, "no_picture", ""),
            (png(100, 100)[:60], 422, "no_picture", ""),
            (png(10_000, 5_001), 413, "too_many_pixels", "at most 25,000,000 pixels are read, not"),
            (png(20_000, 20_000), 413, "too_many_pixels", "at most 25,000,000 pixels"),
        )
        for sent in ({"content": content}, {"files": {"file": ("a.png", content)}})
    ),
    *(
        (status, reason, "form", {}, {"url": "/predict", "content": content, "headers": kind})
        for status, reason, content, kind in (
            (400, "malformed", b"no form", {"content-type": FORM}),
            (
                400,
                "malformed",
                b"",
                {"content-type": f"Multipart/Form-Data; boundary={'x' * 5000}"},
            ),
            (422, "unreadable", b"--x--", {"content-type": f"{FORM}; charset=no"}),
        )
    ),
    *(
        (413, "too_large", "at most 1,000 bytes", SMALL, {"url": path, "content": content})
        for path in ("/predict", INFER)
        for content in (bytes(1001), bytes(7000), bytes(9000))
    ),
    (413, "too_large", "have at most 9 b", {"max_picture_bytes": 9}, {"content": png(9, 9)}),
    (422, "unreadable", "frame must be true or false", {}, {"url": "/predict?frame=maybe"}),
    (422, "unreadable", "frame must be true or false", {}, {"url": "/predict?frame="}),
    (400, "malformed", "not JSON", {}, {"url": INFER, "content": b"{"}),
    (422, "unreadable", "lacks inputs", {}, {"url": INFER, "content": b"{}"}),
    (415, "compressed", "gzip", {}, {"url": INFER, "headers": {"content-encoding": "br"}}),
    (429, "memory_full", "", {"max_total_bytes": 9}, {"url": "/read", "content": bytes(10)}),
    (
        *(429, "digits_queue_full", "too many digits", {"max_queued_digits": 1}),
        {"url": INFER, "json": infer_request(np.zeros((2, 1, 28, 28), np.uint8))},
    ),
    *(
        (404, "not_found", "there is no such address; see /docs", {}, {"method": "GET", "url": url})
        for url in ("/none", "/none/", "/v2//", "/docs/", "/../a", "/page/index.html", "/%00")
    ),
    *(
        (404, "not_found", "the only model is lenet5, version 1", {}, {"method": "GET", "url": url})
        for url in (f"/v2/models/{path}" for path in ("vgg16", "vgg16/ready", "lenet5/versions/x"))
    ),
    *(
        (405, "wrong_method", f"{method} is not allowed here, only {allowed}", {})
        + ({"method": method, "url": url},)
        for method, url, allowed in (
            *(("GET", "/predict", "POST"), ("PUT", "/read/", "POST"), ("GET", INFER, "POST")),
            *(("POST", "/v2", "GET, HEAD"), ("DELETE", "/", "GET, HEAD")),
        )
    ),
    (421, "foreign_host", "--allowed-hosts", {}, {"headers": {"host": "evil.example"}}),
    (401, "no_token", "a token is required", {"token": "secret"}, {}),
]


@pytest.mark.parametrize(("status", "reason", "words", "settings", "sent"), REFUSALS)
def test_refusal(
    classifier: Classifier,
    status: int,
    reason: str,
    words: str,
    settings: dict[str, Any],
    sent: dict[str, Any],
) -> None:
    with TestClient(application(classifier, **settings)) as client:
        for count in (1, 2):  # the first leaves nothing behind
            answer = client.request(**{"method": "POST", "url": "/predict"} | sent)
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/json"
            [(key, message)] = answer.json().items()
            assert key == "error" and message and words in message
            assert ("retry-after" in answer.headers) == (status == 429)
            assert ("allow" in answer.headers) == (status == 405)
            assert f'digits_refusals_total{{reason="{reason}"}} {count}.0' in metrics_of(client)
