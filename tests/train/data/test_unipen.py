"""UNIPEN's strokes: the format, archives of every kind, and the cache."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from digits.errors import DataError
from digits_train import fetch
from digits_train.data import unipen, unipen_format
from digits_train.writings import Writing
from tests.robustness.sandbox import measured

INCLUDED = """.VERSION 1.0
.WRITER_ID ann
.COORD X Y T
.PEN_DOWN
0 10 1
5 0 2
.DT 3
6 1 3
.PEN_UP
7 7 4
.PEN_DOWN
.PEN_DOWN
20 0 5
20 10 6
"""
DIGITS = """.INCLUDE ink/ann.dat
.SEGMENT CHARACTER 0,2 ? "4"
.SEGMENT CHARACTER 0 BAD "7"
.SEGMENT CHARACTER 2 OK "\\""
.SEGMENT CHARACTER 9 OK "1"
.SEGMENT CHARACTER x-y OK "2"
.SEGMENT CHARACTER 2 OK "12"
"""
TREE = {
    "data/1a/lab/ann.dat": DIGITS,
    "data/7/lab/words.dat": '.INCLUDE INK/ANN.DAT\n.SEGMENT WORD 0-2 OK "10"\n',
    "data/7/lab/text.dat": '.INCLUDE ink/ann.dat\n.SEGMENT WORD 0 OK "no"\n',
    "include/ink/ann.dat": INCLUDED,
}
FILES = {f"unipen/CDROM/train_r01_v07/{name}": text for name, text in TREE.items()} | {
    "README": "?"
}


def parsed(tree: dict[str, str]) -> list[Writing]:
    return unipen.parse({name: text.encode() for name, text in tree.items()})


def archive(path: Path, files: dict[str, str], *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
        for member in members:
            tar.addfile(member)
    return path


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache folder, and the checksum of the strokes above."""
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.delenv("DIGITS_UNIPEN", raising=False)
    monkeypatch.setattr(unipen, "SOURCES", ())
    arrays = unipen.pack(parsed(TREE))
    monkeypatch.setattr(unipen, "SHA256", unipen.checksum(arrays))
    return tmp_path / "cache"


def test_parse_reads_what_is_used() -> None:
    writings = parsed(TREE)
    assert [(item.text, item.writer, item.donor) for item in writings] == [
        ('"', "lab/ann", "lab"),
        ("10", "lab/ann", "lab"),
        ("4", "lab/ann", "lab"),
    ]
    quote, number, four = (item.strokes for item in writings)
    assert [stroke.tolist() for stroke in quote] == [[[20, 0], [20, -10]]]
    assert [stroke.tolist() for stroke in four] == [[[0, -10], [5, 0], [6, -1]], quote[0].tolist()]
    assert len(number) == 2


@pytest.mark.parametrize(
    ("delineation", "strokes"),
    [
        ("0:1-2:0", [[[5, 0], [6, -1]], [[20, 0]]]),
        ("0:2", [[[6, -1]]]),
        ("1", []),
        ("2-999999999", [[[20, 0], [20, -10]]]),
        ("0-", []),
    ],
)
def test_delineation(delineation: str, strokes: list[list[list[int]]]) -> None:
    text = f'{INCLUDED}.SEGMENT WORD {delineation} ? "1"\n'
    segments = unipen_format.parse(text.encode(), {}).segments
    assert [stroke.tolist() for segment in segments for stroke in segment.strokes] == strokes


@pytest.mark.parametrize(("y", "width"), [("150", 30), ("1000", 20), ("-3", 20), ("many", 20)])
def test_axes_of_other_resolutions(y: str, width: float) -> None:
    """One that is ten times as fine is too much to be true."""
    text = f".X_POINTS_PER_INCH 100\n.Y_POINTS_PER_INCH {y}\n{INCLUDED}"
    [segment] = unipen_format.parse(f'{text}.SEGMENT WORD 0-2 ? "4"\n'.encode(), {}).segments
    assert np.concatenate(segment.strokes)[:, 0].max() == width


def test_letters_and_words_are_few() -> None:
    letters = "".join(f'.SEGMENT CHARACTER 0 ? "{letter}"\n' for letter in 9 * "a" + 9 * "3")
    words = '.SEGMENT WORD 0 ? "a1"\n' + 60 * '.SEGMENT WORD 0 ? "ab"\n'
    files = {"data/1a/lab/a.dat": INCLUDED + letters, "data/7/lab/b.dat": INCLUDED + words}
    texts = [item.text for item in parsed(files)]
    counts = {text: texts.count(text) for text in set(texts)}
    assert counts == {"a": 6, "3": 9, "a1": 1, "ab": 50}


