"""The computations behind the figures of the benchmarks."""

from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from digits.classifier import Classifier
from digits.data.mnist import Split
from digits_train.camera import fonts
from digits_train.camera.hand import some_hand
from digits_train.camera.layout import Sheet
from tests import strokes, synthetic
from tests.benchmarks import continental, engines, handwritten, held_back, nondigits, reader


@pytest.mark.parametrize(
    ("digits", "others", "expected"),
    [
        ([0.9, 0.8], [0.1, 0.2, 0.3], 1.0),
        ([0.1], [0.5, 0.9], 0.0),
        ([0.5], [0.5, 0.5], 0.5),
        ([0.9, 0.2], [0.1, 0.3], 0.75),
    ],
)
def test_auroc(digits: list[float], others: list[float], expected: float) -> None:
    assert nondigits.auroc(np.array(digits), np.array(others)) == expected


def test_traced_digits_are_recognized(test_slice: Split) -> None:
    random = np.random.default_rng(0)
    read = 0
    for truth, drawing in strokes.digits(test_slice, 40, random):
        paper = Image.new("L", (280, 280), 255)
        for stroke in drawing:
            points = [(280 * x, 280 * y) for x, y in stroke]
            ImageDraw.Draw(paper).line(points, fill=0, width=10, joint="curve")
        read += str(Classifier().predict(paper).digit) == truth
    assert read > 32


@pytest.mark.slow
def test_engines_agree(test_slice: Split) -> None:
    with torch.inference_mode():
        calls = engines.ready(test_slice.images[:32, None], batch=1)  # raises AssertionError
    assert {"PyTorch, eager", "NumPy"} <= calls.keys()


def images_of(split: Split, label: int) -> np.ndarray:
    images: np.ndarray = split.images[split.labels == label]
    return images


def test_upstroke_widens_upright_1(train_slice: Split) -> None:
    for one in images_of(train_slice, 1)[:60]:
        plain, long = (continental.with_upstroke(one, length, 0.5) for length in (0.0, 0.8))
        widths = [np.ptp(np.flatnonzero(frame.any(0))) for frame in (plain, long)]
        assert widths[1] > widths[0] or widths[0] > 8  # a slanted 1 is wide already


def test_steep_upstroke_is_narrower_than_flat_one(train_slice: Split) -> None:
    for one in images_of(train_slice, 1)[:30]:
        widths = [
            np.ptp(np.flatnonzero(continental.with_upstroke(one, 0.8, steepness).any(0)))
            for steepness in (0, 1)
        ]
        assert widths[0] >= widths[1]


def test_bar_adds_ink_across_stem(train_slice: Split) -> None:
    changed = 0
    for seven in images_of(train_slice, 7)[:30]:
        plain = continental.with_bar(seven, 0.5, 0.0, 0.0)
        crossed = continental.with_bar(seven, 0.5, 0.6, 0.0)
        changed += int((crossed[11:18] > 100).sum()) > int((plain[11:18] > 100).sum())
    assert changed > 25


def test_has_hook_detects_ink_beside_stem() -> None:
    seven = np.zeros((28, 28), np.uint8)
    seven[4:6, 8:20] = 255
    seven[6:24, 18:20] = 255
    assert not continental.has_hook(seven)
    seven[4:14, 8:10] = 255
    assert continental.has_hook(seven)


def answer(text: str, shown: str, confidence: float = 0.9, best: str = "") -> reader.Answer:
    """What was read of a picture with this text. best: by default what is shown."""
    characters = [
        reader.Character(one, other, confidence)
        for one, other in zip(shown, best or shown, strict=True)
    ]
    return reader.Answer(text, 0, characters, 0.0)


def test_page_figures_count_digits_alone() -> None:
    some = [answer("12.5", "1-25"), answer("4444", "45?", best="454"), answer("7", "77")]
    shares = {
        name: value / 100 * 8
        for name, value in reader.page_figures(some).items()
        if name in ("missed", "wrong", "invented", "errors", "?")
    }
    assert shares == pytest.approx({"missed": 1, "wrong": 2, "invented": 1, "errors": 4, "?": 1})
    assert reader.page_figures(some)["exact pages"] == pytest.approx(100 / 3)
    assert reader.page_figures(some, sure=False)["wrong"] == pytest.approx(100 / 8)


def test_calibration_error_of_sure_digits() -> None:
    assert reader.calibration_error([answer("12", "12", 1.0)]) == 0
    assert reader.calibration_error([answer("34", "12", 0.9)]) == pytest.approx(0.9)
    assert reader.calibration_error([answer("13", "12", 0.5)]) == pytest.approx(0)


def test_signs_are_found_and_invented() -> None:
    found = reader.sign_figures([answer("-12.5", "-125")], [answer("12345", "1234.5")])
    assert list(found.values()) == [50, pytest.approx(100 / 8)]


@pytest.fixture(scope="module")
def by(test_slice: Split) -> handwritten.Writers:
    """Printed fonts stand for the hands, which would have to be downloaded."""
    files = fonts.bundled("held back")
    return handwritten.writers(test_slice, files, files)


