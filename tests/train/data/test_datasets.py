"""Labelled pictures, in folders and CSV tables from people and spreadsheets, and their splits."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digits.data import table
from digits.data.image_folder import assign_split, read_pictures
from digits.data.split import Split, SplitName
from digits.data.table import NO_DIGIT
from digits.errors import DataError, DigitsError
from digits_train.data import datasets
from digits_train.data.datasets import Dataset

EXPECTED = [
    ("a b.png", (None, "7", "")),
    ("c, d; e.png", (None, "3", "")),
    ("é.png", (None, "0", "")),
]
PLAIN = 'file,digit\na b.png,7\n"c, d; e.png",3\né.png,0\n'
SEMICOLONS = 'file;digit\na b.png;7\n"c, d; e.png";3\né.png;0\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "any.csv"


def read_table(
    path: Path, raw: bytes, column: str = "digit"
) -> tuple[list[tuple[str, Any]], list[str]]:
    """Return the names, relative to the table, with their labels, and the errors."""
    path.write_bytes(raw)
    errors: list[DigitsError] = []
    rows = list(table.read_labels(path, errors.append, column))
    names = [str(file.relative_to(path.parent)) for file, _ in rows]
    return [*zip(names, (label for _, label in rows), strict=True)], list(map(str, errors))


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        SEMICOLONS,
        SEMICOLONS.replace(";", "\t").replace("d\t", "d;"),
        SEMICOLONS.replace("file;digit", ' File ;"DIGIT"'),
        SEMICOLONS.replace("\n", ";;\n") + ";;;\n\n;;;\n",  # as a spreadsheet ends it
        PLAIN.replace("file,digit", "file,digit,a;b;c;d"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_table_in_any_dialect_and_encoding(path: Path, text: str, encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    assert read_table(path, mark + text.encode(encoding)) == (EXPECTED, [])


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        (b"", ": its columns are none; needs file and digit"),
        (b"file;label\na.png;7\n", ": its columns are file, label; needs file and digit"),
        (b"File;digit;file\n", ": several columns are named file"),
        (b'file,digit\nb.png,1\n"a.png,7\nb.png,1\n', ", line 3: unexpected end of data; is a"),
        (b"file,digit\n" + b"x" * 70_000, " is not a CSV file: line 2 has 65,536 characters"),
        (b"file,\0digit\n", " is not a CSV file: it is not text"),
    ],
)
def test_refused_table_names_the_cause(path: Path, raw: bytes, cause: str) -> None:
    with pytest.raises(DataError) as raised:
        read_table(path, raw)
    assert str(raised.value).startswith(f"{path}{cause}")


PAGES = [
    ("a b.png", (None, "12.5  -3\n7", "")),
    ("c.png", (None, "", "")),
    ("d.png", (None, "9", "")),
]
PAGE_TABLE = 'file,text,by\na b.png,"12,5 -3/7",x\nc.png,,y\nd.png, 9 /,z\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PAGE_TABLE, PAGES),
        ("File;by;TEXT\na b.png;x;12,5 -3/7\nc.png;y;\nd.png;;9\n;;\n", PAGES),
        ('file\ttext\na b.png\t"12.5   \u22123\n7"\nc.png\t\nd.png\t9\n', PAGES),
        ("file,text\na.png,\\x2d3/7\n", [("a.png", (None, "-3\n7", ""))]),  # as in results
        (
            'Group;text;box;file\nwriter 1;"-3,5";  0 0  9 8 ;a.png\n',
            [("a.png", ((0, 0, 9, 8), "-3.5", "writer 1"))],
        ),
    ],
)
def test_table_of_pages(path: Path, text: str, expected: list[tuple[str, Any]]) -> None:
    assert read_table(path, text.encode(), "text") == (expected, [])


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ("b.png,12 kg", "the text may have digits, minus signs and points, not 'g'"),
        ("b.png,12,5", "more cells than columns"),
        ("b.png", "file or text is missing"),
        ("b.png," + "1" * 4097, "the text has 4,097 symbols; at most 4,096"),
    ],
)
def test_invalid_page_costs_its_row(path: Path, row: str, cause: str) -> None:
    longest = "3" * 4096
    raw = f'file,text\na.png,"1\n2"\n{row}\nc.png,{longest}\n'.encode()
    pages, [error] = read_table(path, raw, "text")
    assert pages == [("a.png", (None, "1\n2", "")), ("c.png", (None, longest, ""))]
    assert error.startswith(f"{path}, line 4: ") and cause in error


@pytest.mark.parametrize(
    "box", ["", "1 2 3", "1 2 3 4 5", "3 0 3 9", "0 9 5 9", "-1 0 5 5", "0 0 5.5 5", "0 0 x 5"]
)
def test_numbers_in_malformed_boxes(path: Path, box: str) -> None:
    raw = f"file,box,text\na.png,{box},1\nb.png,0 0 5 5,2\n".encode()
    rows, [error] = read_table(path, raw, "text")
    assert [name for name, _ in rows] == ["b.png"]
    assert error.endswith(f"line 2: the box is '{box}', not left, top, right and bottom in pixels")


COUNT = 70


def fail(error: DigitsError) -> None:
    raise error


def read(data: Path) -> tuple[list[tuple[str, int]], list[str]]:
    """Return the names and labels of all digits, and the errors."""
    errors = list[DigitsError]()
    digits = [(digit.name, digit.label) for digit in read_pictures(data, errors.append)]
    return digits, [str(error) for error in errors]


@pytest.fixture
def ten(tmp_path: Path, pictures: list[Path]) -> Path:
    """Ten pictures, each in the folder of its digit."""
    for path in pictures:
        (tmp_path / path.stem).mkdir()
        shutil.copy(path, tmp_path / path.stem)
    return tmp_path


@pytest.mark.slow
def test_folders_named_by_digit_give_labels(
    ten: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_MODEL", str(ten / "gone.onnx"))  # the bundled model is used
    (ten / "3" / "notes.txt").write_text("not a picture")
    (ten / "3" / ".3.png").write_text("unfinished")
    expected = [(str(ten / path.stem / path.name), int(path.stem)) for path in pictures]
    assert read(ten) == (expected, [])
    (ten / "9").rename(ten / "none")
    assert read(ten) == (expected[:9], [])
    labels = [digit.label for digit in read_pictures(ten, fail, with_none=True)]
    assert labels == [*range(9), NO_DIGIT]


def test_what_shows_no_digit_is_reported_and_skipped(ten: Path) -> None:
    (ten / "4" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    blank = ten / "5" / "blank.png"
    Image.new("L", (40, 60), 200).save(blank)
    shutil.rmtree(ten / "9")
    (ten / "9").write_text("a file")
    digits, errors = read(ten)
    assert [label for _, label in digits] == [*range(9)]
    assert "broken.png" in errors[1]
    assert errors[::2] == [f"can't open {ten}/9: Not a directory", f"{blank}: no ink found"]


@pytest.mark.unix
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("nowhere", "nowhere: no such file or folder"),
        ("/dev/null", "/dev/null: no such file or folder"),
        (".", "no labelled digits: sort .* 0 to 9 .* CSV file .* MNIST.* it has no train"),
        ("empty", "no labelled pictures in .*empty: sort them into"),
        ("few", "few has too few readable pictures: 0 train, 0 validation, 1 test"),
        ("bad.csv", "bad.csv, line 2: the digit is 'one', not 0 to 9 or none$"),
    ],
)
def test_path_without_labelled_pictures_is_an_error(
    tmp_path: Path, pictures: list[Path], data: str, reason: str
) -> None:
    for folder in ("empty/7", "few/7"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(pictures[7], tmp_path / "few" / "7")
    (tmp_path / "bad.csv").write_text("file,digit\n1/1.jpg,one\n")
    with pytest.raises(DataError, match=reason):
        datasets.load(tmp_path / data, fail)


def test_pictures_stay_in_their_splits() -> None:
    """Also in later versions: the first eight bytes of the digest decide."""
    digests = [number.to_bytes(8) + bytes([number]) * 24 for number in range(7, 14)]
    splits = [assign_split(digest) for digest in digests]
    assert splits == ["test", "validation", *["train"] * 5]
    groups = [*(f"writer {number}" for number in range(30)), "\udcff"]
    together = [{assign_split(digest, group) for digest in digests} for group in groups]
    assert {len(names) for names in together} == {1}
    assert set.union(*together) == {*splits}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, train_slice: Split) -> Path:
    """Seventy pictures, sorted by digit."""
    folder = tmp_path_factory.mktemp("sorted")
    for number in range(COUNT):
        digit = folder / str(train_slice.labels[number])
        digit.mkdir(exist_ok=True)
        Image.fromarray(255 - train_slice.images[number]).save(digit / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def dataset(folder: Path) -> Dataset:
    return datasets.load(folder, fail)


def labelled(split: Split) -> set[tuple[bytes, int]]:
    pairs = zip(split.images, split.labels, strict=True)
    return {(image.tobytes(), int(label)) for image, label in pairs}


def write_rows(folder: Path, rows: Iterable[str]) -> Path:
    table = folder / "labels.csv"
    table.write_text("\n".join(["file,digit,group", *rows]))
    return table


def rows_of(folder: Path, count: int = COUNT) -> list[str]:
    """The rows of a table of the pictures in a sorted folder."""
    return [f"{path},{path.parent.name}" for path in sorted(folder.glob("*/*.png"))][:count]


def test_splits_hold_each_picture_once(folder: Path, dataset: Dataset) -> None:
    labels = dataset.splits["train"].labels
    assert len(labels) > 0.55 * COUNT
    assert (np.diff(labels.astype(int)) < 0).sum() > 10  # shuffled: the first calibrate
    digits = [*read_pictures(folder, fail)]
    assert sum(map(len, dataset.splits.values())) == len(digits) == COUNT
    for name, split in dataset.splits.items():
        expected = {(d.frame.tobytes(), d.label) for d in digits if d.split == name}
        assert labelled(split) == expected


def test_contradictory_pictures_are_left_out_and_doubled_ones_count_once(
    dataset: Dataset, folder: Path, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "copied"))
    [seven, *_] = sorted((copied / "7").iterdir())
    shutil.copy(seven, copied / "7" / "again.png")
    assert datasets.load(copied, fail).sha256 == dataset.sha256
    shutil.move(copied / "7" / "again.png", copied / "1" / "seven.png")
    errors = list[DigitsError]()
    loaded = datasets.load(copied, errors.append)
    assert sum(map(len, loaded.splits.values())) == COUNT - 1
    assert [str(error) for error in errors] == [
        f"{copied}/1/seven.png and {seven} look the same, but are labelled 1 and 7"
    ]


def load_own(table: Path) -> tuple[Split, Split]:
    """Those to train on, and those held back."""
    loaded = datasets.load_own(table, fail)
    assert loaded.own and loaded.own_held_back
    return loaded.own, loaded.own_held_back


@pytest.mark.usefixtures("slice_as_mnist")
def test_own_pictures(folder: Path, dataset: Dataset, tmp_path: Path) -> None:
    own, held_back = load_own(write_rows(tmp_path, rows_of(folder)))
    assert labelled(own) == labelled(dataset.splits["train"])
    others = (labelled(dataset.splits[name]) for name in ("validation", "test"))
    assert labelled(held_back) == set.union(*others)
    rows = [f"{row},writer {number // 7}" for number, row in enumerate(rows_of(folder))]
    own, held_back = load_own(write_rows(tmp_path, rows))
    assert len(own) % 7 == len(held_back) % 7 == 0 < len(held_back)


ALL, MOST = [*range(10)] * 10, [*range(8)] * 13


@pytest.mark.parametrize(
    ("train", "test", "warnings"),
    [
        (ALL[:10], ALL, []),
        (
            *(MOST, MOST),
            [f"no {name} examples of 8, 9: add pictures of them" for name in ("training", "test")],
        ),
        (
            *(ALL, ALL[:20]),
            [
                "only 100 validation and 20 test digits: an accuracy of 95% measured on 20 means"
                " 76% to 99% (95 % interval); with 700 pictures each has about 100"
            ],
        ),
    ],
)
def test_data_warnings(train: list[int], test: list[int], warnings: list[str]) -> None:
    labels: dict[SplitName, list[int]] = {"train": train, "validation": ALL, "test": test}
    images = np.zeros((0, 28, 28), np.uint8)
    splits = {name: Split(images, np.array(each)) for name, each in labels.items()}
    assert [*datasets.data_warnings(splits)] == warnings