def test_load_keeps_what_it_parsed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(cache.parent / "unipen.tgz", FILES)
    monkeypatch.setenv("DIGITS_UNIPEN", str(path))
    texts = [item.text for item in unipen.load()]
    path.unlink()
    assert texts == [item.text for item in unipen.load()] == ['"', "10", "4"]
    assert [file.name for file in cache.iterdir()] == ["unipen.npz"]
    kept, array = (cache / "unipen.npz").read_bytes(), io.BytesIO()
    np.save(array, np.zeros(3))
    entry = kept.index(b"PK\x01\x02")
    unknown = kept[: entry + 10] + b"\x63" + kept[entry + 11 :]  # compressed in a way nobody knows
    for damage in (b"", b"PK", kept[:-30], unknown, array.getvalue()):
        (cache / "unipen.npz").write_bytes(damage)
        with pytest.raises(DataError, match=r"can't read .*unipen\.tgz \(\$DIGITS_UNIPEN\)"):
            unipen.load()


def test_load_from_folder(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        path = cache.parent / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setenv("DIGITS_UNIPEN", str(cache.parent / "tree"))
    assert len(unipen.load()) == 3


def test_load_tries_each_source(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, whole = (archive(cache.parent / f"{name}.tgz", FILES) for name in ("broken", "whole"))
    broken.write_bytes(broken.read_bytes()[:200])
    monkeypatch.setattr(unipen, "SOURCES", (str(broken),))
    monkeypatch.setattr(fetch, "opened", lambda source: io.FileIO(source))
    with pytest.raises(DataError, match=r"UNIPEN was not found.*broken\.tgz is damaged"):
        unipen.load()
    assert not cache.exists()
    monkeypatch.setattr(unipen, "SOURCES", (str(broken), str(whole)))
    assert len(unipen.load()) == 3


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_links_and_devices_are_passed_over(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = cache.parent / "secret"
    secret.write_text('.PEN_DOWN\n1 1\n.SEGMENT CHARACTER 0 ? "8"\n')
    members = (
        link("data/1a/lab/link.dat", str(secret), tarfile.SYMTYPE),
        link("data/1a/lab/hard.dat", "include/ink/ann.dat", tarfile.LNKTYPE),
        link("data/1a/lab/device.dat", "", tarfile.CHRTYPE),
    )
    up = {"../../data/1a/../../escape.dat": secret.read_text()}
    path = archive(cache.parent / "unipen.tgz", FILES, *members)
    monkeypatch.setenv("DIGITS_UNIPEN", str(path))
    assert len(unipen.load()) == 3
    (cache / "unipen.npz").unlink()
    monkeypatch.setenv("DIGITS_UNIPEN", str(archive(path, FILES | up)))
    with pytest.raises(DataError, match="another SHA-256"):
        unipen.load()
    assert sorted(file.name for file in cache.parent.iterdir()) == ["cache", "secret", "unipen.tgz"]
    assert not [*cache.iterdir()]


@pytest.mark.parametrize(("limit", "value"), [("MAX_BYTES", 3_000), ("MAX_MEMBERS", 4)])
def test_bomb_is_refused(
    cache: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    bomb = "data/1a/lab/bomb.dat"
    path = archive(cache.parent / "unipen.tgz", FILES | {bomb: 100_000_000 * " "})
    monkeypatch.setattr(unipen, limit, value)
    monkeypatch.setenv("DIGITS_UNIPEN", str(path))
    with measured() as usage, pytest.raises(DataError, match="it is too large"):
        unipen.load()
    assert usage.megabytes < 50
    assert not cache.exists()


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00" + bytes(40)])
def test_what_is_no_archive_is_refused(
    cache: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    path = cache.parent / "unipen.tgz"
    path.write_bytes(content)
    monkeypatch.setenv("DIGITS_UNIPEN", str(path))
    with pytest.raises(DataError, match=r"unipen\.tgz \(\$DIGITS_UNIPEN\) is"):
        unipen.load()


@pytest.mark.parametrize("times", [1, 2])
def test_endless_inclusion_is_refused(
    cache: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    loop = {"include/ink/ann.dat": times * ".INCLUDE ink/ann.dat\n"}
    path = archive(cache.parent / "unipen.tgz", {"data/1a/lab/ann.dat": DIGITS} | loop)
    monkeypatch.setenv("DIGITS_UNIPEN", str(path))
    with pytest.raises(DataError, match=r"data/1a/lab/ann\.dat: .* endlessly"):
        unipen.load()
    assert not cache.exists()
