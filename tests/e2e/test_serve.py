"""The installed `digits serve`: third-party clients, signals, addresses."""

import http.client
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest

from digits.classifier import Classifier
from digits.data.mnist import Split
from digits.serve import addresses
from tests.e2e.conftest import Run
from tests.served import Served, served


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served() as server:
        yield server


def test_triton_client_gets_probabilities(server: Served, test_slice: Split) -> None:
    triton = pytest.importorskip("tritonclient.http", reason="tritonclient is made for Linux")
    client = triton.InferenceServerClient(server.address)
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("lenet5") and client.is_model_ready("lenet5", "1")
    assert client.get_server_metadata()["name"] == "digits"
    described = client.get_model_metadata("lenet5")
    [tensor] = described["inputs"]
    images = test_slice.images[:100, None]
    expected = Classifier().model.probabilities(images)
    for binary_input in (True, False):
        for binary_output in (True, False):
            sent = triton.InferInput(tensor["name"], list(images.shape), tensor["datatype"])
            sent.set_data_from_numpy(images, binary_data=binary_input)
            wanted = triton.InferRequestedOutput("probabilities", binary_data=binary_output)
            for outputs in ([wanted], None):
                answer = client.infer("lenet5", [sent], outputs=outputs, request_id="a")
                rows = answer.as_numpy("probabilities")
                np.testing.assert_array_equal(rows, expected)
                assert answer.get_response()["id"] == "a"
    client.close()


def test_triton_client_gets_classification(server: Served, test_slice: Split) -> None:
    triton = pytest.importorskip("tritonclient.http", reason="tritonclient is made for Linux")
    client = triton.InferenceServerClient(server.address)
    images = test_slice.images[:20, None]
    expected = Classifier().model.probabilities(images)
    sent = triton.InferInput("images", list(images.shape), "UINT8")
    sent.set_data_from_numpy(images)
    for binary in (True, False):
        for count in (1, 3, 99):
            wanted = triton.InferRequestedOutput(
                "probabilities", binary_data=binary, class_count=count
            )
            rows = client.infer("lenet5", [sent], outputs=[wanted]).as_numpy("probabilities")
            assert rows.shape == (20, min(count, 10))
            for texts, probabilities in zip(rows, expected, strict=True):
                pairs = [(text.decode() if binary else text).split(":") for text in texts]
                order = np.argsort(-probabilities, kind="stable")[: len(pairs)]
                assert [int(answer) for _, answer in pairs] == order.tolist()
                shares = [float(share) for share, _ in pairs]
                np.testing.assert_allclose(shares, probabilities[order], atol=1e-6)
    client.close()


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_triton_client_compresses_requests(server: Served, test_slice: Split, coding: str) -> None:
    triton = pytest.importorskip("tritonclient.http", reason="tritonclient is made for Linux")
    client = triton.InferenceServerClient(server.address)
    images = test_slice.images[:20, None]
    for binary in (True, False):
        sent = triton.InferInput("images", list(images.shape), "UINT8")
        sent.set_data_from_numpy(images, binary_data=binary)
        answer = client.infer(
            "lenet5",
            [sent],
            request_compression_algorithm=coding,
            response_compression_algorithm=coding,
        )
        expected = Classifier().model.probabilities(images)
        np.testing.assert_array_equal(answer.as_numpy("probabilities"), expected)
    client.close()


def test_triton_client_gets_error_messages(server: Served) -> None:
    triton = pytest.importorskip("tritonclient.http", reason="tritonclient is made for Linux")
    client = triton.InferenceServerClient(server.address)
    sent = triton.InferInput("images", [1, 784], "UINT8")
    sent.set_data_from_numpy(np.zeros((1, 784), np.uint8))
    for model, words in (("vgg16", "the only model is lenet5"), ("lenet5", "shape must be")):
        with pytest.raises(triton.InferenceServerException, match=words):
            client.infer(model, [sent])
    client.close()


