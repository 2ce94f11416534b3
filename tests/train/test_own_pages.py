"""One's own labelled pages: reading them, and windows on them."""

import re
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits.data.image_folder import assign_split
from digits.errors import DataError, DigitsError
from digits.images.grey import Grey, digest_of
from digits.inference.detector_model import DetectorModel
from digits_train.models import Detector
from digits_train.own_pages import OwnPages, load_own_pages, network_maps, read_right
from digits_train.start import load_start
from digits_train.symbols import columns
from tests.export.detector_pages import drawn_page, ink_maps

SIDE = 192
ALL = "12 32 140 76"  # around the three sevens of a page of 128x208 pixels


def draw(split: str, number: int) -> list[Grey]:
    drawn = (drawn_page(seed).pixels for seed in count())
    return list(islice((page for page in drawn if assign_split(digest_of(page)) == split), number))


PAGES = [*draw("train", 3), *draw("validation", 2)]


@pytest.fixture(autouse=True)
def pictures(empty_folder: None) -> None:
    """0.png to 2.png are to train on, 3.png and 4.png are held back."""
    for number, page in enumerate(PAGES):
        Image.fromarray(page).save(f"{number}.png")
    Image.fromarray(PAGES[0]).save("copy.png")


def load(*rows: str, columns: str = "file,box,text") -> tuple[OwnPages, list[str]]:
    Path("labels.csv").write_text("\n".join([columns, *rows]))
    errors: list[DigitsError] = []
    return load_own_pages(Path("labels.csv"), ink_maps, errors.append), [*map(str, errors)]


@pytest.mark.parametrize(
    ("box", "text", "symbols"),
    [
        (ALL, "717", [7, 1, 7]),  # which is read as 777
        (ALL, "7-.", [7, 10, 11]),
        ("12 32 115 76", "777", [7, 7, 7]),  # the last was overlooked, and is beside the box
        ("0 0 200 120", "7 7/7", [7, 7, 7]),
    ],
)
def test_symbols_are_found(box: str, text: str, symbols: list[int]) -> None:
    loaded, errors = load(f"0.png,{box},{text}")
    assert not errors
    boxes, labels, heights = columns(loaded.train[0].symbols)
    assert labels.tolist() == symbols
    left, _, right, _ = boxes.T
    assert right - left == pytest.approx(12, abs=1)
    assert np.diff(left) == pytest.approx(50, abs=1)
    assert heights == pytest.approx(boxes[:, 3] - boxes[:, 1])  # as the row


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([f"0.png,{ALL},7777"], "labels with symbols that the detector doesn't see: 1$"),
        ([f"0.png,{ALL},777", f"copy.png,{ALL},1"], "0.png: its labels contradict each"),
        ([f"gone.png,{ALL},777"], "can't open gone.png"),
        (["0.png,210 0 230 20,7"], r"the box \(210, 0, 230, 20\) is outside"),
    ],
)
def test_what_cannot_be_used_is_told_and_the_rest_trains(rows: list[str], complaint: str) -> None:
    with pytest.raises(DataError, match="has no labelled numbers to train on"):
        load(*rows)
    loaded, [error] = load(*rows, "1.png,12 32 40 76,7")
    assert [len(page.known) for page in loaded.train] == [1]
    assert re.search(complaint, error)


def test_pictures_are_split_by_content_or_group_and_doubles_count_once() -> None:
    rows = [f"{number}.png,777" for number in range(5)]
    loaded, errors = load(*rows, "copy.png,777", rows[0], columns="file,text")
    assert not errors
    assert [page.pixels.tobytes() for page in loaded.train] == [p.tobytes() for p in PAGES[:3]]
    assert [page.file.name for page in loaded.held_back] == ["3.png", "4.png"]
    grouped = [f"{row},writer" for row in rows]
    together, _ = load(*grouped, columns="file,text,group")
    assert (len(together.train), len(together.held_back)) == (5, 0)
    relabelled, _ = load(*rows[:4], "4.png,771", columns="file,text")
    assert len({each.sha256 for each in (loaded, together, relabelled)}) == 3
    assert load(*rows, columns="file,text")[0].sha256 == loaded.sha256


@pytest.mark.slow
@pytest.mark.parametrize("enlarged", [1, 5])
def test_symbols_of_windows_lie_on_the_digits(enlarged: int) -> None:
    page = np.kron(PAGES[0], np.ones((enlarged, enlarged), np.uint8))
    Image.fromarray(page).save("0.png")
    loaded, _ = load("0.png,777", columns="file,text")
    random = np.random.default_rng(0)
    heights, differences = list[float](), list[float]()
    for _ in range(60):
        pixels, (boxes, symbols), *_ = loaded.window(random, SIDE)
        assert pixels.shape == (SIDE, SIDE) and {*symbols.tolist()} <= {7}
        heights += (boxes[:, 3] - boxes[:, 1]).tolist()
        for left, top, right, bottom in boxes.round().astype(int).clip(0, SIDE).tolist():
            if left > 5 and right < SIDE - 5 and bottom - top > 14:
                upper = pixels[top : (top + bottom) // 2, left:right].mean()  # the bar of a seven
                beside = pixels[top:bottom, [left - 4, right + 3]].mean()
                differences.append(float(beside - upper))
    assert len(differences) > 60 and np.quantile(differences, 0.05) > 10
    assert 8 < min(heights) < 20 < np.median(heights) < 36 < max(heights)


def test_nothing_is_wrong_where_nothing_is_known() -> None:
    (digit, _), (nothing, _) = load("0.png,12 32 40 76,7"), load("0.png,0 0 200 30,")
    for seed in range(10):
        page = digit.window(np.random.default_rng(seed), SIDE)
        [[left, _, right, _]] = page.truth.boxes
        known = np.flatnonzero(Detector.targets([page]).weight[0].numpy().any(0))
        assert 4 * len(known) < 1.4 * 28 * (right - left) / 12 + 8
        page = nothing.window(np.random.default_rng(seed), SIDE)
        assert not len(page.truth.symbols)
        assert 0 < Detector.targets([page]).weight.mean() < 1


@pytest.mark.parametrize(
    ("labels", "right"),
    [
        ([f"{ALL},771"], [False]),
        (["0 0 200 120,7 7/7"], [True]),
        ([f"{ALL},"], [False]),
        (["12 32 90 76,777"], [True]),  # the box is of another detector, which overlooked one
        (["12 32 40 76,"], [True]),  # of another line, which leans into the box
        (["60 5 100 25,7", f"{ALL},777"], [False, True]),
    ],
)
def test_which_labels_are_read_right(labels: list[str], right: list[bool]) -> None:
    loaded, _ = load(*(f"3.png,{label}" for label in labels), f"0.png,{ALL},777")
    assert read_right(ink_maps, loaded.held_back).tolist() == right


def test_maps_are_those_of_the_bundled_detector() -> None:
    detector = load_start(None, "detector").model
    assert isinstance(detector, Detector)
    maps = network_maps(detector)(PAGES[0])
    for part, expected in zip(maps, DetectorModel().maps(PAGES[0]), strict=True):
        rounding = np.asarray(part) - expected  # of activations
        assert rounding.std() < 0.2 * expected.std()
