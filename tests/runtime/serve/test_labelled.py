"""`POST /labelled`, and what it leaves in the folder."""

import hashlib
import io
import os
from pathlib import Path

import pytest
from httpx2 import Response
from PIL import Image
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.errors import DigitsError
from digits.serve import labelled
from digits.serve.labelled import LabelledFolder
from tests.conftest import Capsys, Patch, Run
from tests.runtime.serve.conftest import application, png

ORIGIN = "https://digits.example"
SMALL = png(9, 9)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a" / "labelled"


@pytest.fixture
def client(classifier: Classifier, folder: Path) -> TestClient:
    return TestClient(application(classifier, save_labelled=folder, allowed_origins=ORIGIN))


def post(client: TestClient, *parts: tuple[str, bytes], **headers: str) -> Response:
    """Send a form of pictures, each with its label."""
    files = [(label, ("digit.png", content)) for label, content in parts]
    return client.post("/labelled", files=files, headers=headers)


def name_of(content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()[:16]}.png"


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_labelled_pictures_are_kept_for_eval(
    client: TestClient, folder: Path, pictures: list[Path], run: Run
) -> None:
    contents = [picture.read_bytes() for picture in pictures]
    parts = [(str(digit), content) for digit, content in enumerate(contents)]
    answer = post(client, *parts, ("none", SMALL))
    assert (answer.status_code, answer.content) == (204, b"")
    names = {f"{digit}/{name_of(content)}" for digit, content in enumerate(contents)}
    assert tree(folder) == {*names, f"none/{name_of(SMALL)}"}
    assert run("eval", "--data", folder)[0] == 0
    assert post(client, ("7", SMALL)).status_code == 204  # it has its last label
    assert tree(folder) == {*names, f"7/{name_of(SMALL)}"}


def test_small_grey_copy_without_metadata_is_kept(client: TestClient, folder: Path) -> None:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = "taken at home"
    Image.new("RGB", (1024, 512), "red").save(file, "JPEG", exif=exif)
    post(client, ("7", file.getvalue()))
    [name] = tree(folder)
    assert b"taken at home" not in (folder / name).read_bytes()
    with Image.open(folder / name) as picture:
        assert (picture.mode, picture.size, picture.format) == ("L", (512, 256), "PNG")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        *(([(label, SMALL)], "named 0 to 9 or none") for label in ("../7", "")),
        ([("7", SMALL), ("7", b"no picture")], "picture"),
    ],
)
def test_bad_form_leaves_nothing(
    client: TestClient, folder: Path, parts: list[tuple[str, bytes]], words: str
) -> None:
    answer = post(client, *parts)
    assert (answer.status_code, tree(folder)) == (422, set())
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (204, {"origin": "http://testserver"}),
        (204, {"origin": "https://proxy.example", "sec-fetch-site": "same-origin"}),
        (204, {"origin": ORIGIN, "sec-fetch-site": "cross-site"}),
        (403, {"origin": "null"}),
        (403, {"origin": "http://testserver", "sec-fetch-site": "cross-site"}),
        (403, {"sec-fetch-site": "cross-site"}),
    ],
)
def test_who_stores(client: TestClient, folder: Path, status: int, headers: dict[str, str]) -> None:
    assert post(client, ("7", SMALL), **headers).status_code == status
    assert bool(tree(folder)) == (status == 204)


def test_full_folder_returns_507(client: TestClient, folder: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(labelled, "MAX_BYTES", 2 * 4096)  # a block of the disk each
    first, second, last = [png(side, side) for side in range(1, 4)]
    answer = post(client, *(("7", content) for content in (first, second, last)))
    assert answer.status_code == 507 and "at most" in answer.json()["error"]
    assert tree(folder) == {f"7/{name_of(content)}" for content in (first, second)}
    assert post(client, ("7", first)).status_code == 204  # it is there
    (folder / "7" / name_of(first)).unlink()
    monkeypatch.setattr(labelled, "MEASURE_AGAIN", 0)
    assert post(client, ("7", last)).status_code == 204


@pytest.mark.unix
def test_links_are_not_followed(client: TestClient, folder: Path, tmp_path: Path) -> None:
    seven, mine = folder / "7", tmp_path / "mine.txt"
    mine.write_text("mine")
    seven.symlink_to(tmp_path)
    assert post(client, ("8", SMALL)).status_code == 507  # it might be in 7
    with pytest.raises(DigitsError, match="is a link"):
        LabelledFolder(folder)
    seven.unlink()
    seven.mkdir()
    (seven / name_of(SMALL)).symlink_to(mine)
    assert post(client, ("8", SMALL)).status_code == 204
    assert not (folder / "8" / name_of(SMALL)).is_symlink() and mine.read_text() == "mine"


def test_failed_write_returns_507_without_the_path(
    client: TestClient, folder: Path, monkeypatch: Patch, capsys: Capsys
) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    answer = post(client, ("7", SMALL))
    assert answer.status_code == 507 and str(folder) not in answer.text
    assert "No space left on device" in capsys.readouterr().err
    assert tree(folder) == set()
