"""One's own labelled pages: reading them, and windows on them."""

import re
from collections.abc import Sequence
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits.data.image_folder import assign_split, digest_of
from digits.errors import DataError, DigitsError
from digits.images.grey import Grey
from digits.inference.reader_model import ReaderModel
from digits.reader.pyramid import Map, MapsFn
from digits_train.detection import Targets
from digits_train.matching import LabelledPage, Truth, true_symbols
from digits_train.own_pages import OwnPages, load_own_pages, network_maps, read_right
from digits_train.start import load_start
from digits_train.symbols import columns
from tests.export.reader_pages import drawn_page, ink_maps
from tests.rounding import assert_agree

SIDE = 192
ALL = "12 32 140 76"  # around the three sevens of a page of 120x200 pixels
Row = tuple[str, ...]


def pages(split: str, number: int) -> list[LabelledPage]:
    drawn = map(drawn_page, count())
    chosen = (page for page in drawn if assign_split(digest_of(page.pixels)) == split)
    return list(islice(chosen, number))


TRAIN, HELD_BACK = pages("train", 3), pages("validation", 2)


def write(
    folder: Path, rows: Sequence[Row], shown: Sequence[LabelledPage], columns: str = "file,box,text"
) -> Path:
    """A table whose files are 0.png, 1.png, ..., with these pages."""
    for number, page in enumerate(shown):
        Image.fromarray(page.pixels).save(folder / f"{number}.png")
    table = folder / "labels.csv"
    table.write_text("\n".join([columns, *map(",".join, rows)]))
    return table


def load(table: Path, maps: MapsFn = ink_maps) -> tuple[OwnPages, list[str]]:
    errors: list[DigitsError] = []
    return load_own_pages(table, maps, errors.append), [*map(str, errors)]


def blind_to_the_last(page: Grey) -> tuple[Map, Map, Map]:
    centres, symbols, boxes = ink_maps(page)
    rows, columns = np.nonzero(centres > 0)
    if len(columns):
        centres[rows[columns.argmax()], columns.max()] = -10
    return centres, symbols, boxes


@pytest.mark.parametrize(
    ("box", "text", "symbols"),
    [
        (ALL, "717", [7, 1, 7]),  # which is read as 777
        (ALL, "7-.", [7, 10, 11]),
        ("12 32 115 76", "777", [7, 7, 7]),  # the last was overlooked, and is beside the box
        ("0 0 200 120", "7 7/7", [7, 7, 7]),
        ("60 5 100 25", "", [-1]),
    ],
)
def test_symbols_are_found(tmp_path: Path, box: str, text: str, symbols: list[int]) -> None:
    loaded, errors = load(write(tmp_path, [("0.png", box, text)], TRAIN[:1]))
    assert not errors
    [page] = loaded.train
    boxes, labels, heights = columns(page.symbols)
    assert labels.tolist() == symbols
    if text:
        left, _, right, _ = boxes.T
        assert right - left == pytest.approx(12, abs=1)
        assert np.diff(left) == pytest.approx(50, abs=1)
        assert heights == pytest.approx(boxes[:, 3] - boxes[:, 1])  # as the row


@pytest.mark.parametrize(
    ("rows", "maps", "complaint"),
    [
        ([("0.png", ALL, "7777")], ink_maps, "labels with symbols that the reader doesn't see: 1$"),
        ([("0.png", ALL, "777")], blind_to_the_last, "doesn't see: 1$"),
        ([("0.png", ALL, text) for text in ("777", "1", "77")], ink_maps, "labels contradict each"),
        ([("0.png", ALL, "777"), ("copy.png", ALL, "1")], ink_maps, "0.png: its labels contradict"),
        ([("gone.png", ALL, "777")], ink_maps, "can't open .*gone.png"),
        ([("0.png", "200 0 220 20", "7")], ink_maps, r"the box \(200, 0, 220, 20\) is outside"),
    ],
)
def test_what_cannot_be_used_is_reported_and_the_rest_trains(
    tmp_path: Path, rows: list[Row], maps: MapsFn, complaint: str
) -> None:
    table = write(tmp_path, rows, TRAIN[:1])
    Image.fromarray(TRAIN[0].pixels).save(tmp_path / "copy.png")
    with pytest.raises(DataError, match="has no labelled numbers to train on"):
        load(table, maps)
    more = [*rows, ("1.png", "12 32 40 76", "7")]
    loaded, errors = load(write(tmp_path, more, TRAIN[:2]), maps)
    assert [len(page.known) for page in loaded.train] == [1]
    [error] = errors
    assert re.search(complaint, error)


