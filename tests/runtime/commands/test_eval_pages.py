"""`digits eval --pages`, with a reader that sees "-12.5 8" on every page of the right shape."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits import Classifier
from digits.images import picture
from digits.inference.model_file import BUNDLED, BUNDLED_READER
from digits.inference.reader_model import ReaderModel
from tests.conftest import Run
from tests.runtime.conftest import count_calls
from tests.runtime.reader.drawn import NOTHING, Network, row_of

SHAPE = (200, 400)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page "-12.5 8" under three names, and one without any digit."""
    network = Network([*row_of("-12.5", 40, 60), *row_of("8", 300, 60)], SHAPE)

    def maps(self: ReaderModel, page: np.ndarray) -> tuple[np.ndarray, ...]:
        centres, symbols, boxes = network(page)
        return np.full_like(centres, NOTHING) if page.max() < 200 else centres, symbols, boxes

    monkeypatch.setattr(ReaderModel, "maps", maps)
    Image.new("L", SHAPE[::-1], 255).save(tmp_path / "a.png")
    shutil.copy(tmp_path / "a.png", tmp_path / "b.png")
    Image.new("L", SHAPE[::-1], 100).save(tmp_path / "grey.png")
    return tmp_path


def table(folder: Path, *rows: str) -> Path:
    (folder / "pages.csv").write_text("\n".join(["file;text", *rows]))
    return folder / "pages.csv"


def test_errors_exact_pages_and_worst_pages(run: Run, folder: Path) -> None:
    pages = table(folder, "a.png;-12.5 8", "b.png;-12,5/78", "grey.png;30")
    code, out, err = run("eval", "--pages", pages)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"{BUNDLED_READER} on {pages}"
    assert lines[1] == "error rate 20.00% of 15 symbols: 3 missed, 0 wrong, 0 invented"
    assert lines[2] == ("pages without an error: 1 of 3, 1 of them in the same lines and columns")
    assert lines[3].startswith("expected calibration error ")
    assert re.match(
        r"rejected \(\?\) below a confidence of .*%: 0 \(0.00% of those read\), 0", lines[4]
    )
    assert lines[6] == "worst pages (2 of 2 with errors), most errors first:"
    assert lines[7] == f"  {folder / 'grey.png'}: 2 missed, 0 wrong, 0 invented"
    assert [" ".join(line.split()) for line in lines[10:]] == [
        f"{folder / 'b.png'}: 1 missed, 0 wrong, 0 invented",
        "written -12.5/78",
        "read -12.5 8",
    ]


def test_signs_are_ignored_where_the_table_has_none(run: Run, folder: Path) -> None:
    code, out, _ = run("eval", "--pages", table(folder, "a.png;125 8", "b.png;125/8"), "--json")
    values = json.loads(out)
    assert (code, values["signs"], values["symbols"]) == (0, False, 8)
    assert (values["exact"], values["same_layout"]) == (2, 1)
    assert values["error_rate"] == 0 and values["worst"] == []


def test_invented_digits_on_a_page_without_any(run: Run, folder: Path) -> None:
    values = json.loads(run("eval", "--pages", table(folder, "a.png;"), "--json")[1])
    assert (values["symbols"], values["invented"], values["error_rate"]) == (0, 4, None)
    assert values["worst"][0]["read"] == "125  8"
    assert values["calibration_error"] > 0.9


def test_bad_pages_cost_themselves(run: Run, folder: Path) -> None:
    (folder / "empty.png").touch()
    pages = table(folder, "missing.png;1", "a.png;-12.5 8", "empty.png;2", "b.png;seven")
    code, out, err = run("eval", "--pages", pages, "--json")
    assert code == 1
    assert [line.startswith("error: ") for line in err.splitlines()] == [True] * 3
    assert "line 5: the text may have digits" in err
    assert "missing.png" in err and "empty.png is empty" in err
    assert (json.loads(out)["pages"], json.loads(out)["exact"]) == (1, 1)


@pytest.mark.parametrize(
    ("rows", "cause"),
    [(["missing.png;1"], "no readable pages in"), ([], "no labelled pages in")],
)
def test_no_page_is_an_error(run: Run, folder: Path, rows: list[str], cause: str) -> None:
    code, out, err = run("eval", "--pages", table(folder, *rows))
    assert (code, out) == (1, "")
    assert cause in err


def test_missing_column_is_named(run: Run, folder: Path) -> None:
    (folder / "lines.csv").write_text("file,digits,source\na.png,12,me\n")
    code, out, err = run("eval", "--pages", folder / "lines.csv")
    assert (code, out) == (1, "")
    assert "its columns are file, digits, source; needs file and text" in err


@pytest.mark.parametrize("other", [("--data", "."), ("--split", "test"), ("--kernels", "float")])
def test_options_of_single_digits_are_refused(
    run: Run, folder: Path, other: tuple[str, str]
) -> None:
    code, _, err = run("eval", "--pages", table(folder, "a.png;1"), *other)
    assert code == 2
    assert "--pages excludes" in err


def test_model_must_be_a_reader(run: Run, folder: Path) -> None:
    pages = table(folder, "a.png;1")
    code, out, err = run("eval", BUNDLED, "--pages", pages)
    assert (code, out) == (1, "") and BUNDLED in err
    code, out, err = run("eval", "--pages", pages, "--model-sha256", "0" * 64)
    assert (code, out) == (1, "") and "reader.int8.onnx is the wrong model" in err
    assert run("eval", BUNDLED_READER, "--pages", pages)[0] == 0


def test_each_page_is_read_once(run: Run, folder: Path) -> None:
    pages = table(folder, "a.png;1", "b.png;2")
    with count_calls(Classifier.read, picture.load) as calls:
        assert run("eval", "--pages", pages)[0] == 0
    assert calls["read"] == 2


def test_pages_are_read_as_by_read(folder: Path) -> None:
    """Even if they are held sideways and have colours."""
    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 255, (60, 90, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(folder / "turned.jpg", exif=exif)
    pixels = picture.load(folder / "turned.jpg", picture.PAGE_MAX_SIDE).pixels
    assert pixels.shape == (90, 60)
    np.testing.assert_array_equal(picture.load(pixels, picture.PAGE_MAX_SIDE).pixels, pixels)


def test_plot_shows_worst_pages(run: Run, folder: Path) -> None:
    pages = table(folder, "a.png;-12.5 8", "b.png;-12.5/78")
    assert run("eval", "--pages", pages, "--plot", folder / "plots")[0] == 0
    [plot] = (folder / "plots").iterdir()
    assert plot.name == "pages.png"
    assert np.asarray(Image.open(plot)).std() > 5


def test_plot_without_any_error(run: Run, folder: Path) -> None:
    code, out, err = run(
        "eval", "--pages", table(folder, "a.png;-12.5 8"), "--plot", folder / "plots"
    )
    assert (code, err) == (0, "")
    assert (folder / "plots" / "pages.png").exists()


def test_long_texts_are_shortened(run: Run, folder: Path) -> None:
    out = run("eval", "--pages", table(folder, f"a.png;{'7' * 300}"))[1]
    [written] = [line for line in out.splitlines() if "written" in line]
    assert len(written) < 110 and written.endswith("7…")
