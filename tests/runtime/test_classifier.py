import csv
import dataclasses
import pickle
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw, ImageFont

import digits
from digits.data.mnist import Split
from digits.errors import DigitsError, ModelError, PictureError
from digits.images import picture
from digits.images.picture import Source
from digits.inference import metadata
from digits.inference.model_file import BUNDLED, BUNDLED_READER
from digits.inference.reader_model import ReaderModel
from digits.vision.hypotheses import MAX_HYPOTHESES
from digits_train.camera.marks import DEJAVU
from tests.benchmarks import nondigits
from tests.conftest import PICTURES
from tests.levenshtein import edits
from tests.runtime.reader.drawn import Drawn, Network, row_of
from tests.synthetic import Sheet, chosen, lamp

SHARED = Path(__file__).parent.parent.parent.parent / "shared" / "photos"
real_photos = pytest.mark.skipif(
    not SHARED.is_dir(), reason="needs photographs that are not distributed"
)


@pytest.fixture(scope="module")
def classifier() -> digits.Classifier:
    return digits.Classifier()


def test_sample_pictures_are_all_read_right(
    classifier: digits.Classifier, pictures: list[Path]
) -> None:
    assert len(pictures) == 10
    for path in pictures:
        prediction = classifier.predict(path)
        assert prediction.digit == int(path.stem), path
        assert not prediction.note, path


def test_prediction_is_consistent_frozen_and_picklable(
    classifier: digits.Classifier, pictures: list[Path]
) -> None:
    prediction = classifier.predict(pictures[7])
    assert prediction.digit == 7
    assert prediction.confidence == max(prediction.probabilities) == prediction.probabilities[7]
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        prediction.digit = 1  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(prediction)) == prediction


def test_accuracy_on_mnist_frames_as_pictures(
    classifier: digits.Classifier, test_slice: Split
) -> None:
    """Locating and framing again must barely cost accuracy."""
    predictions = classifier.predict_batch(test_slice.images)
    right = sum(p.digit == label for p, label in zip(predictions, test_slice.labels, strict=True))
    assert right >= 0.975 * len(test_slice)


def test_batch_equals_single_predictions(
    classifier: digits.Classifier, pictures: list[Path]
) -> None:
    batch = classifier.predict_batch(pictures)
    for path, prediction in zip(pictures, batch, strict=True):
        alone = classifier.predict(path)
        assert (alone.digit, alone.box) == (prediction.digit, prediction.box)
        np.testing.assert_allclose(alone.probabilities, prediction.probabilities, atol=1e-5)
    assert classifier.predict_batch([]) == []


def test_examination_agrees_with_prediction(
    classifier: digits.Classifier, pictures: list[Path]
) -> None:
    blank = Image.new("L", (50, 50), 200)
    examined = classifier.examine([*pictures, blank])
    assert [classifier.prediction(one) for one in examined] == classifier.predict_batch(
        [*pictures, blank]
    )
    for one, path in zip(examined, pictures, strict=False):
        count = len(one.hypotheses)
        assert 1 <= count <= MAX_HYPOTHESES, path
        assert one.frames.shape == (count, 28, 28)
        assert one.answers.shape == (count, 10)
        judgement = one.judgement
        assert judgement.hypotheses.sum() + judgement.several + judgement.none == pytest.approx(1)
        best = int(judgement.hypotheses.argmax())
        prediction = classifier.prediction(one)
        assert prediction.frame is not None
        assert (prediction.frame == one.frames[best]).all()
        box = one.hypotheses[best].component.box
        assert prediction.box == one.picture.to_original(box)
        assert prediction.probabilities == pytest.approx(judgement.probabilities.tolist())
    assert examined[-1].hypotheses == []
    assert len(examined[-1].frames) == len(examined[-1].answers) == 0
    assert classifier.examine([]) == []


