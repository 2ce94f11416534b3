"""The installed `digits serve`: clients that others have written, or generated, and signals."""

import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from digits.data.split import Split
from digits.inference.model_file import BUNDLED
from digits.recognize import Reader
from tests.served import Served, served


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
        assert answer.status == 200
        assert json.loads(answer.read())["text"] == Reader().read(photo).text
        assert server.process.wait(60) == 0


def test_second_signal_ends_server_at_once() -> None:
    with served() as server:
        upload = begin_upload(server, 1000)
        stop_accepting(server, signal.SIGINT)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0
        with pytest.raises(ConnectionError):
            upload.getresponse()


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
