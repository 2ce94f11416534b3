"""Handwriting fonts: downloaded from a fake registry, verified, and kept apart."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from digits.data import fetch
from digits.errors import DataError
from digits_train.camera import fonts
from digits_train.camera.fonts import Font

RAW = b"a font"
KALAM = Font("kalam", "hand", "training", "1.2.3", hashlib.sha256(RAW).hexdigest(), "OFL-1.1", "")


@pytest.fixture
def npm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make npm's registry answer with this font, once: the second time it fails."""
    answers: list[bytes] = [getattr(request, "param", RAW)]

    def npm_files(package: str, paths: Sequence[str]) -> list[bytes]:
        assert (package, paths) == ("@fontsource/kalam@1.2.3", [f"package/files/{KALAM.file}"])
        return [answers.pop()]

    monkeypatch.setattr(fetch, "npm_files", npm_files)


@pytest.mark.usefixtures("npm")
@pytest.mark.parametrize("present", [None, RAW[:3]])
def test_font_is_downloaded_where_it_is_missing_or_damaged(
    tmp_path: Path, present: bytes | None
) -> None:
    folder = tmp_path / "fonts"
    if present is not None:
        folder.mkdir()
        (folder / KALAM.file).write_bytes(present)
    for _ in range(2):  # the registry works once
        [path] = fonts.files([KALAM], folder)
        assert path.read_bytes() == RAW


@pytest.mark.usefixtures("npm")
@pytest.mark.parametrize("npm", [b"another"], indirect=True)
def test_another_font_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"@fontsource/kalam@1.2.3: .*wrong SHA-256"):
        fonts.files([KALAM], tmp_path / "fonts")
    assert not (tmp_path / "fonts").exists()


def test_errors_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "NPM_REGISTRY", "http://127.0.0.1:9")
    with pytest.raises(DataError) as raised:
        fonts.files([KALAM], tmp_path)
    assert str(raised.value) == (
        "the font kalam was not found"
        " (http://127.0.0.1:9/@fontsource/kalam/-/kalam-1.2.3.tgz: ConnectionError)."
        f" Try again, or put {KALAM.file} from that archive into {tmp_path}"
    )
    (tmp_path / KALAM.file).mkdir()
    with pytest.raises(DataError, match=f"can't read .*{KALAM.file}"):
        fonts.files([KALAM], tmp_path)
    monkeypatch.setattr(fetch, "cache_folder", lambda: None)
    for kind in (fonts.hands, fonts.printed):
        with pytest.raises(DataError, match="no home folder"):
            kind()


@pytest.mark.parametrize(("kind", "training", "held_back"), [("hand", 200, 20), ("print", 57, 10)])
def test_held_back_fonts_are_others(kind: str, training: int, held_back: int) -> None:
    for_training, to_measure = (
        {font.name for font in fonts.FONTS if (font.kind, font.use) == (kind, use)}
        for use in ("training", "held back")
    )
    assert (len(for_training), len(to_measure)) == (training, held_back)
    assert not for_training & to_measure
    assert not set(fonts.bundled("held back")) & set(fonts.bundled("training"))
    assert {font.license for font in fonts.FONTS} == {"OFL-1.1", "Apache-2.0", "MIT"}
    assert all(font.copyright for font in fonts.FONTS)


@pytest.mark.parametrize(
    "file", [*fonts.bundled("held back"), *fonts.bundled("training")], ids=lambda file: file.stem
)
def test_has_is_false_for_missing_glyph(file: Path) -> None:
    assert fonts.has(file, "0123456789 -.,")
    assert not fonts.has(file, "1\u4e2d")
