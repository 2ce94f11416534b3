"""The installed `digits serve`: clients that others have written, or generated, and signals."""

import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest

from digits.classifier import Classifier
from digits.data.mnist import Split
from digits.inference import metadata
from digits.inference.model_file import BUNDLED, load
from tests.served import Served, served


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the model that is served, which a test replaces."""
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    path.write_bytes(Path(BUNDLED).read_bytes())
    return path


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[Served]:
    with served("--model", str(model), complains=True) as server:
        yield server


@pytest.mark.parametrize("binary", [True, False])
def test_triton_client(server: Served, test_slice: Split, binary: bool) -> None:
    triton = pytest.importorskip("tritonclient.http", reason="tritonclient is made for Linux")
    images = test_slice.images[:20, None]
    expected = Classifier().model.probabilities(images)
    sent = triton.InferInput("images", list(images.shape), "UINT8")
    sent.set_data_from_numpy(images, binary_data=binary)
    wanted = triton.InferRequestedOutput
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        assert client.is_server_ready() and client.is_model_ready("lenet5", "1")
        for outputs in (None, [wanted("probabilities", binary_data=binary)]):
            answer = client.infer("lenet5", [sent], outputs=outputs, request_id="a")
            np.testing.assert_array_equal(answer.as_numpy("probabilities"), expected)
            assert answer.get_response()["id"] == "a"
        classes = wanted("probabilities", binary_data=binary, class_count=3)
        rows = client.infer("lenet5", [sent], outputs=[classes]).as_numpy("probabilities")
    for texts, probabilities in zip(rows, expected, strict=True):
        likeliest = np.argsort(-probabilities, kind="stable")[:3]
        shown = [text.decode() if binary else text for text in texts]
        assert shown == [f"{probabilities[digit]:f}:{digit}" for digit in likeliest]


def test_sighup_reloads_and_drops_nothing(server: Served, model: Path, test_slice: Split) -> None:
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

    about = replace(load(model, metadata.Metadata).metadata, recipe="another")
    other = metadata.add_metadata(model.read_bytes(), about)
    with ThreadPoolExecutor(8) as threads:
        asking = [threads.submit(ask, start) for start in range(8)]
        try:
            model.with_name("new").write_bytes(other)
            model.with_name("new").replace(model)
            server.process.send_signal(signal.SIGHUP)
            server.wait_for("the model was reloaded")
            count = len(answered)
            while len(answered) < count + 100:
                assert not any(each.done() for each in asking)
                time.sleep(0.01)
            described = json.loads(urlopen(f"{server.url}/v2/models/lenet5").read())
            assert described["parameters"]["recipe"] == "another"
        finally:
            stop.set()
        for each in asking:
            each.result()
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


def stop_accepting(server: Served, number: signal.Signals) -> None:
    """Send a signal, and wait until connections are refused."""
    server.process.send_signal(number)
    with suppress(ConnectionError):  # connections not yet accepted are reset
        while True:
            socket.create_connection(("127.0.0.1", server.port), timeout=30).close()
            time.sleep(0.01)


def test_sigterm_finishes_what_was_accepted(numbers: Path) -> None:
    photo = numbers.read_bytes()
    with served() as server:
        upload = begin_upload(server, len(photo))
        upload.send(photo[:1000])
        stop_accepting(server, signal.SIGTERM)
        upload.send(photo[1000:])
        answer = upload.getresponse()
        assert answer.status == 200 and answer.getheader("connection") == "close"
        assert json.loads(answer.read())["text"] == Classifier().read(photo).text
        assert server.process.wait(60) == 0


def test_second_signal_aborts_request_with_503() -> None:
    with served() as server:
        upload = begin_upload(server, 1000)
        stop_accepting(server, signal.SIGINT)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
        assert upload.getresponse().status == 503


def test_documented_python_code(tmp_path: Path, test_slice: Split) -> None:
    shutil.copy(BUNDLED, tmp_path / "lenet5.int8.onnx")
    np.save(tmp_path / "digit.npy", test_slice.images[:1, None])
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
    blocks: list[str] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    [code] = [block for block in blocks if "lenet5.int8.onnx" in block]
    code = code.replace("np.zeros((1, 1, 28, 28), np.uint8)", 'np.load("digit.npy")')
    assert "digit.npy" in code
    answer = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path)
    assert int(answer) == test_slice.labels[0]


# In an environment of its own: it needs an older Typer.
PACKAGES = ["--with", "openapi-python-client==0.29.1", "--with", "ruff"]

CLIENT = """
import subprocess, sys
from io import BytesIO

url, picture = sys.argv[1:]
content = open(picture, "rb").read()
generate = ["openapi-python-client", "generate", "--url", f"{url}/openapi.json"]
options = ["--meta", "none", "--config", "config.yaml", "--output-path", "digits_client"]
done = subprocess.run([*generate, *options], check=True, capture_output=True, text=True)
said = done.stdout + done.stderr
assert not {"warning", "unable"} & set(said.lower().split()), said  # it has generated everything

from digits_client import Client
from digits_client.api.pictures import predict, read
from digits_client.api.tensors import infer
from digits_client.models import *
from digits_client.types import File

client = Client(base_url=url)
digit = predict.sync(client=client, body=File(BytesIO(content)), frame=True)
assert isinstance(digit, Prediction) and digit.digit == 7, digit
files = [File(BytesIO(content), "7.png", "image/png"), File(BytesIO(b""), "no.png", "image/png")]
several = predict.sync(client=client, body=PredictFilesBody(files=files))
assert [*map(type, several)] == [Prediction, RefusedFile], several
page = read.sync(client=client, body=File(BytesIO(content)), length="1")
assert isinstance(page, Reading) and page.numbers[0].text == "7", page
refused = read.sync(client=client, body=File(BytesIO(b"")))
assert isinstance(refused, Error) and "picture" in refused.error, refused
pixels = [pixel for row in digit.frame for pixel in row]
tensor = InputTensor(name="images", shape=[1, 1, 28, 28], datatype="UINT8", data=pixels)
wanted = WantedOutput("probabilities", parameters=OutputParameters(classification=2))
request = InferRequest(inputs=[tensor], outputs=[wanted], id="a")
answer = infer.sync("lenet5", client=client, body=request)
assert isinstance(answer, InferResponse) and answer.id == "a", answer
assert answer.outputs[0].data[0].endswith(":7"), answer
"""


def test_generated_client(tmp_path: Path, pictures: list[Path]) -> None:
    (tmp_path / "config.yaml").write_text("post_hooks: []\npackage_name_override: digits_client\n")
    (tmp_path / "client.py").write_text(CLIENT)
    uv = str(Path(sys.executable).parent / "uv")
    python = [uv, "run", "--no-project", "--isolated", "--python", sys.executable, *PACKAGES]
    with served() as server:
        run = [*python, "python", "client.py", server.url, str(pictures[7])]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    if done.returncode and "dns error" in done.stderr:
        pytest.skip("there is no network")
    assert done.returncode == 0, done.stderr
