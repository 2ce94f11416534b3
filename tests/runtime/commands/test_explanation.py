"""`digits predict --explain` and its drawing."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits import Classifier
from digits.commands import explanation
from digits.commands.drawing import SURE, UNSURE
from digits.inference.feature_maps import FeatureMaps
from digits.second_opinion import Opinion
from tests.conftest import Run
from tests.robustness import forgery
from tests.runtime.commands.conftest import Texts

DrawPanel = Callable[[np.ndarray, int, int], np.ndarray]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier()


def test_explain_saves_drawing_with_the_frame(
    run: Run, pictures: list[Path], tmp_path: Path
) -> None:
    drawing = tmp_path / "new" / "seven.png"
    assert run("predict", pictures[7], "--explain", drawing) == run("predict", pictures[7])
    assert [path.name for path in drawing.parent.iterdir()] == ["seven.png"]
    with Image.open(drawing) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        pixels = np.asarray(image)
    frame = Classifier().predict(pictures[7]).frame
    assert frame is not None
    panel = frame.repeat(10, 0).repeat(10, 1)
    left, top = 40, 108 + 140  # the first panel, half as high as the others
    assert (pixels[top : top + 280, left : left + 280, 0] == panel).all()


@pytest.mark.parametrize("kind", ["--json", "--csv"])
def test_explain_does_not_change_json_and_csv(
    run: Run, pictures: list[Path], tmp_path: Path, kind: str
) -> None:
    plain = run("predict", kind, pictures[2])
    assert run("predict", kind, pictures[2], "--explain", tmp_path / "two.jpg") == plain
    assert (tmp_path / "two.jpg").stat().st_size > 10_000


def test_explain_picture_with_junk_in_its_exif(
    run: Run, pictures: list[Path], tmp_path: Path
) -> None:
    colour = Image.open(pictures[3]).convert("RGB")
    colour.save(tmp_path / "junk.png", exif=b"Exif\0\0" + b"junk" * 50)
    code, out, _ = run("predict", tmp_path / "junk.png", "--explain", tmp_path / "out.png")
    assert (code, out[0]) == (0, "3")


def test_explain_of_blank_picture_is_not_drawn(run: Run, tmp_path: Path) -> None:
    Image.new("L", (50, 50), 200).save(tmp_path / "blank.png")
    code, out, err = run("predict", tmp_path / "blank.png", "--explain", tmp_path / "out.png")
    assert code == 1
    assert out == "?  (no ink found)\n"
    assert err == (f"error: {tmp_path}/blank.png: no ink found; {tmp_path}/out.png is not drawn\n")
    assert not (tmp_path / "out.png").exists()


def test_explain_to_unwritable_path_is_an_error(
    run: Run, pictures: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    for drawing in (tmp_path / "folder.png", tmp_path / "file" / "out.png"):
        code, out, err = run("predict", pictures[1], "--explain", drawing)
        assert (code, out) == (1, "")
        assert err.startswith(f"error: can't write {drawing}: ")
        assert len(err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


def test_explain_without_convolutions_is_an_error(
    run: Run, pictures: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "dense.onnx").write_bytes(forgery.sealed(forgery.honest()))
    drawing = tmp_path / "out.png"
    code, out, err = run(
        "predict", pictures[1], "--model", tmp_path / "dense.onnx", "--explain", drawing
    )
    assert (code, out) == (1, "")
    assert err == f"error: {tmp_path}/dense.onnx has no convolutions, so no feature maps\n"
    assert not drawing.exists()


def test_explain_folder_with_one_picture(run: Run, pictures: list[Path], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "4.png").write_bytes(pictures[4].read_bytes())
    code, out, _ = run("predict", tmp_path / "in", "--explain", tmp_path / "out.png", "--json")
    assert code == 0
    assert json.loads(out)["digit"] == 4
    assert (tmp_path / "out.png").exists()


def draw_maps(
    classifier: Classifier,
    source: Path,
    found: list[FeatureMaps],
    monkeypatch: pytest.MonkeyPatch,
    reject: bool = False,
) -> Image.Image:
    """Draw a picture with these feature maps."""
    monkeypatch.setattr(explanation, "feature_maps", lambda *_: found)
    [examined] = classifier.examine([source])
    prediction = classifier.prediction(examined)
    if reject:
        object.__setattr__(prediction, "digit", None)
    return explanation.draw(classifier, examined, prediction)


def random_maps(count: int, height: int, width: int, *operators: str) -> FeatureMaps:
    values = np.random.default_rng(0).random((count, height, width), np.float32)
    return FeatureMaps(("Conv", *operators), values)


@pytest.mark.parametrize(
    ("found", "titles"),
    [
        (
            [random_maps(6, 12, 12, "Relu", "MaxPool"), random_maps(16, 4, 4, "Relu", "MaxPool")],
            ["convolution 1, ReLU, max pool", "6 maps of 12x12", "16 maps of 4x4"],
        ),
        (
            [random_maps(64, 32, 32, "Relu"), random_maps(64, 16, 16, "Relu", "MaxPool")],
            ["convolution 1, ReLU", "convolution 2, ReLU, max pool", "64 maps of 32x32"],
        ),
        ([random_maps(1, 24, 24)], ["convolution 1", "1 map of 24x24"]),
        (
            [random_maps(500, 2, 3), random_maps(3, 1, 1)],
            ["64 of 500 maps of 2x3", "3 maps of 1x1"],
        ),
        ([random_maps(3, 2, 900), random_maps(3, 900, 2)], ["3 maps of 2x900"]),
    ],
)
def test_titles_and_sizes_of_feature_maps(
    classifier: Classifier,
    pictures: list[Path],
    found: list[FeatureMaps],
    titles: list[str],
    texts: Texts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = draw_maps(classifier, pictures[7], found, monkeypatch)
    assert image.width < 2200
    assert image.height == 762
    written = [text for text, _ in texts]
    assert {"input", "28x28 pixels", *titles} <= {*written}
    assert written[-1].startswith("answer: 7  (")
    for left, top, right, bottom in (box for text, box in texts[20:]):
        assert left >= 0 and top >= 0 and right <= image.width and bottom <= image.height


@pytest.mark.parametrize("reject", [False, True])
def test_bars_match_the_probabilities(
    classifier: Classifier,
    pictures: list[Path],
    reject: bool,
    texts: Texts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = draw_maps(classifier, pictures[7], [random_maps(1, 9, 9)], monkeypatch, reject)
    [examined] = classifier.examine([pictures[7]])
    expected = examined.answers[examined.judgement.hypotheses.argmax()]
    shown = [(digit[0], share[0]) for digit, share in zip(texts[:20:2], texts[1:20:2], strict=True)]
    assert shown == [(f"{n}", f" {100 * share:.1f} %") for n, share in enumerate(expected)]
    colour = UNSURE if reject else SURE
    assert texts[-1][0].startswith("answer: ?" if reject else "answer: 7")
    row = (np.asarray(image) == colour).all(2).sum(1).max()
    assert row == pytest.approx(260 * expected.max(), abs=2)


def test_second_opinion_is_below_the_answer(
    classifier: Classifier, pictures: list[Path], texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explanation, "feature_maps", lambda *_: [random_maps(1, 9, 9)])
    opinion = Opinion(0.625 * np.eye(10)[4] + 0.0125, 0.125, 0.125)
    [examined] = classifier.examine([pictures[7]])
    examined = examined._replace(opinion=opinion)
    image = explanation.draw(classifier, examined, classifier.prediction(examined))
    (answer, (*_, above)), (second, (_, top, right, bottom)) = texts[-2:]
    assert answer.startswith("answer: 7  (")
    assert second == (
        "second opinion, of the reader: 4  (63.7 %)        several digits 12.5 %"
        "        no digit 12.5 %"
    )
    assert above <= top and right <= image.width and bottom <= image.height


@pytest.fixture
def draw_panel(
    classifier: Classifier, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> DrawPanel:
    """Draw the maps of one layer; gives their panel of this height and width, uint8."""

    def draw(values: np.ndarray, height: int, width: int) -> np.ndarray:
        found = [FeatureMaps(("Conv",), values)]
        image = np.asarray(draw_maps(classifier, pictures[7], found, monkeypatch))
        left, top = 360, 108 + (560 - height) // 2
        assert (image[top - 1, left : left + width] == 255).all()
        assert (image[top + height, left : left + width] == 255).all()
        assert (image[top : top + height, [left - 1, left + width]] == 255).all()
        return image[top : top + height, left : left + width, 0]

    return draw


def test_maps_share_one_grey_scale(draw_panel: DrawPanel) -> None:
    values = np.zeros((4, 2, 2), np.float32)
    values[1], values[2, 0, 0], values[3] = 5.0, 10.0, np.nan
    side = (560 + 4) // 2 - 4
    grid = draw_panel(values, 2 * side + 4, 2 * side + 4)
    assert (grid[:side, :side] == 0).all()
    assert (grid[:side, side + 4 :] == 127).all()
    assert (grid[side + 4 :, :side][: side // 2, : side // 2] == 255).all()
    assert (grid[side + 4 :, side + 4 :] == 0).all()
    assert (grid[side : side + 4] == 232).all()


def test_maps_with_negative_and_infinite_values(draw_panel: DrawPanel) -> None:
    signed = draw_panel(np.array([[[-1.0, 1.0]]], np.float32), 280, 560)
    assert {*signed.ravel().tolist()} == {0, 255}
    infinite = draw_panel(np.array([[[np.inf, -np.inf, 0]]], np.float32), 186, 558)
    assert {*infinite.ravel().tolist()} == {0, 127, 255}
