"""Printed fonts: downloaded from a fake registry, verified, and kept apart."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from digits.errors import DataError
from digits_train import fetch
from digits_train.camera import fonts
from digits_train.camera.fonts import Font
from tests.conftest import Patch

RAW = b"a font"
KALAM = Font("kalam", "training", "1.2.3", hashlib.sha256(RAW).hexdigest(), "OFL-1.1", "")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: Patch) -> Path:
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path)
    return tmp_path / "fonts"


def test_font_is_downloaded_where_it_is_missing_or_damaged(cache: Path, monkeypatch: Patch) -> None:
    answers = [b"another", RAW, RAW]

    def npm_files(package: str, paths: Sequence[str]) -> list[bytes]:
        assert (package, paths) == ("@fontsource/kalam@1.2.3", [f"package/files/{KALAM.file}"])
        return [answers.pop(0)]

    monkeypatch.setattr(fetch, "npm_files", npm_files)
    with pytest.raises(DataError, match=r"@fontsource/kalam@1.2.3: .*wrong SHA-256"):
        fonts.files([KALAM])
    file = cache / KALAM.file
    for _ in range(2):  # the registry is asked once
        assert fonts.files([KALAM]) == [file] and file.read_bytes() == RAW
    assert len(answers) == 1
    file.write_bytes(RAW[:3])
    assert fonts.files([KALAM]) == [file] and file.read_bytes() == RAW


def test_held_back_fonts_are_others() -> None:
    names = [font.name for font in fonts.FONTS]
    assert len({*names}) == len(names)
    assert not set(fonts.bundled("held back")) & set(fonts.bundled("training"))