@pytest.mark.slow
@pytest.mark.parametrize("kind", held_back.KINDS + held_back.ONCE_HELD_BACK)
def test_held_back_page_shows_its_digits(kind: str, by: handwritten.Writers) -> None:
    page, again = (held_back.page(kind, by, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(page.image, again.image)
    assert page.image.dtype == np.uint8 and page.image.shape[2] == 3
    assert "".join(page.text.split()).isdigit()


@pytest.mark.parametrize("layout", held_back.LAYOUTS)
def test_layout_writes_its_text(layout: str, by: handwritten.Writers) -> None:
    random = np.random.default_rng(2)
    sheet = held_back.LAYOUTS[layout](by.mnist, some_hand(random, 30), random)
    digits = [glyph.digit for glyph in sheet.glyphs if glyph.digit >= 0]
    assert "".join(map(str, digits)) == "".join("".join(sheet.text).split())


@pytest.mark.parametrize("writer", ["mnist", "font"])
def test_row_has_gaps(writer: str, by: handwritten.Writers) -> None:
    random = np.random.default_rng(3)
    write = by.mnist if writer == "mnist" else by.fonts[0]
    glyphs = handwritten.row("-105.7", write, some_hand(random, 40), random)
    assert [glyph.digit for glyph in glyphs] == [-1, 1, 0, 5, -1, 7]
    assert glyphs[0].bottom < -5 < glyphs[4].bottom  # the minus floats, the point doesn't
    for one, other in zip(glyphs, glyphs[1:], strict=False):
        if one.top < other.bottom and other.top < one.bottom:
            gap = handwritten.contact(one, other._replace(left=0))
            assert gap <= other.left


@pytest.mark.parametrize("joined", [False, True])
def test_pair_touches(
    joined: bool, by: handwritten.Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheets: list[Sheet] = []

    def photographed(sheet: Sheet, *_: object) -> tuple[np.ndarray, np.ndarray]:
        sheets.append(sheet)
        return np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.int16)

    monkeypatch.setattr(handwritten, "photographed", photographed)
    for number in range(20):
        handwritten.pair(f"{5 * number:02}", joined, by, np.random.default_rng(number))
    for sheet in sheets:
        first, second = sheet.glyphs[:2]
        assert len(sheet.glyphs) == 2 + joined
        contact = handwritten.contact(first, second._replace(left=0))
        assert 0 <= contact - second.left <= 0.2 * sheet.height


@pytest.mark.parametrize("text", ["11", "101", "17"])
def test_drawn_number_has_one_piece_of_ink_per_digit(text: str, test_slice: Split) -> None:
    drawn = handwritten.drawn(text, test_slice, np.random.default_rng(0))
    columns = np.pad((drawn < 128).any(0).astype(int), 1)
    assert np.diff(columns).clip(0).sum() == len(text)


@pytest.mark.parametrize("stroke", held_back.STROKES)
def test_stroke_is_that_of_the_writer_but_for_details(stroke: str, by: handwritten.Writers) -> None:
    hand = some_hand(np.random.default_rng(4), 60)._replace(keep=1.0, broken=0.0, pressure=0.0)
    for digit in "0123456789":
        ink = [
            writer(digit, hand, np.random.default_rng(5))[0]
            for writer in (by.mnist, partial(held_back.STROKES[stroke], by.mnist))
        ]
        plain, other = (np.asarray(Image.fromarray(one).resize((32, 32))) for one in ink)
        assert not np.array_equal(plain, other)
        assert (plain * other).sum() > 0.5 * plain.sum()


def test_figures_are_of_each_group_and_hand() -> None:
    answers = defaultdict(lambda: [answer("-1.2", "-1.2")], {"chalk": [answer("12", "34")]})
    for hand, shown in (("one", "7"), ("other", "")):
        answers[f"{reader.HANDWRITING}, {hand}"] = [answer("", shown)._replace(letters=10)]
    table = reader.figures(answers)
    assert table["kinds held back: errors"] == pytest.approx(100 / len(held_back.KINDS))
    assert table["kinds once held back: errors"] == table["    staves: errors"] == 0
    assert table["    chalk: errors"] == 100
    assert table["handwriting: pictures with a sure digit"] == 50
    rates = [table[f"handwriting{hand}: sure digits per 100 letters"] for hand in ("", ", one")]
    assert rates == [5, 10]


@pytest.mark.slow
def test_reading_process_answers_for_pixels_and_files(test_slice: Split, tmp_path: Path) -> None:
    reading, page = reader.Reading(reader.ROOT, None), synthetic.page(test_slice)
    Image.fromarray(page).save(tmp_path / "page.png")
    content = np.frombuffer((tmp_path / "page.png").read_bytes(), np.uint8)
    pictures = np.full((64, 96, 3), 230, np.uint8), page, content
    blank, pixels, file = (reading.read(reader.Picture("", one, "1 2")) for one in pictures)
    reading.close()
    assert blank.text == pixels.text == file.text == "12"
    assert not blank.characters
    assert len(pixels.characters) > 10
    assert pixels.characters == file.characters
