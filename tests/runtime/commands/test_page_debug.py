"""What `digits read --debug` draws."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits.commands import page_debug
from digits.commands.drawing import SURE, UNSURE
from digits.images import picture
from digits.inference.reader_model import ReaderModel
from digits.reader.page import build_lattices, read_page
from tests.conftest import Run
from tests.runtime.commands.conftest import Texts
from tests.runtime.reader.drawn import NOTHING, Drawn, Network, row_of, text_of

SHAPE = (200, 400)
SCALE = 4  # of the drawing of such a page
LEFT, TOP = 16, 40  # where the page begins


def seen_of(drawn: list[Drawn], shape: tuple[int, int] = SHAPE) -> page_debug.Seen:
    loaded = picture.load(np.full(shape, 255, np.uint8), picture.PAGE_MAX_SIDE)
    return page_debug.examine(loaded, Network(drawn, shape))


def coloured(image: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    """Which pixels of the page have this colour, as [height, width] in the drawing."""
    page = np.asarray(image)[TOP : TOP + SCALE * SHAPE[0], LEFT : LEFT + SCALE * SHAPE[1]]
    return np.asarray((page == colour).all(2))


def test_examine_sees_what_read_does() -> None:
    drawn = [*row_of("12", 40, 60), *row_of("7", 300, 60), *row_of("39", 40, 120)]
    seen, network = seen_of(drawn), Network(drawn, SHAPE)
    assert text_of(read_page(seen.page.pixels, network)) == "12  7\n39"
    assert [look.pixels.shape for look in seen.looks] == network.shapes
    assert [len(line) for line in build_lattices(seen.found)] == [2, 1]


@pytest.mark.parametrize(("threshold", "colour", "mark"), [(0.5, SURE, ""), (1, UNSURE, "?")])
def test_symbols_are_drawn_where_they_are(
    texts: Texts, threshold: float, colour: tuple[int, int, int], mark: str
) -> None:
    image = page_debug.draw(seen_of(row_of("47", 40, 60)), threshold)
    assert {f"4{mark}", f"7{mark}"} <= {text for text, _ in texts}
    drawn = coloured(image, colour)
    assert not coloured(image, UNSURE if colour == SURE else SURE).any()
    # The boxes are 30 pixels high, begin at 40 and 64, and are 18 wide; in between is nothing.
    for left, top in ((40, 60), (64, 60)):
        assert drawn[SCALE * (top + 5) : SCALE * (top + 25), SCALE * left].all()
    assert not drawn[SCALE * 65 : SCALE * 85, SCALE * 59 : SCALE * 63].any()


def test_alternatives_have_their_probability(texts: Texts) -> None:
    other = Drawn("1", (52, 66, 66, 94), -1.0)  # between the two
    image = page_debug.draw(seen_of([*row_of("47", 40, 60), other]), 0.5)
    [text] = [text for text, _ in texts if "%" in text]
    assert text[0] == "1" and text != "1 0%"
    box = coloured(image, page_debug.ALTERNATIVE)[SCALE * 91 : SCALE * 93]
    assert box[:, SCALE * 52 - 1 : SCALE * 52 + 1].any(1).all()
    assert not box[:, SCALE * 53 : SCALE * 65].any()


def test_lines_and_columns_are_drawn(texts: Texts) -> None:
    drawn = [*row_of("47", 40, 60), *row_of("8", 300, 60), *row_of("99", 40, 120)]
    image = page_debug.draw(seen_of(drawn), 0.5)
    numbers = [box for text, box in texts if text in ("1", "2")]
    assert len(numbers) == 2
    for (left, top, right, bottom), middle in zip(numbers, (75, 135), strict=True):
        assert right <= SCALE * 40 and (top + bottom) / 2 == pytest.approx(SCALE * middle, abs=12)
        assert left >= 0
    lines = coloured(image, page_debug.LINE)
    assert lines[SCALE * 75, SCALE * 100 : SCALE * 290].all()  # from one column to the next
    assert not lines[SCALE * 55 : SCALE * 70, SCALE * 200].any()


def test_looks_and_their_scales_are_drawn(texts: Texts) -> None:
    seen = seen_of(row_of("47", 40, 60))
    image = page_debug.draw(seen, 0.5)
    titles = [text for text, _ in texts if text.startswith("look ")]
    assert len(titles) == len(seen.looks) > 1
    assert titles[0] == "look 1: 432x232 pixels, scale 1.00"
    assert titles[1] == "look 2: 232x132 pixels, scale 0.50"
    assert all(box[2] <= image.width and box[3] <= image.height for _, box in texts[:5])
    looks = np.asarray(image)[TOP + SCALE * SHAPE[0] :]
    assert (looks == page_debug.HEAT).all(2).sum() < looks[..., 0].size / 100
    assert (np.abs(looks.astype(int) - page_debug.HEAT).max(2) < 5).sum() > 20


def test_heat_is_where_centres_are() -> None:
    centres = np.full((12, 20), NOTHING, np.float32)
    centres[3, 5] = 8
    look = page_debug.Look(np.full((48, 80), 255, np.uint8), centres)
    heat = np.asarray(page_debug._draw_heat(look))
    hot = np.argwhere(np.abs(heat.astype(int) - page_debug.HEAT).max(2) < 3)
    np.testing.assert_array_equal((hot.min(0), hot.max(0)), ((48, 80), (63, 95)))


def test_large_look_is_drawn_small() -> None:
    """Once, it took a float for each colour of each pixel: 270 MB for this one."""
    look = page_debug.Look(
        np.zeros((2048, 2048), np.uint8), np.full((512, 512), NOTHING, np.float32)
    )
    tracemalloc.start()
    try:
        page_debug._draw_heat(look)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (2048, 40), (30, 20)])
def test_page_of_any_shape(shape: tuple[int, int]) -> None:
    image = page_debug.draw(seen_of([], shape), 0.5)
    assert max(image.size) < 4000


@pytest.fixture
def network() -> Network:
    return Network(row_of("47", 40, 60), SHAPE)


@pytest.fixture
def pages(network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page "47", and one without any digit."""

    def maps(self: ReaderModel, page: np.ndarray) -> tuple[np.ndarray, ...]:
        centres, symbols, boxes = network(page)
        return np.full_like(centres, NOTHING) if page.max() < 200 else centres, symbols, boxes

    monkeypatch.setattr(ReaderModel, "maps", maps)
    Image.new("L", SHAPE[::-1], 255).save(tmp_path / "page.png")
    Image.new("L", SHAPE[::-1], 100).save(tmp_path / "empty.png")
    return tmp_path