def begin_upload(server: Served, length: int) -> http.client.HTTPConnection:
    """Start a POST to /read, until the server waits for the body."""
    client = http.client.HTTPConnection("127.0.0.1", server.port)
    client.putrequest("POST", "/read")
    client.putheader("content-length", str(length))
    client.putheader("expect", "100-continue")
    client.endheaders()
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        received += client.sock.recv(1)
    assert received.startswith(b"HTTP/1.1 100 ")
    return client


def wait_until_connections_are_refused(server: Served) -> None:
    with suppress(ConnectionError):  # connections not yet accepted are reset
        while True:
            socket.create_connection(("127.0.0.1", server.port)).close()
            time.sleep(0.01)


def test_sigterm_finishes_accepted_request(numbers: Path) -> None:
    photo = numbers.read_bytes()
    with served() as server:
        client = begin_upload(server, len(photo))
        client.send(photo[:1000])
        server.process.send_signal(signal.SIGTERM)
        wait_until_connections_are_refused(server)
        client.send(photo[1000:])
        answer = client.getresponse()
        assert answer.status == 200
        assert json.loads(answer.read())["text"] == Classifier().read(photo).text
        assert server.process.wait(60) == 0


def test_sigterm_loses_no_request_of_kept_connections() -> None:
    """Each client sends until an answer says that it was the connection's last."""
    ends: list[str] = []

    def ask() -> None:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        try:
            while True:
                client.request("GET", "/v2")
                answer = client.getresponse()
                answer.read()
                begun.set()
                if answer.getheader("connection") == "close":
                    ends.append("closed by an answer")
                    return
        except (OSError, http.client.HTTPException) as error:
            ends.append(repr(error))

    with served() as server:
        begun = threading.Event()
        threads = [threading.Thread(target=ask) for _ in range(48)]
        for thread in threads:
            thread.start()
        assert begun.wait(30)
        server.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        assert ends == ["closed by an answer"] * 48


def test_sigint_exits_0_without_output() -> None:
    with served() as server:
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(60) == 0


def test_serve_on_used_port_fails(server: Served, run_digits: Run) -> None:
    done = run_digits("serve", "--port", server.port)
    assert done.returncode == 1
    assert "Address already in use" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--host", "nowhere.invalid"), "can't listen on nowhere.invalid"),
        (("--host", "192.0.2.1"), "can't listen on 192.0.2.1"),
        (("--host", "\udcff"), "can't listen on"),
        (("--model", "none.onnx"), "no such model"),
    ],
)
def test_serve_rejects_bad_host_and_model(
    run_digits: Run, options: tuple[str, ...], words: str
) -> None:
    done = run_digits("serve", "--port", "0", *options)
    assert done.returncode == 1
    assert words in done.stderr and "Traceback" not in done.stderr


def test_serve_on_all_interfaces_prints_addresses_and_warnings() -> None:
    with served("--host", "0.0.0.0", complains=True) as server:
        log = server.wait_for("warning: no token")
        assert f"serving http://0.0.0.0:{server.port}/" in log and "warning: no TLS" in log
        for address in addresses.reachable("0.0.0.0"):
            other = f"http://{address}:{server.port}/"
            assert f"from other devices: {other}\n" in log
            assert urlopen(f"{other}v2").status == 200


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_aborts_request_with_503(second: signal.Signals) -> None:
    with served() as server:
        client = begin_upload(server, 1000)
        server.process.send_signal(signal.SIGINT)
        wait_until_connections_are_refused(server)
        server.process.send_signal(second)
        assert server.process.wait(60) == 0
        assert client.getresponse().status == 503


def test_concurrent_requests_get_their_own_predictions(server: Served, test_slice: Split) -> None:
    expected = Classifier().model.probabilities(test_slice.images).argmax(1)
    wrong = []

    def ask(start: int) -> None:
        client = http.client.HTTPConnection("127.0.0.1", server.port)
        for index in range(start, 500, 16):
            tensor = {"name": "images", "shape": [1, 1, 28, 28], "datatype": "UINT8"}
            tensor["data"] = test_slice.images[index].ravel().tolist()
            client.request("POST", "/v2/models/lenet5/infer", json.dumps({"inputs": [tensor]}))
            answer = json.loads(client.getresponse().read())
            if np.argmax(answer["outputs"][0]["data"]) != expected[index]:
                wrong.append(index)

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
