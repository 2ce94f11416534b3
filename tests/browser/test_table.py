"""Several files: a table of what is in them, and its CSV."""

import csv
import io
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys

from digits.classifier import Classifier
from digits.tables import csv_name
from tests.browser.fakes import fake_read, reading, recorded
from tests.browser.page import Page


def rows(page: Page) -> list[list[str]]:
    """The file, the text with its note, and whether it is sure, of each row."""
    cells: list[list[str]] = page.script(
        """
        return [...document.querySelectorAll("#files tbody tr")].map((row) =>
          [...row.cells].map((cell) => cell.textContent));
        """
    )
    return cells


def blank(folder: Path, names: Sequence[str]) -> list[Path]:
    """Write small pictures."""
    files = [folder / name for name in names]
    for file in files:
        Image.new("L", (9, 9), 255).save(file, "PNG")
    return files


def test_several_files_make_table(
    page: Page, pictures: list[Path], numbers: Path, tmp_path: Path
) -> None:
    [empty] = blank(tmp_path, ["blank.png"])
    invalid = tmp_path / "notes.png"
    invalid.write_text("no picture")
    files = [*pictures, numbers, empty, invalid]
    page.choose(*files)
    page.wait_for_status("13 files: 10 sure, 2 not sure, 1 not read.", "files")
    shown = rows(page)
    assert [name for name, _, _ in shown] == [file.name for file in files]
    assert [text for _, text, _ in shown[:10]] == [str(digit) for digit in range(10)]
    assert shown[10] == ["numbers.jpg", Classifier().read(numbers).text, "no"]
    assert shown[11] == ["blank.png", "No digit was found.", "no"]
    assert "no picture that can be read here" in shown[12][1] and shown[12][2] == ""
    assert page.text == ""  # nothing is on the paper
    page.select("#files tbody button")[2].send_keys(Keys.ENTER)
    page.wait_for_text("2")
    page.select("#files tbody td:last-child")[4].click()
    page.wait_for_text("4")


@pytest.mark.parametrize(("text", "cell"), [("-5-3", r"\x2d5-3"), ("007\n1  2", "007\n1  2")])
def test_csv_is_as_from_command_line(
    desktop_page: Page, tmp_path: Path, text: str, cell: str
) -> None:
    names = [
        *("a,b.png", '"q".png', "=1+1.png", "x;@y.png"),
        *("\\x41.png", "new\nline.png", "ä\u202e.png"),
    ]
    numbers = [{"status": status} for status in ("review", "accepted", "review")]
    fake_read(desktop_page, reading("7") | {"text": text, "numbers": numbers})
    # A list of files to choose is separated by line ends.
    desktop_page.drop(*blank(tmp_path, names))
    desktop_page.wait_for_status("7 files: 7 sure", "files")
    [link] = desktop_page.select("#files a")
    content = desktop_page.download(link, tmp_path / "download" / "digits.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    expected = [[csv_name(name), cell, "yes", "review accepted", ""] for name in names]
    assert lines == [["file", "text", "sure", "status", "note"], *expected]


def test_two_are_read_at_once_until_closed(desktop_page: Page, tmp_path: Path) -> None:
    fake_read(desktop_page, reading("7?"), delay=50)
    files = blank(tmp_path, [f"{number}.png" for number in range(30)])
    desktop_page.choose(*files)
    desktop_page.choose(*files)
    desktop_page.wait(lambda: rows(desktop_page)[3][2] == "no")
    assert rows(desktop_page)[-1] == ["29.png", "Not read yet.", ""]
    assert len(rows(desktop_page)) == 60 and desktop_page.script("return most") == 2
    desktop_page.button("files", "Close").click()
    assert not desktop_page.find("files").is_displayed()
    count = len(recorded(desktop_page, "asked"))
    desktop_page.choose(*files[:2])
    desktop_page.wait_for_status("2 files: 0 sure, 2 not sure", "files")
    assert len(recorded(desktop_page, "asked")) == count + 2 < 30


def test_file_that_cannot_be_read_costs_its_row(
    desktop_page: Page, pictures: list[Path], tmp_path: Path
) -> None:
    """One that the server always fails on, one that is too large, and one that has been removed."""
    large, removed = tmp_path / "large.bin", tmp_path / "removed.bin"
    large.write_bytes(bytes(2**24 + 1))
    shutil.copy(pictures[8], removed)
    later = "const later = setTimeout; window.setTimeout = (call) => later(call, 20);"  # no pauses
    desktop_page.script(later)
    fake_read(desktop_page, reading("7"), statuses=[503] * 10)
    desktop_page.choose(*pictures[:2], large, removed, pictures[2])
    removed.unlink()
    desktop_page.wait_for_status("5 files: 1 sure, 0 not sure, 4 not read.", "files")
    notes = [text for _, text, _ in rows(desktop_page)]
    assert notes[0] == notes[1] == "The server couldn't answer; try this file again later."
    assert notes[2].startswith("This picture is too large.")
    assert notes[3].startswith("This file can't be opened.")
    desktop_page.select("#files tbody button")[3].click()
    desktop_page.wait_for_status("can't be opened")