def test_pictures_are_split_by_content_or_group_and_doubles_count_once(tmp_path: Path) -> None:
    drawn = [*TRAIN, *HELD_BACK]
    rows = [(f"{number}.png", "777") for number in range(5)]
    table = write(tmp_path, [*rows, ("copy.png", "777"), rows[0]], drawn, "file,text")
    Image.fromarray(TRAIN[0].pixels).save(tmp_path / "copy.png")
    loaded, errors = load(table)
    assert not errors
    assert [page.pixels.tobytes() for page in loaded.train] == [p.pixels.tobytes() for p in TRAIN]
    assert [page.file.name for page in loaded.held_back] == ["3.png", "4.png"]
    grouped = [(f"{number}.png", "777", "writer") for number in range(5)]
    together, _ = load(write(tmp_path, grouped, drawn, "file,text,group"))
    assert (len(together.train), len(together.held_back)) == (5, 0)
    relabelled, _ = load(write(tmp_path, [*rows[:4], ("4.png", "771")], drawn, "file,text"))
    assert len({each.sha256 for each in (loaded, together, relabelled)}) == 3
    assert load(write(tmp_path, rows, drawn, "file,text"))[0].sha256 == loaded.sha256


def symbols_of(targets: Targets) -> Truth:
    return true_symbols(Targets(*(part[None] for part in targets)))[0]


@pytest.mark.parametrize("enlarged", [1, 6])
def test_targets_of_windows_lie_on_the_digits(tmp_path: Path, enlarged: int) -> None:
    page = np.kron(TRAIN[0].pixels, np.ones((enlarged, enlarged), np.uint8))
    loaded, _ = load(
        write(tmp_path, [("0.png", "777")], [TRAIN[0]._replace(pixels=page)], "file,text")
    )
    random = np.random.default_rng(0)
    heights, differences = [], []
    for _ in range(60):
        pixels, targets = loaded.example(random, SIDE)
        assert pixels.shape == (SIDE, SIDE)
        symbols = symbols_of(targets)
        assert {*symbols.symbols.tolist()} <= {7}
        for box in symbols.boxes:
            left, top, right, bottom = box.round().astype(int).clip(0, SIDE).tolist()
            heights.append(box[3] - box[1])
            if left > 5 and right < SIDE - 5 and box[3] - box[1] > 14:
                upper = pixels[top : (top + bottom) // 2, left:right].mean()  # the bar of a seven
                beside = pixels[top:bottom, [left - 4, right + 3]].mean()
                differences.append(float(beside - upper))
    assert len(differences) > 60 and np.quantile(differences, 0.05) > 10
    assert 8 < min(heights) < 20 < np.median(heights) < 36 < max(heights)


@pytest.mark.parametrize(
    ("box", "text", "width"),
    [("12 32 40 76", "7", 28), ("0 0 200 120", "777", 200), ("0 0 200 30", "", 200)],
)
def test_nothing_is_wrong_where_nothing_is_known(
    tmp_path: Path, box: str, text: str, width: int
) -> None:
    loaded, _ = load(write(tmp_path, [("0.png", box, text)], TRAIN[:1]))
    for seed in range(10):
        _, targets = loaded.example(np.random.default_rng(seed), SIDE)
        symbols = symbols_of(targets)
        assert bool(len(symbols.symbols)) == bool(text)
        assert len(symbols.symbols) == 1 or width == 200
        known = np.flatnonzero(targets.weight.numpy().any(0))
        if text:
            scale = np.median(symbols.boxes[:, 2] - symbols.boxes[:, 0]) / 12
            assert 4 * len(known) < 1.4 * width * scale + 8
        else:
            assert 0 < targets.weight.mean() < 1


@pytest.mark.parametrize(
    ("rows", "right"),
    [
        ([(ALL, "777")], [True]),
        ([(ALL, "771")], [False]),
        ([("0 0 200 120", "7 7/7")], [True]),
        ([(ALL, "")], [False]),
        ([("12 32 90 76", "777")], [True]),  # the box is of another reader, which overlooked one
        ([("12 32 40 76", "7")], [False]),
        ([("12 32 40 76", "")], [True]),  # of another line, which leans into the box
        ([("60 5 100 25", "7"), (ALL, "777")], [False, True]),
    ],
)
def test_which_labels_are_read_right(
    tmp_path: Path, rows: list[tuple[str, str]], right: list[bool]
) -> None:
    labels = [("0.png", *row) for row in rows] + [("1.png", ALL, "777")]
    loaded, _ = load(write(tmp_path, labels, [HELD_BACK[0], TRAIN[0]]))
    assert read_right(ink_maps, loaded.held_back).tolist() == right


def test_maps_are_those_of_the_bundled_reader() -> None:
    page = drawn_page(0).pixels
    for part, expected in zip(
        network_maps(load_start(None, "reader").model)(page), ReaderModel().maps(page), strict=True
    ):
        assert_agree(part, expected)
