"""Pictures that are chosen, dropped or pasted; several make a table; the live camera."""

import base64
import csv
import io
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys

from digits.classifier import Classifier
from tests.browser.page import Page, fake_read, hasten, reading

PASTE = """
const bytes = Uint8Array.from(atob(arguments[0]), (byte) => byte.charCodeAt(0));
const clipboardData = new DataTransfer();
clipboardData.items.add(new File([bytes], "a", { type: "image/jpeg" }));
document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
"""


@pytest.mark.parametrize(
    ("page", "way"),
    [("desktop", "file"), ("phone", "camera"), ("desktop", "drop"), ("desktop", "paste")],
    indirect=["page"],
)
def test_photo_gets_boxes(page: Page, way: str, numbers: Path, classifier: Classifier) -> None:
    if way == "drop":
        page.drop(numbers)
    elif way == "paste":
        page.script(PASTE, base64.b64encode(numbers.read_bytes()).decode())
    else:
        page.choose(numbers, name=way)  # in place of a live camera
    page.wait_for_text(classifier.read(numbers).text)
    page.wait_for_status("26 digits")
    assert page.boxes.sum() > 1000
    page.digits[12].click()
    assert np.argmax(page.bars) == int(page.digits[12].text)


def test_camera_frames_are_read_until_stopped(desktop: Page) -> None:
    button = desktop.find("live")
    desktop.wait(button.is_displayed)
    button.click()
    desktop.wait(lambda: "3141" in desktop.text, lambda: desktop.text)
    desktop.wait(lambda: desktop.boxes.sum() > 500)
    for _ in range(3):
        desktop.requests()
        desktop.wait(lambda: any("/read" in address for address in desktop.requests()))
    assert button.get_attribute("aria-pressed") == "true" and not desktop.settled
    button.click()
    desktop.wait(lambda: desktop.settled)
    assert "3141" in desktop.text and desktop.boxes.sum() > 500  # the last frame stays
    assert button.get_attribute("aria-pressed") == "false"
    desktop.requests()
    desktop.find("undo").click()
    desktop.wait_for_status("Draw a digit.")
    assert not any("/read" in address for address in desktop.requests())


CELLS = """
return [...document.querySelectorAll("#files tbody tr")].map((row) =>
  [...row.cells].map((cell) => cell.textContent));
"""


def rows(page: Page) -> list[list[str]]:
    """The file, the text with its note, and whether it is sure, of each row."""
    cells: list[list[str]] = page.script(CELLS)
    return cells


def blank(folder: Path, names: Sequence[str]) -> list[Path]:
    """Write small pictures."""
    files = [folder / name for name in names]
    for file in files:
        Image.new("L", (9, 9), 255).save(file, "PNG")
    return files


def test_several_files_make_table(
    desktop: Page, pictures: list[Path], numbers: Path, tmp_path: Path, classifier: Classifier
) -> None:
    [empty] = blank(tmp_path, ["blank.png"])
    invalid = tmp_path / "notes.png"
    invalid.write_text("no picture")
    desktop.choose(*pictures[:5], numbers, empty, invalid)
    texts = [classifier.read(file).text for file in pictures[:5]]
    assert [text.removesuffix("?") for text in texts] == [*"01234"]
    accepted = sum("?" not in text for text in texts)
    desktop.wait_for_status(
        f"8 files: {accepted} sure, {7 - accepted} not sure, 1 not read.", "files"
    )
    *shown, [name, note, sure] = rows(desktop)
    assert shown == [
        *(
            [file.name, text, "no" if "?" in text else "yes"]
            for file, text in zip(pictures[:5], texts, strict=True)
        ),
        ["numbers.jpg", classifier.read(numbers).text, "no"],
        ["blank.png", "No digit was found.", "no"],
    ]
    assert name == "notes.png" and "no picture that can be read here" in note and sure == ""
    assert desktop.text == ""  # nothing is on the paper
    desktop.select("#files tbody button")[2].send_keys(Keys.ENTER)
    desktop.wait_for_text("2")
    desktop.select("#files tbody td:last-child")[4].click()
    desktop.wait_for_text("4")


def test_csv_has_no_formulas(desktop: Page, tmp_path: Path) -> None:
    names = ["a,b.png", '"q".png', "=1+1.png", "x;@y.png", "new\nline.png"]
    numbers = [{"status": status} for status in ("review", "accepted", "review")]
    fake_read(desktop, reading("7") | {"text": "-5-3\n007  1", "numbers": numbers})
    # A list of files to choose is separated by line ends.
    desktop.drop(*blank(tmp_path, names))
    desktop.wait_for_status("5 files: 5 sure", "files")
    [link] = desktop.select("#files a")
    folder = tmp_path / "download"
    desktop.cdp("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    link.click()
    file = folder / "digits.csv"
    # Until all of it is there, the browser keeps an empty file of that name.
    desktop.wait(lambda: file.exists() and file.stat().st_size > 0)
    content = file.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    answer = ["'-5-3\n007  1", "yes", "review accepted", ""]
    escaped = [*names[:2], "'=1+1.png", "x;'@y.png", names[-1]]
    expected = [[name, *answer] for name in escaped]
    assert lines == [["file", "text", "sure", "status", "note"], *expected]


def test_unreadable_file_costs_its_row(desktop: Page, pictures: list[Path], tmp_path: Path) -> None:
    """Two that the server always fails on, and one that was removed."""
    removed = Path(shutil.copy(pictures[8], tmp_path))
    fake_read(desktop, reading("7"), statuses=[503] * 10)
    hasten(desktop)
    desktop.choose(*pictures[:2], removed, pictures[2])
    removed.unlink()
    desktop.wait_for_status("4 files: 1 sure, 0 not sure, 3 not read.", "files")
    failed = "The server couldn't answer; try this file again later."
    opened = "This file can't be opened. Instead of a folder, choose its files."
    assert [text for _, text, _ in rows(desktop)] == [failed, failed, opened, "7"]