def test_examine_batch_equals_single_examinations(
    classifier: digits.Classifier, pictures: list[Path]
) -> None:
    """A batch is a single call of the network."""
    for one, alone in zip(
        classifier.examine(pictures),
        (classifier.examine([path])[0] for path in pictures),
        strict=True,
    ):
        np.testing.assert_array_equal(one.frames, alone.frames)
        np.testing.assert_allclose(one.answers, alone.answers, atol=1e-5)
        own, _ = classifier.classify([each.component.ink for each in one.hypotheses])
        np.testing.assert_array_equal(one.frames, own)


@pytest.mark.parametrize("scale", [1, 5, 20])
def test_box_is_in_original_pixels(
    classifier: digits.Classifier, test_slice: Split, scale: int
) -> None:
    page = np.full((100, 160), 240, np.uint8)
    page[40:68, 100:128] -= (test_slice.images[0] * 0.9).astype(np.uint8)
    rows, columns = np.nonzero(page < 150)
    big = Image.fromarray(page).resize((160 * scale, 100 * scale), Image.Resampling.BICUBIC)
    expected = np.array([columns[0], rows.min(), columns.max() + 1, rows.max() + 1])
    expected[0] = columns.min()
    box = classifier.predict(big).box
    np.testing.assert_allclose(box, expected * scale, atol=3 * scale)


def test_threads_share_a_classifier(classifier: digits.Classifier, pictures: list[Path]) -> None:
    expected = [classifier.predict(path) for path in pictures]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert list(pool.map(classifier.predict, pictures)) == expected


def test_pickled_classifier_predicts_the_same(
    classifier: digits.Classifier, pictures: list[Path]
) -> None:
    copy = pickle.loads(pickle.dumps(classifier))
    assert copy.predict(pictures[4]) == classifier.predict(pictures[4])


