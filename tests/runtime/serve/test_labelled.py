"""`POST /labelled`, and what it leaves in the folder."""

import hashlib
import io
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from httpx2 import Response
from PIL import Image
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.data.image_folder import LabelledDataset
from digits.errors import DigitsError
from digits.serve import labelled
from digits.serve.form import MAX_FILES
from digits.serve.labelled import LabelledFolder
from tests.conftest import Run
from tests.runtime.serve.conftest import application
from tests.runtime.serve.test_app import png

ORIGIN = "https://digits.example"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a" / "labelled"


@pytest.fixture
def client(classifier: Classifier, folder: Path) -> TestClient:
    return make_client(classifier, folder)


def make_client(classifier: Classifier, folder: Path | None, **settings: Any) -> TestClient:
    return TestClient(application(classifier, save_labelled=folder, **settings))


def post(client: TestClient, *parts: tuple[str, bytes], **headers: str) -> Response:
    """Send a form of pictures, each with its label."""
    files = [(label, ("digit.png", content)) for label, content in parts]
    return client.post("/labelled", files=files, headers=headers)


def name_of(content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()[:16]}.png"


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_labelled_pictures_are_kept(client: TestClient, folder: Path, pictures: list[Path]) -> None:
    contents = [picture.read_bytes() for picture in pictures]
    answer = post(client, *((str(digit), content) for digit, content in enumerate(contents)))
    assert (answer.status_code, answer.content) == (204, b"")
    assert post(client, ("none", png(9, 9))).status_code == 204
    names = {f"{digit}/{name_of(content)}" for digit, content in enumerate(contents)}
    assert tree(folder) == {*names, f"none/{name_of(png(9, 9))}"}
    for name in names:
        with Image.open(folder / name) as kept:
            assert kept.mode == "L" and max(kept.size) <= 512 and kept.format == "PNG"


def test_folder_is_read_by_eval(
    client: TestClient, folder: Path, pictures: list[Path], run: Run
) -> None:
    parts = [(str(digit), picture.read_bytes()) for digit, picture in enumerate(pictures)]
    assert post(client, *parts, ("none", png(9, 9))).status_code == 204
    unfinished = folder / "7" / f".{secrets.token_hex(8)}-{secrets.token_hex(4)}.png"
    unfinished.write_bytes(b"half a picture")
    code, out, err = run("eval", "--data", folder)
    assert (code, err) == (0, "") and "10" in out
    errors: list[DigitsError] = []
    [batch] = LabelledDataset(folder, None, errors.append)
    assert errors == []
    assert sorted(batch.labels) == list(range(10))


def test_picture_has_its_last_label(client: TestClient, folder: Path) -> None:
    content = png(9, 9)
    assert post(client, ("1", content), ("7", content), ("7", png(8, 8))).status_code == 204
    assert tree(folder) == {f"7/{name_of(content)}", f"7/{name_of(png(8, 8))}"}
    assert post(client, ("none", content)).status_code == 204
    assert tree(folder) == {f"none/{name_of(content)}", f"7/{name_of(png(8, 8))}"}


def test_metadata_is_not_kept(client: TestClient, folder: Path) -> None:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = "taken at home"
    Image.new("RGB", (40, 20), "red").save(file, "JPEG", exif=exif)
    assert b"taken at home" in file.getvalue()
    assert post(client, ("7", file.getvalue())).status_code == 204
    [name] = tree(folder)
    assert b"taken at home" not in (folder / name).read_bytes()


@pytest.mark.parametrize(
    ("parts", "status", "words"),
    [
        ([("10", png(9, 9))], 422, "named 0 to 9 or none"),
        ([("file", png(9, 9))], 422, "named 0 to 9 or none"),
        ([("../7", png(9, 9))], 422, "named 0 to 9 or none"),
        ([("", png(9, 9))], 422, "named 0 to 9 or none"),
        ([("7", b"no picture")], 422, "picture"),
        ([("7", png(9, 9)), ("7", b"")], 422, "picture"),
        ([("7", png(5001, 5000))], 413, "pixels"),
        ([("7", png(9, 9))] * (MAX_FILES + 1), 413, "100 files"),
    ],
)
def test_bad_form_leaves_nothing(
    client: TestClient, folder: Path, parts: list[tuple[str, bytes]], status: int, words: str
) -> None:
    answer = post(client, *parts)
    assert (answer.status_code, tree(folder)) == (status, set())
    assert words in answer.json()["error"]


def test_bare_picture_has_no_label(client: TestClient, folder: Path) -> None:
    assert client.post("/labelled", content=png(9, 9)).status_code == 422
    assert tree(folder) == set()


