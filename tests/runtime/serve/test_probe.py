"""The health check of a container, against a real socket."""

import socket
import threading
from pathlib import Path

import pytest

from digits.classifier import Classifier
from digits.serve import probe
from tests.runtime.serve.conftest import serving


def probed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **variables: object
) -> tuple[int, str]:
    """Exit code and stderr of `python -m digits.serve.probe`."""
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    code = 0
    try:
        probe.main()
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    return code, capsys.readouterr().err


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # every address, of which it takes one
def test_ready_server(
    classifier: Classifier,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    host: str,
) -> None:
    with serving(classifier) as (_, port):
        answer = probed(monkeypatch, capsys, DIGITS_PORT=port, DIGITS_HOST=host)
    assert answer == (0, "")


@pytest.mark.unix
def test_ready_server_on_unix_socket(
    classifier: Classifier,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serving(classifier, uds=tmp_path / "socket"):
        assert probed(monkeypatch, capsys, DIGITS_UDS=tmp_path / "socket") == (0, "")


@pytest.mark.parametrize(
    ("reply", "variables", "message"),
    [
        (b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", {}, "error: the server is not ready"),
        (b"SSH-2.0-OpenSSH_9\r\n", {}, "error: "),
        (b"", {"DIGITS_HOST": "127.0.0.2"}, "error: "),  # where none listens
        (b"", {"DIGITS_TOKEN": ""}, "error: $DIGITS_TOKEN is empty; set a value"),
        (b"", {"DIGITS_WORKERS": "many"}, "error: "),
    ],
)
def test_server_that_is_not_ready(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    reply: bytes,
    variables: dict[str, str],
    message: str,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(65536)
                client.sendall(reply)

        thread = threading.Thread(target=answer)
        if reply:
            thread.start()
        port = listener.getsockname()[1]
        code, err = probed(monkeypatch, capsys, DIGITS_PORT=port, **variables)
        if reply:
            thread.join(60)
    assert code == 1 and err.startswith(message) and err.count("\n") == 1
