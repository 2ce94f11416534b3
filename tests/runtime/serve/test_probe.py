"""The health check of a container, against a real socket."""

import socket
import threading
from pathlib import Path

import pytest

from digits.classifier import Classifier
from digits.serve import probe
from tests.runtime.serve.conftest import serving


@pytest.mark.unix
def test_ready_server_on_a_unix_socket(
    classifier: Classifier,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It replaces the socket of a server that was killed."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    with serving(classifier, uds=path):
        monkeypatch.setenv("DIGITS_UDS", str(path))
        probe.main()
    assert capsys.readouterr().err == ""


def test_server_that_is_not_ready(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def check() -> str:
        with pytest.raises(SystemExit) as stopped:
            probe.main()
        assert stopped.value.code == 1
        return capsys.readouterr().err

    monkeypatch.setenv("DIGITS_HOST", "0.0.0.0")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            with listener.accept()[0] as client:
                client.recv(65536)
                client.sendall(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")

        threading.Thread(target=refuse, daemon=True).start()
        monkeypatch.setenv("DIGITS_PORT", str(listener.getsockname()[1]))
        assert check() == "error: the server is not ready\n"
    monkeypatch.setenv("DIGITS_HOST", "127.0.0.2")
    assert check().startswith("error: ")  # none listens
    monkeypatch.setenv("DIGITS_WORKERS", "many")
    assert check().startswith("error: ")