def test_nothing_is_kept_unless_asked_for(classifier: Classifier) -> None:
    answer = post(make_client(classifier, None), ("7", png(9, 9)))
    assert answer.status_code == 404 and "--save-labelled" in answer.json()["error"]


def test_token_is_needed(classifier: Classifier, folder: Path) -> None:
    client = make_client(classifier, folder, token="secret")
    assert post(client, ("7", png(9, 9))).status_code == 401
    assert tree(folder) == set()
    assert post(client, ("7", png(9, 9)), authorization="Bearer secret").status_code == 204


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 204),
        ({"origin": "http://testserver"}, 204),
        ({"origin": "https://testserver", "sec-fetch-site": "same-origin"}, 204),
        ({"origin": "https://behind-a-proxy.example", "sec-fetch-site": "same-origin"}, 204),
        ({"origin": ORIGIN, "sec-fetch-site": "cross-site"}, 204),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://testserver:81"}, 403),
        ({"origin": "http://testserver.evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "http://testserver", "sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://testserver:81", "sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_pages_of_other_sites_store_nothing(
    classifier: Classifier, folder: Path, headers: dict[str, str], status: int
) -> None:
    client = make_client(classifier, folder, allowed_origins=ORIGIN)
    assert post(client, ("7", png(9, 9)), **headers).status_code == status
    assert bool(tree(folder)) == (status == 204)


def noise(count: int) -> Iterable[tuple[str, bytes]]:
    """Pictures that PNG can't compress, of 16 KB each."""
    for seed in range(count):
        pixels = np.random.default_rng(seed).integers(0, 256, (127, 127), np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        yield "7", file.getvalue()


def test_full_folder_returns_507(
    classifier: Classifier, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelled, "MAX_BYTES", 100_000)
    client = make_client(classifier, folder)
    parts = list(noise(8))
    answer = post(client, *parts)
    assert answer.status_code == 507 and "at most" in answer.json()["error"]
    kept = tree(folder)
    assert 0 < len(kept) < 8
    assert sum((folder / name).stat().st_size for name in kept) < 100_000
    for fuller in (client, make_client(classifier, folder)):
        assert post(fuller, parts[-1]).status_code == 507
        assert post(fuller, parts[0]).status_code == 204  # it is there
    for name in kept:
        (folder / name).unlink()
    monkeypatch.setattr(labelled, "_PAUSE", 0)
    assert post(client, parts[-1]).status_code == 204


def test_small_pictures_count_as_the_disk_counts(
    classifier: Classifier, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelled, "MAX_BYTES", 3 * 4096)
    client = make_client(classifier, folder)
    parts = [("7", png(side, side)) for side in range(1, 5)]
    assert post(client, *parts[:3]).status_code == 204
    assert post(client, parts[3]).status_code == 507


def test_what_a_killed_server_left_is_removed(classifier: Classifier, folder: Path) -> None:
    left = folder / "7" / f".{secrets.token_hex(8)}-{secrets.token_hex(4)}.png"
    others = [folder / "7" / name for name in (".hidden.png", "mine.png")]
    left.parent.mkdir(parents=True)
    for path in (left, *others):
        path.write_bytes(b"any")
    make_client(classifier, folder)
    assert tree(folder) == {"7/.hidden.png", "7/mine.png"}


@pytest.mark.unix
def test_links_are_not_followed(classifier: Classifier, folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.txt").write_text("mine")
    client = make_client(classifier, folder)
    (folder / "7").symlink_to(elsewhere)
    assert post(client, ("7", png(9, 9))).status_code == 507
    assert post(client, ("8", png(9, 9))).status_code == 507  # it might be in 7
    with pytest.raises(DigitsError, match="is a link"):
        LabelledFolder(folder)
    (folder / "7").unlink()
    (folder / "7").mkdir()
    (folder / "7" / name_of(png(9, 9))).symlink_to(elsewhere / "mine.txt")
    assert post(client, ("8", png(9, 9))).status_code == 204
    assert not (folder / "8" / name_of(png(9, 9))).is_symlink()
    assert tree(elsewhere) == {"mine.txt"} and (elsewhere / "mine.txt").read_text() == "mine"


def test_folder_that_cannot_be_made_is_an_error(tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(DigitsError, match="is a file, not a folder"):
            LabelledFolder(place)
        code, _, err = run("serve", "--port", "0", "--save-labelled", place)
        assert code == 1 and err.startswith("error: ") and err.count("\n") == 1


@pytest.mark.unix
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DigitsError, match="Permission denied"):
        LabelledFolder(tmp_path)


def test_failed_write_returns_507_without_the_path(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    answer = post(client, ("7", png(9, 9)))
    assert answer.status_code == 507 and str(folder) not in answer.text
    assert "No space left on device" in caplog.text
    assert tree(folder) == set()
