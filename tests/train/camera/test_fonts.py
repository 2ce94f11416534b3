"""Handwriting fonts: downloaded from a fake npm, verified, and kept apart."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from digits.data import fetch
from digits.errors import DataError
from digits_train.camera import fonts

ROOT = Path(__file__).parents[3]
NAME = "kalam"
PRINTED = fonts.printed(held_back=True) + fonts.printed(held_back=False)


@pytest.fixture
def font(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Bytes that count as the font."""
    raw = b"a font"
    monkeypatch.setitem(fonts.HANDS, NAME, ("1.2.3", hashlib.sha256(raw).hexdigest()))
    return raw


def install_fake_npm(folder: Path, font: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an `npm` first on the PATH that packs this font, once: the second time it fails."""
    folder.mkdir()
    with tarfile.open(folder / "made.tgz", "w:gz") as archive:
        member = tarfile.TarInfo(f"package/files/{NAME}-latin-400-normal.woff")
        member.size = len(font)
        archive.addfile(member, io.BytesIO(font))
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\nmv {folder}/made.tgz fontsource-{NAME}.tgz\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.unix
def test_font_is_downloaded_once(
    tmp_path: Path, font: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_fake_npm(tmp_path / "bin", font, monkeypatch)
    for _ in range(2):
        [path] = fonts.hands([NAME], tmp_path / "fonts")
        assert path.read_bytes() == font


@pytest.mark.unix
def test_damaged_font_is_downloaded_again(
    tmp_path: Path, font: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_fake_npm(tmp_path / "bin", font, monkeypatch)
    (tmp_path / f"{NAME}-latin-400-normal.woff").write_bytes(font[:3])
    [path] = fonts.hands([NAME], tmp_path)
    assert path.read_bytes() == font


@pytest.mark.unix
def test_another_font_is_refused(
    tmp_path: Path, font: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_fake_npm(tmp_path / "bin", b"another", monkeypatch)
    with pytest.raises(DataError, match=r"@fontsource/kalam@1.2.3: .*wrong SHA-256"):
        fonts.hands([NAME], tmp_path / "fonts")
    assert not (tmp_path / "fonts").exists()


def test_without_npm_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"npm: not installed\. Put the file kalam-latin-400-"):
        fonts.hands([NAME], tmp_path)


def test_without_home_folder_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "cache_folder", lambda: None)
    with pytest.raises(DataError, match="no home folder"):
        fonts.training_hands()


def test_held_back_fonts_are_others() -> None:
    assert len(fonts.HELD_BACK) == 10
    assert len({*fonts.HELD_BACK, *fonts.TRAINING}) == len(fonts.HANDS)
    assert not set(fonts.printed(held_back=True)) & set(fonts.printed(held_back=False))


@pytest.mark.parametrize("file", PRINTED, ids=lambda file: file.stem)
def test_has_is_false_for_missing_glyph(file: Path) -> None:
    assert fonts.has(file, "0123456789 -.,")
    assert not fonts.has(file, "1\u4e2d")


def test_notice_names_every_training_font() -> None:
    named = {line.strip() for line in (ROOT / "NOTICE").read_text().splitlines()}
    assert named >= set(fonts.TRAINING)