def test_confidence_below_threshold_is_rejected(
    tmp_path: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network([], (1, 1))  # which sees nothing
    monkeypatch.setattr(ReaderModel, "maps", lambda self, page: network(page))
    raw = Path(BUNDLED).read_bytes()
    strict = dataclasses.replace(metadata.read(raw, ""), rejection_threshold=1.0)
    (tmp_path / "strict.onnx").write_bytes(metadata.add_metadata(raw, strict))
    prediction = digits.Classifier(tmp_path / "strict.onnx").predict(pictures[5])
    assert prediction.digit is None
    assert prediction.top1 == 5
    assert 0.4 < prediction.confidence < 1


def _draw_in_colours(ink: np.ndarray, pen: str, paper: str) -> Image.Image:
    image = Image.new("RGB", ink.shape[::-1], paper)
    image.paste(Image.new("RGB", image.size, pen), mask=Image.fromarray(ink))
    return image


def _draw_on_transparent(ink: np.ndarray) -> Image.Image:
    image = Image.new("RGBA", ink.shape[::-1], "black")
    image.putalpha(Image.fromarray(ink))
    return image


def _draw_with_palette(ink: np.ndarray) -> Image.Image:
    """Draw in sixteen greys whose palette is shuffled."""
    order = np.random.default_rng(0).permutation(16)
    image = Image.fromarray(order[ink // 16].astype(np.uint8), "P")
    greys = np.zeros(16, int)
    greys[order] = 255 - np.arange(16) * 17
    image.putpalette(np.repeat(greys, 3).tolist())
    return image


PENS: dict[str, Callable[[np.ndarray], Source]] = {
    "on white": lambda ink: _draw_in_colours(ink, "black", "white"),
    "on black": lambda ink: _draw_in_colours(ink, "white", "black"),
    "red on green": lambda ink: _draw_in_colours(ink, "red", "lime"),
    "green on red": lambda ink: _draw_in_colours(ink, "lime", "red"),
    "transparent": _draw_on_transparent,
    "16 bits": lambda ink: Image.fromarray(((255 - ink.astype(int)) * 257).astype(np.uint16)),
    "16 bits, array": lambda ink: ink.astype(np.uint16) * 257,
    "floats": lambda ink: ink.astype(np.float32) / 255,
    "palette": _draw_with_palette,
}


@pytest.mark.parametrize("how", PENS)
def test_predict_in_any_colour_and_pixel_type(
    classifier: digits.Classifier, test_slice: Split, how: str
) -> None:
    inks = chosen(test_slice, "0123456789")
    answers = [prediction.digit for prediction in classifier.predict_batch(map(PENS[how], inks))]
    assert answers == list(range(10))


def test_broken_file_error_names_the_file(classifier: digits.Classifier, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for call in (classifier.predict, classifier.read):
        with pytest.raises(PictureError, match="broken.png is not a picture"):
            call(tmp_path / "broken.png")
    assert issubclass(PictureError, DigitsError)


@pytest.mark.parametrize("size", [(1, 1), (40, 60), (900, 30)])
def test_blank_picture_is_rejected(classifier: digits.Classifier, size: tuple[int, int]) -> None:
    prediction = classifier.predict(Image.new("L", size, 200))
    assert prediction.digit is None
    assert prediction.probabilities == (0.1,) * 10
    assert prediction.box == (0, 0, *size)
    assert prediction.note == "no ink found"
    assert classifier.read(Image.new("L", size, 200)).lines == ()


@pytest.mark.parametrize("noise", [1, 3, 8])
@pytest.mark.parametrize("shade", [0, 100])
def test_noisy_blank_sheet_is_rejected(
    classifier: digits.Classifier, noise: float, shade: float
) -> None:
    page = np.linspace(240, 240 - shade, 300)[None, :] + np.random.default_rng(0).normal(
        0, noise, (200, 300)
    )
    prediction = classifier.predict(page.clip(0, 255).astype(np.uint8))
    assert prediction.digit is None
    assert max(prediction.probabilities) < 0.5


def test_blank_picture_in_a_batch_spares_the_others(
    classifier: digits.Classifier, pictures: list[Path]
) -> None:
    batch = classifier.predict_batch([pictures[1], Image.new("L", (50, 50), 200), pictures[7]])
    assert [prediction.digit for prediction in batch] == [1, None, 7]


@pytest.fixture
def drawn_page(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A blank page on which the reader sees "-1.5 27", the 7 not quite sure."""
    shape = 300, 500
    drawn = [*row_of("-1.5", 40, 60), *row_of("27", 250, 60)]
    drawn[-1] = drawn[-1]._replace(score=1.5)
    network = Network(drawn, shape)
    monkeypatch.setattr(ReaderModel, "maps", lambda self, page: network(page))
    return np.full(shape, 255, np.uint8)


def test_reading_of_drawn_page(classifier: digits.Classifier, drawn_page: np.ndarray) -> None:
    reading = classifier.read(drawn_page)
    assert [symbol.top1 for symbol in reading.symbols] == list("-1.527")
    one = reading.symbols[1]
    assert one.symbol == "1" and one.box == (64, 60, 82, 90)
    assert one.confidence == max(one.probabilities) == one.probabilities[1] > 0.9
    assert len(one.probabilities) == 12 and sum(one.probabilities) < 1
    assert reading.digits_only().text == reading.text.replace("-", "").replace(".", "")
    assert pickle.loads(pickle.dumps(reading)) == reading


def test_unsure_symbol_is_rejected(drawn_page: np.ndarray) -> None:
    classifier = digits.Classifier()
    about = classifier.reader.metadata._replace(rejection_threshold=0.9)
    classifier.reader.metadata = about
    assert classifier.read(drawn_page).text == "-1.5  2?"
    *_, seven = classifier.read(drawn_page).symbols
    assert seven.symbol is None and seven.top1 == "7"
    sure = digits.Classifier(reject=False)
    sure.reader.metadata = about
    assert sure.read(drawn_page).text == "-1.5  27"


def test_boxes_are_in_pixels_of_the_picture(
    classifier: digits.Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(row_of("42", 100, 200, 40), (600, 1000))
    monkeypatch.setattr(ReaderModel, "maps", lambda self, page: network(page))
    reading = classifier.read(np.full((2400, 4000), 255, np.uint8))  # which is reduced to a quarter
    assert network.shapes
    np.testing.assert_allclose(reading.symbols[0].box, (400, 800, 496, 960), atol=8)


def show(monkeypatch: pytest.MonkeyPatch, drawn: list[Drawn], shape: tuple[int, ...]) -> None:
    """Let the reader see what is drawn, whatever the picture shows."""
    network = Network(drawn, (shape[0], shape[1]))
    monkeypatch.setattr(ReaderModel, "maps", lambda self, page: network(page))


@pytest.mark.parametrize("digit", range(10))
def test_classifier_reads_the_one_digit_that_the_reader_overlooks(
    classifier: digits.Classifier,
    monkeypatch: pytest.MonkeyPatch,
    pictures: list[Path],
    digit: int,
) -> None:
    file = pictures[digit]
    assert classifier.read(file).text == str(digit)
    prediction = classifier.predict(file)
    page = picture.load(file, picture.PAGE_MAX_SIDE)
    left, top, right, bottom = (side / page.downscale for side in prediction.box)
    faint = Drawn(str(digit), (left, top, right, bottom), -2.0)
    show(monkeypatch, [faint], page.pixels.shape)
    [symbol] = classifier.read(file).symbols
    assert (symbol.symbol, symbol.box) == (str(digit), prediction.box)
    assert symbol.confidence == max(symbol.probabilities) > 0.6
    assert len(symbol.probabilities) == 12 and sum(symbol.probabilities) <= 1
    assert symbol.frame is not None and symbol.frame.shape == (28, 28)


def test_classifier_makes_up_no_digit_where_the_reader_sees_nothing(
    classifier: digits.Classifier, monkeypatch: pytest.MonkeyPatch, pictures: list[Path]
) -> None:
    show(monkeypatch, [], picture.load(pictures[7], picture.PAGE_MAX_SIDE).pixels.shape)
    assert classifier.read(pictures[7]).lines == ()


def test_digit_that_is_a_small_part_of_the_picture_is_the_readers(
    classifier: digits.Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = np.full((300, 500), 255, np.uint8)
    scene[40:260, 60:70] = 0  # a large 1, or the edge of something
    show(monkeypatch, row_of("4", 300, 150), scene.shape)
    [symbol] = classifier.read(scene).symbols
    assert symbol.symbol == "4" and symbol.frame is None


def test_reader_opens_when_it_is_needed_and_once(
    monkeypatch: pytest.MonkeyPatch, pictures: list[Path]
) -> None:
    opened = []

    class Counted(ReaderModel):
        def __init__(self, *arguments: Any) -> None:
            opened.append(arguments)
            super().__init__(*arguments)

    monkeypatch.setattr("digits.inference.reader_model.ReaderModel", Counted)
    classifier = digits.Classifier(threads=2, reader=BUNDLED_READER)
    assert classifier.predict(pictures[7]).digit == 7
    pickle.dumps(classifier)
    assert not opened
    with ThreadPoolExecutor(8) as pool:
        readers = list(pool.map(lambda _: classifier.reader, range(8)))
    assert opened == [(BUNDLED_READER, 2, None)]
    assert len(set(map(id, readers))) == 1


def test_classifier_with_reader_is_picklable(drawn_page: np.ndarray) -> None:
    classifier = digits.Classifier()
    text = classifier.read(drawn_page).text
    assert pickle.loads(pickle.dumps(classifier)).read(drawn_page).text == text


def test_unusable_reader_fails_in_read_but_not_for_a_sure_digit(
    tmp_path: Path, pictures: list[Path]
) -> None:
    (tmp_path / "damaged.onnx").write_bytes(b"no model")
    for file in (tmp_path / "damaged.onnx", tmp_path / "missing.onnx", BUNDLED):
        classifier = digits.Classifier(reader=file)
        assert classifier.predict(pictures[7]).digit == 7
        with pytest.raises(ModelError, match=Path(file).name):
            classifier.read(pictures[7])
    with pytest.raises(ModelError, match="SHA-256"):
        digits.Classifier(reader_sha256="0" * 64).read(pictures[7])


def test_read_page_in_reading_order(classifier: digits.Classifier, test_slice: Split) -> None:
    sheet = Sheet()
    boxes = sheet.write(chosen(test_slice, "2718"), 60, 100)
    sheet.write(chosen(test_slice, "28"), 500, 100)
    sheet.write(chosen(test_slice, "459", start=3), 60, 220)
    reading = classifier.read(sheet.photograph())
    assert reading.text == "2718  28\n459"
    assert [len(line) for line in reading.lines] == [2, 1]
    assert len(reading.symbols) == 9
    np.testing.assert_allclose(reading.symbols[0].box, boxes[0], atol=4)


@pytest.mark.parametrize("inverted", [False, True])
def test_read_sheet_on_table(
    classifier: digits.Classifier, test_slice: Split, inverted: bool
) -> None:
    """The table covers over half of the picture, so that the paper might pass for ink."""
    sheet = Sheet(300, 400)
    sheet.write(chosen(test_slice, "27182"), 60, 100)
    photo = sheet.photograph()
    random = np.random.default_rng(0)
    table = random.normal(40, 2, (500, 600)).clip(0, 255).astype(np.uint8)
    table[100:400, 100:500] = photo
    reading = classifier.read(255 - table if inverted else table)
    assert reading.text == "27182"
    box = reading.symbols[0].box
    assert (box[0], box[1]) == pytest.approx((160, 200), abs=14)


@pytest.mark.parametrize(
    ("tilt", "rules"),
    [
        pytest.param(
            -25,
            None,
            marks=pytest.mark.xfail(
                reason="one digit is ?, of a page turned more than in training"
            ),
        ),
        *((tilt, None) for tilt in (-8, 5, 15)),
        *((tilt, (40, False)) for tilt in (-8, 0, 5)),
        *((tilt, (36, True)) for tilt in (-8, 0, 5)),
    ],
)
def test_read_tilted_and_ruled_page(
    classifier: digits.Classifier,
    test_slice: Split,
    tilt: float,
    rules: tuple[int, bool] | None,
) -> None:
    sheet = Sheet()
    if rules:
        sheet.rule(*rules)
    sheet.write(chosen(test_slice, "27182"), 150, 130)
    sheet.write(chosen(test_slice, "8459", start=3), 150, 250)
    reading = classifier.read(sheet.photograph(tilt, light=lamp(500, 700)))
    assert reading.text == "27182\n8459"


@pytest.mark.parametrize("gap", [10, 20, 100])
@pytest.mark.parametrize("tilt", [0, 2])
def test_read_digits_in_form_boxes(
    classifier: digits.Classifier, test_slice: Split, gap: int, tilt: float
) -> None:
    """The sides of the boxes were once read as ones."""
    sheet, number = Sheet(500, 1000), "34567"
    for place, digit in enumerate(chosen(test_slice, number, start=3)):
        left = 60 + place * (80 + gap)
        sheet.box(left, 200, left + 80, 280)
        sheet.write([digit], left + 22, 212)
    assert classifier.read(sheet.photograph(tilt)).text.replace(" ", "") == number


@pytest.mark.parametrize("gap", [40, 60, 100])
def test_two_digits_are_rejected_with_a_note(
    classifier: digits.Classifier, test_slice: Split, gap: int
) -> None:
    sheet = Sheet(200, 400)
    sheet.write(chosen(test_slice, "74"), 80, 40, size=110, gap=gap)
    photo = sheet.photograph()
    prediction = classifier.predict(photo)
    assert prediction.digit is None
    assert "digits read" in prediction.note
    accepted = digits.Classifier(reject=False).predict(photo)
    assert accepted.digit == accepted.top1
    assert not accepted.note


def test_most_nondigits_are_rejected(classifier: digits.Classifier) -> None:
    """benchmarks/nondigits.py measures the exact rate; this is a lower bound."""
    random = np.random.default_rng(0)
    drawn = [nondigits.drawing(random) for _ in range(100)]
    rejected = sum(prediction.digit is None for prediction in classifier.predict_batch(drawn))
    assert rejected >= 90


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "INVOICE",
        "and the",
    ],
)
def test_page_of_words_has_no_digits(classifier: digits.Classifier, text: str) -> None:
    page = Image.new("L", (600, 200), 235)
    font = ImageFont.truetype(DEJAVU[0], 70)
    ImageDraw.Draw(page).text((80, 50), text, 40, font)
    assert classifier.read(page).lines == ()


@settings(max_examples=50)
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.int8, np.float32, np.bool_]),
        st.tuples(st.integers(1, 30), st.integers(1, 3000)),
    )
    | hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5)))
)
def test_any_array_gives_a_valid_box_or_picture_error(
    classifier: digits.Classifier, array: np.ndarray
) -> None:
    boxes = []
    with suppress(PictureError):
        boxes.append(classifier.predict(array).box)
    with suppress(PictureError):
        boxes += [symbol.box for symbol in classifier.read(array).symbols]
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= array.shape[1]
        assert 0 <= top < bottom <= array.shape[0]


@settings(max_examples=50)
@given(st.data())
def test_truncated_file_gives_a_result_or_picture_error(
    classifier: digits.Classifier, data: st.DataObject
) -> None:
    raw = data.draw(st.sampled_from(sorted(PICTURES.glob("[0-9].*")))).read_bytes()
    part = raw[: data.draw(st.integers(0, len(raw)))] + data.draw(st.binary(max_size=8))
    with suppress(PictureError):
        assert len(classifier.predict(part).probabilities) == 10
    with suppress(PictureError):
        symbols = classifier.read(part).symbols
        assert all(len(symbol.probabilities) == 12 for symbol in symbols)


@pytest.mark.slow
@pytest.mark.parametrize("cells", [30, 100, 400])
def test_texture_is_read_in_bounded_time(classifier: digits.Classifier, cells: int) -> None:
    """Such noise once took 97 seconds and 21 GB."""
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.normal(size=(cells, cells)).astype(np.float32))
    field = np.asarray(coarse.resize((2048, 2048), Image.Resampling.BICUBIC))
    reading = classifier.read(np.where(field > 0.4, 40, 220).astype(np.uint8))
    assert len(reading.symbols) < 2000


@pytest.mark.slow
@real_photos
def test_accuracy_on_real_photos(classifier: digits.Classifier) -> None:
    """Handwriting from outside MNIST. The bounds are requirements, below the measured accuracy."""
    right, total = Counter[str](), Counter[str]()
    with (SHARED / "single.csv").open() as table:
        for row in csv.DictReader(table):
            kind = Path(row["file"]).name.split("_")[0]
            prediction = classifier.predict(SHARED / row["file"])
            answer = int(np.argmax(prediction.probabilities))
            right[kind] += answer == int(row["digit"])
            total[kind] += 1
    share = {kind: right[kind] / total[kind] for kind in total}
    assert share["phone"] >= 0.9
    assert share["sudoku"] >= 0.9
    assert share["exam"] >= 0.9
    assert share["mouse"] >= 0.98


@real_photos
def test_error_rate_on_real_pages() -> None:
    classifier = digits.Classifier(reject=False)
    wrong = total = 0
    with (SHARED / "lines.csv").open() as table:
        for row in csv.DictReader(table):
            expected = row["digits"].replace("/", "\n").replace(" ", "  ")
            wrong += edits(classifier.read(SHARED / row["file"]).text, expected)
            total += len(expected)
    assert wrong / total <= 0.1


def test_docs_page_reads_as_documented() -> None:
    root = Path(__file__).parent.parent.parent
    text = digits.Classifier().read(root / "docs" / "page.jpg").text
    assert repr(text).strip("'") in (root / "README.md").read_text()
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    assert (
        f"    $ digits read docs/page.jpg --annotate page-read.jpg\n{lines}"
        in (root / "docs" / "read.md").read_text()
    )
