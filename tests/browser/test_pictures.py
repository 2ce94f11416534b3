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
from digits.data.split import Split
from tests.browser.page import SEVEN, Page, fake_read, hasten, reading, recorded
from tests.synthetic import chosen

EXAMPLES = Path(__file__).parents[2] / "runtime" / "digits" / "serve" / "page"
DAMAGED = "This is no picture that can be read here, or it is damaged."
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


def test_examples_are_read(desktop: Page, classifier: Classifier) -> None:
    for image in desktop.select("#examples img"):
        name = str(image.get_attribute("src")).rpartition("/")[2]
        image.click()
        desktop.wait_for_text(classifier.read(EXAMPLES / name).text or "?")


def test_boxes_fit_downscaled_image(phone: Page, tmp_path: Path, test_slice: Split) -> None:
    large = Image.new("L", (6000, 4500), 255)
    [seven, *_] = chosen(test_slice, "7")
    large.paste(Image.fromarray(255 - seven).resize((1500, 1500)), (4100, 2600))
    large.save(tmp_path / "large.png", compress_level=1)
    phone.choose(tmp_path / "large.png")
    phone.wait_for_text("7", "7?")
    rows, columns = np.nonzero(phone.boxes)
    for pixels, expected in ((columns, 4850 / 6000), (rows, (3350 + 750) / 6000)):
        assert pixels.mean() / len(phone.boxes) == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (bytes(2**24), DAMAGED),
        (bytes(2**24 + 1), "This picture is too large. At most 16 MB and 25 million pixels can"),
        (None, "This file can't be opened. Instead of a folder, choose its files."),
    ],
)
def test_unreadable_file_shows_plain_error(
    desktop: Page, tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "a.bin"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    desktop.drop(file)
    desktop.wait_for_status(words)
    desktop.draw(SEVEN)
    desktop.wait_for_text("7")


DENIED = """
navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotAllowedError"));
"""


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


def test_denied_camera_permission_is_reported(desktop: Page) -> None:
    desktop.wait(desktop.find("live").is_displayed)
    desktop.script(DENIED)
    desktop.find("live").click()
    desktop.wait_for_status("The browser may not use the camera.")
    desktop.draw(SEVEN)
    desktop.wait_for_text("7")


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


def test_two_are_read_at_once_until_closed(desktop: Page, tmp_path: Path) -> None:
    fake_read(desktop, reading("7?"), delay=300)
    files = blank(tmp_path, [f"{number}.png" for number in range(30)])
    desktop.choose(*files)
    desktop.choose(*files)
    desktop.wait(lambda: rows(desktop)[3][2] == "no")
    assert len(rows(desktop)) == 60 and desktop.script("return most") == 2
    assert rows(desktop)[-1] == ["29.png", "Not read yet.", ""]
    desktop.button("files", "Close").click()
    assert not desktop.find("files").is_displayed()
    desktop.choose(*files[:2])
    desktop.wait_for_status("2 files: 0 sure, 2 not sure", "files")
    assert len(recorded(desktop, "asked")) < 30


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