def test_read_debug_draws_each_page(run: Run, pages: Path, texts: Texts) -> None:
    (pages / "damaged.png").write_bytes(b"\x89PNG")
    folder = pages / "debug"
    files = [pages / name for name in ("page.png", "empty.png", "damaged.png", "page.png")]
    code, out, err = run("read", "--debug", folder, *files, "--jobs", "2")
    assert (code, out) == (1, f"{files[0]}  47\n" * 2)
    assert "empty.png: no digits found" in err and "damaged.png" in err
    assert {path.name for path in folder.iterdir()} == {
        *("page.png.png", "page.png-2.png", "empty.png.png")
    }
    assert "4" in {text for text, _ in texts}


def test_page_that_is_drawn_is_looked_at_once(run: Run, pages: Path, network: Network) -> None:
    assert run("read", pages / "page.png")[0] == 0
    shapes = network.shapes.copy()
    assert run("read", pages / "page.png", "--debug", pages / "debug")[0] == 0
    assert network.shapes[len(shapes) :] == shapes


def test_read_debug_draws_rejections_as_read_answers(run: Run, pages: Path, texts: Texts) -> None:
    arguments = "read", pages / "page.png", "--debug", pages / "debug"
    assert run(*arguments, "--reject", "never")[1] == "47\n"
    assert "4?" not in {text for text, _ in texts}


def test_read_debug_of_stdin(pictures: list[Path], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "digits", "read", "--debug", str(tmp_path), "-"]
    subprocess.run(command, input=pictures[7].read_bytes(), capture_output=True)
    assert [path.name for path in tmp_path.iterdir()] == ["stdin.png"]


def test_unwritable_folder_is_an_error(run: Run, pages: Path) -> None:
    code, out, err = run("read", pages / "page.png", "--debug", pages / "page.png")
    assert (code, out) == (1, "")
    assert err.startswith("error: can't write")
    assert err.endswith("page.png is a file, not a folder\n")
