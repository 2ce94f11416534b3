"""What of a folder or a table of results is shown, and in which order."""

from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from digits.classifier import Classifier
from digits.errors import DigitsError
from digits.review.items import Item, has_numbers, load, read_rows
from tests.conftest import Run
from tests.runtime.review.conftest import NUMBERS, labels_at

DIGITS = "file,digit,confidence,status\n"
BOX = "1,2,30,40"


def loaded(source: Path, classifier: Classifier) -> tuple[list[Item], int]:
    folder = source if source.is_dir() else source.parent
    with closing(labels_at(folder / "labels.csv", has_numbers(source))) as labels:
        return load(source, read_rows(source), classifier, labels)


def written(folder: Path, text: str) -> Path:
    (folder / "results.csv").write_text(text)
    return folder / "results.csv"


def test_results_of_every_command(
    tmp_path: Path, pictures: list[Path], numbers: Path, classifier: Classifier, run: Run
) -> None:
    assert run("predict", *pictures, "-o", tmp_path / "digits.csv")[0] == 0
    items, _ = loaded(tmp_path / "digits.csv", classifier)
    assert {Path(item.file) for item in items} == {*pictures}
    (tmp_path / "labels.csv").unlink()
    items, _ = loaded(written(tmp_path, run("read", numbers, "--csv")[1]), classifier)
    assert len(items) == 4 and all(item.guess.isdigit() for item in items)


@pytest.mark.parametrize(
    ("rows", "guesses"),
    [
        (  # what is in doubt and as asked for comes first
            f"page.png,,0,unreadable,,99,{BOX}\npage.png,1,.9,accepted,,1,0,0,9,9\n"
            "page.png,2,.8,review,,2,5,5,9,9\npage.png,3,.7,review,,3,6,6,9,9\n",
            ["3", "2", "", "1"],
        ),
        (f"page.png,1,0.5,review,,1,{BOX}\npage.png,2,0.5,review,,2,{BOX}\n", ["2"]),
        (f"page.png,\\x2d5-3,0.5,review,,\\x2d5-3,{BOX}\n", ["-5-3"]),
        ("page.png,1,1,accepted,,1,0,0,1000000,1000000\n", ["1"]),
    ],
)
def test_order_of_numbers(
    folder: Path, rows: str, guesses: list[str], classifier: Classifier
) -> None:
    items, _ = loaded(written(folder, NUMBERS + rows), classifier)
    assert [item.guess for item in items] == guesses


@pytest.mark.parametrize(
    "row",
    [
        "gone.png,1,0.5,review,,1,1,2,3,4",
        "page.png,1,nan,review,,1,1,2,3,4",
        "page.png,1,0.5,perhaps,,1,1,2,3,4",
        "page.png,seven,0.5,review,,seven,1,2,3,4",
        "page.png,1,0.5,review,,1,1,2,1,4",
        "page.png,1,0.5,review,,1,1,2,1000001,4",
        "page.png,1,0.5,review,,1,1,2,3,1000001",
        "page.png,1,1.01,review,,1,1,2,3,4",
        "page.txt,,0,unreadable,,,,,,",
        "",
    ],
)
def test_rows_without_sense_are_counted(
    folder: Path, row: str, classifier: Classifier, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "page.txt").write_text("no picture")
    good = f"page.png,1,0.5,review,,1,{BOX}\n"
    items, _ = loaded(written(folder, f"{NUMBERS}{good}{row}\n{good}"), classifier)
    assert len(items) == 1
    err = capsys.readouterr().err
    assert "passed over 1 of 3" in err if row else not err


def test_table_of_other_columns(folder: Path, classifier: Classifier) -> None:
    with pytest.raises(DigitsError, match="its columns are file, digit; needs"):
        loaded(written(folder, "file,digit\npage.png,7\n"), classifier)


def test_folder_without_pictures(tmp_path: Path, classifier: Classifier) -> None:
    (tmp_path / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(DigitsError, match="nothing that can be shown"):
        loaded(tmp_path, classifier)


def test_picture_is_sought_in_folder_of_table_first(
    folder: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are escaped as in results."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    for name in ("page.png", "=\u202e.png"):
        Image.new("L", (9, 9)).save(elsewhere / name)
    monkeypatch.chdir(elsewhere)
    rows = "page.png,7,0.5,sure\n\\x3d\\u202e.png,7,0.4,sure\n"
    items, _ = loaded(written(folder, DIGITS + rows), classifier)
    names = [item.cells(folder) for item in items]
    assert names == [["elsewhere/=\\u202e.png"], ["page.png"]]
    assert items[0].cells(elsewhere) == ["\\x3d\\u202e.png"]
