"""Handwriting fonts: downloaded from a fake npm, verified, and kept apart."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from digits.data import fetch
from digits.errors import DataError
from digits_train.camera import fonts
from digits_train.camera.fonts import Font

ROOT = Path(__file__).parents[3]
RAW = b"a font"
KALAM = Font("kalam", "hand", "training", "1.2.3", hashlib.sha256(RAW).hexdigest(), "OFL-1.1", "")


def install_fake_npm(folder: Path, font: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an `npm` first on the PATH that packs this font, once: the second time it fails."""
    folder.mkdir()
    with tarfile.open(folder / "made.tgz", "w:gz") as archive:
        member = tarfile.TarInfo(f"package/files/{KALAM.file}")
        member.size = len(font)
        archive.addfile(member, io.BytesIO(font))
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\nmv {folder}/made.tgz fontsource-kalam.tgz\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.unix
def test_font_is_downloaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_fake_npm(tmp_path / "bin", RAW, monkeypatch)
    for _ in range(2):
        [path] = fonts.files([KALAM], tmp_path / "fonts")
        assert path.read_bytes() == RAW


@pytest.mark.unix
def test_damaged_font_is_downloaded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_fake_npm(tmp_path / "bin", RAW, monkeypatch)
    (tmp_path / KALAM.file).write_bytes(RAW[:3])
    [path] = fonts.files([KALAM], tmp_path)
    assert path.read_bytes() == RAW


@pytest.mark.unix
def test_another_font_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_fake_npm(tmp_path / "bin", b"another", monkeypatch)
    with pytest.raises(DataError, match=r"@fontsource/kalam@1.2.3: .*wrong SHA-256"):
        fonts.files([KALAM], tmp_path / "fonts")
    assert not (tmp_path / "fonts").exists()


def test_without_npm_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"npm: not installed\)\. Put the file kalam-latin-400-"):
        fonts.files([KALAM], tmp_path)


def test_without_home_folder_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "cache_folder", lambda: None)
    with pytest.raises(DataError, match="no home folder"):
        fonts.hands()


@pytest.mark.parametrize(("kind", "training", "held_back"), [("hand", 200, 20), ("print", 57, 10)])
def test_held_back_fonts_are_others(kind: str, training: int, held_back: int) -> None:
    names = {
        use: {font.name for font in fonts.FONTS if (font.kind, font.use) == (kind, use)}
        for use in ("training", "held back")
    }
    assert {use: len(named) for use, named in names.items()} == {
        "training": training,
        "held back": held_back,
    }
    assert not names["training"] & names["held back"]
    assert not set(fonts.bundled("held back")) & set(fonts.bundled("training"))


@pytest.mark.parametrize(
    "file", [*fonts.bundled("held back"), *fonts.bundled("training")], ids=lambda file: file.stem
)
def test_has_is_false_for_missing_glyph(file: Path) -> None:
    assert fonts.has(file, "0123456789 -.,")
    assert not fonts.has(file, "1\u4e2d")


def test_every_font_has_its_notice() -> None:
    assert "camera/fonts.csv" in (ROOT / "NOTICE").read_text()
    assert {font.license for font in fonts.FONTS} == {"OFL-1.1", "Apache-2.0", "MIT"}
    assert all(font.copyright for font in fonts.FONTS)
