"""The health check of a container, against a real socket."""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from digits.classifier import Classifier
from digits.serve import probe
from digits.serve.app import App
from digits.serve.server import bind, make_server
from digits.serve.settings import Settings


@contextmanager
def serving(classifier: Classifier, settings: Settings) -> Iterator[socket.socket]:
    """A running server and the socket on which it listens."""
    server = make_server(App(settings, classifier))
    with bind(settings) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield listener
        finally:
            server.should_exit = True
            thread.join(60)


def probed(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and stderr of `python -m digits.serve.probe`."""
    code = 0
    try:
        probe.main()
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    return code, capsys.readouterr().err


def test_ready_server(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(classifier, Settings(port=0)) as listener:
        monkeypatch.setenv("DIGITS_PORT", str(listener.getsockname()[1]))
        for host in ("127.0.0.1", "0.0.0.0"):  # every address, of which it takes one
            monkeypatch.setenv("DIGITS_HOST", host)
            assert probed(capsys) == (0, "")


@pytest.mark.unix
def test_ready_server_on_unix_socket(classifier: Classifier, tmp_path: Path) -> None:
    settings = Settings(uds=tmp_path / "socket")
    with serving(classifier, settings):
        assert probe.is_ready(settings)


def test_no_server(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setenv("DIGITS_PORT", str(free.getsockname()[1]))
    code, err = probed(capsys)
    assert code == 1
    assert "refused" in err


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", b"SSH-2.0-OpenSSH_9\r\n"]
)
def test_server_that_is_not_ready(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: bytes
) -> None:
    def reply() -> None:
        client, _ = listener.accept()
        with client:
            client.recv(65536)
            client.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("DIGITS_PORT", str(listener.getsockname()[1]))
        thread = threading.Thread(target=reply)
        thread.start()
        code, err = probed(capsys)
        thread.join(60)
    assert code == 1
    assert err.startswith("error: ")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("DIGITS_TOKEN", "", "error: $DIGITS_TOKEN is empty; set a value"),
        ("DIGITS_MAX_BATCH", "many", "error: "),
        ("DIGITS_MAX_TOTAL_BYTES", "1", "error: Invalid value: --max-total-bytes must be"),
    ],
)
def test_invalid_settings(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
    message: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["probe"])
    monkeypatch.setenv(variable, value)
    code, err = probed(capsys)
    assert code == 1 and err.startswith(message) and err.count("\n") == 1
