"""The health check of a container, against a real socket."""

import socket
import threading
from pathlib import Path

import pytest

from digits.classifier import Classifier
from digits.serve import probe
from tests.runtime.serve.conftest import serving


@pytest.mark.parametrize("host", ["0.0.0.0", pytest.param("", marks=pytest.mark.unix)])
def test_ready_server(
    classifier: Classifier,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    host: str,
) -> None:
    """host: every address, of which it takes one; or none, for a Unix socket."""
    path = None if host else tmp_path / "socket"
    with serving(classifier, uds=path) as (_, port):
        variables = {"HOST": host, "PORT": port} if host else {"UDS": path}
        for name, value in variables.items():
            monkeypatch.setenv(f"DIGITS_{name}", str(value))
        probe.main()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("reply", "name", "value", "message"),
    [
        (b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", "HOST", "127.0.0.1", "the server is"),
        (b"", "HOST", "127.0.0.2", ""),  # where none listens
        (b"", "WORKERS", "many", ""),
    ],
)
def test_server_that_is_not_ready(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    reply: bytes,
    name: str,
    value: str,
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
        monkeypatch.setenv("DIGITS_PORT", str(listener.getsockname()[1]))
        monkeypatch.setenv(f"DIGITS_{name}", value)
        with pytest.raises(SystemExit) as stopped:
            probe.main()
        if reply:
            thread.join(60)
    err = capsys.readouterr().err
    assert stopped.value.code == 1 and err.startswith(f"error: {message}") and err.count("\n") == 1
