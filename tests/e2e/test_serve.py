"""The installed `digits serve`: clients written by others, signals, addresses, lost clients."""

import http.client
import json
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest

from digits.classifier import Classifier
from digits.data.mnist import Split
from digits.inference import metadata
from digits.inference.model_file import BUNDLED, load
from digits.serve.listener import reachable_address
from tests.served import Served, served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the model that is served, which a test replaces."""
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    path.write_bytes(Path(BUNDLED).read_bytes())
    return path


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[Served]:
    with served("--host", "0.0.0.0", "--model", str(model), complains=True) as server:
        yield server


@pytest.fixture(scope="module")
def triton(server: Served) -> Iterator[Any]:
    """A client of Triton's, with its module's names."""
    module = pytest.importorskip("tritonclient.http", reason="tritonclient is made for Linux")
    client = module.InferenceServerClient(server.address)
    client.names = module
    yield client
    client.close()


def test_triton_client_gets_metadata_and_errors(triton: Any) -> None:
    assert triton.is_server_live() and triton.is_server_ready()
    assert triton.is_model_ready("lenet5") and triton.is_model_ready("lenet5", "1")
    assert triton.get_server_metadata()["name"] == "digits"
    [tensor] = triton.get_model_metadata("lenet5")["inputs"]
    assert (tensor["name"], tensor["datatype"]) == ("images", "UINT8")
    sent = triton.names.InferInput("images", [1, 784], "UINT8")
    sent.set_data_from_numpy(np.zeros((1, 784), np.uint8))
    for model, words in (("vgg16", "the only model is lenet5"), ("lenet5", "shape: expected")):
        with pytest.raises(triton.names.InferenceServerException, match=words):
            triton.infer(model, [sent])


@pytest.mark.parametrize("binary", [True, False])
def test_triton_client_gets_probabilities_and_classes(
    triton: Any, test_slice: Split, binary: bool
) -> None:
    images = test_slice.images[:20, None]
    expected = Classifier().model.probabilities(images)
    sent = triton.names.InferInput("images", list(images.shape), "UINT8")
    sent.set_data_from_numpy(images, binary_data=binary)
    wanted = triton.names.InferRequestedOutput
    for outputs in (None, [wanted("probabilities", binary_data=binary)]):
        answer = triton.infer("lenet5", [sent], outputs=outputs, request_id="a")
        np.testing.assert_array_equal(answer.as_numpy("probabilities"), expected)
        assert answer.get_response()["id"] == "a"
    classes = wanted("probabilities", binary_data=binary, class_count=3)
    rows = triton.infer("lenet5", [sent], outputs=[classes]).as_numpy("probabilities")
    for texts, probabilities in zip(rows, expected, strict=True):
        likeliest = np.argsort(-probabilities, kind="stable")[:3]
        shown = [text.decode() if binary else text for text in texts]
        assert shown == [f"{probabilities[digit]:f}:{digit}" for digit in likeliest]


def test_addresses_and_warnings_are_printed(server: Served) -> None:
    log = server.wait_for("warning: no token")
    assert f"serving http://0.0.0.0:{server.port}/" in log and "warning: no TLS" in log
    if address := reachable_address("0.0.0.0"):
        url = f"http://{address}:{server.port}/"
        assert f"from other devices: {url}\n" in log
        assert urlopen(f"{url}v2").status == 200


def test_aborted_uploads_leak_no_memory(server: Served) -> None:
    """They once stayed in memory. So many leaked ones would take 50 MB."""

    def abort_uploads() -> int:
        for number in range(500):
            with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
                client.sendall(b"POST /predict HTTP/1.1\r\nhost: localhost\r\n")
                client.sendall(b"content-length: 200000\r\n\r\n" + bytes(100_000))
                if number % 2:  # reset the connection
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert urlopen(f"{server.url}/v2").status == 200
        return server.resident

    abort_uploads()  # to reach its peak of memory
    before = abort_uploads()
    assert abort_uploads() - before < 10e6


def test_sighup_reloads_model_without_dropped_request(
    server: Served, model: Path, test_slice: Split
) -> None:
    """Meanwhile, clients get the answers to their own digits."""
    labels = Classifier().model.probabilities(test_slice.images).argmax(1)
    answered, stop = list[bool](), threading.Event()

    def ask(index: int) -> None:
        client = http.client.HTTPConnection("127.0.0.1", server.port)
        while not stop.is_set():
            tensor = {"name": "images", "shape": [1, 1, 28, 28], "datatype": "UINT8"}
            tensor["data"] = test_slice.images[index].ravel().tolist()
            client.request("POST", "/v2/models/lenet5/infer", json.dumps({"inputs": [tensor]}))
            answer = json.loads(client.getresponse().read())
            answered.append(np.argmax(answer["outputs"][0]["data"]) == labels[index])
            index = (index + 8) % 500
        client.close()

    def recipe() -> str:
        described = json.loads(urlopen(f"{server.url}/v2/models/lenet5").read())
        return str(described["parameters"]["recipe"])

    about = replace(load(model, metadata.Metadata).metadata, recipe="another")
    other = metadata.add_metadata(model.read_bytes(), about)
    threads = [threading.Thread(target=ask, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    try:
        assert recipe() != "another"
        for new, words in (
            (other, "the model was reloaded"),
            (other[:-1], "error: the model was not reloaded"),
        ):
            (model.parent / "new").write_bytes(new)
            os.replace(model.parent / "new", model)
            server.process.send_signal(signal.SIGHUP)
            server.wait_for(words)
            count = len(answered)
            while len(answered) < count + 100:
                assert server.process.poll() is None
                time.sleep(0.01)
        assert recipe() == "another"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert all(answered)


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
            socket.create_connection(("127.0.0.1", server.port), timeout=30).close()
            time.sleep(0.01)


def test_sigterm_finishes_what_was_accepted(numbers: Path) -> None:
    photo = numbers.read_bytes()
    with served() as server:
        upload = begin_upload(server, len(photo))
        upload.send(photo[:1000])
        server.process.send_signal(signal.SIGTERM)
        wait_until_connections_are_refused(server)
        upload.send(photo[1000:])
        answer = upload.getresponse()
        assert answer.status == 200 and answer.getheader("connection") == "close"
        assert json.loads(answer.read())["text"] == Classifier().read(photo).text
        assert server.process.wait(60) == 0


def test_second_signal_aborts_request_with_503() -> None:
    with served() as server:
        upload = begin_upload(server, 1000)
        server.process.send_signal(signal.SIGINT)
        wait_until_connections_are_refused(server)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
        assert upload.getresponse().status == 503
