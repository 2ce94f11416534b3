"""Pictures that are chosen, taken, dropped or pasted."""

import base64
from pathlib import Path

import pytest
from PIL import Image

from digits.recognize import Reader
from tests.browser.page import Page

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
def test_photo_gets_boxes(page: Page, way: str, numbers: Path, reader: Reader) -> None:
    if way == "drop":
        page.drop(numbers)
    elif way == "paste":
        page.script(PASTE, base64.b64encode(numbers.read_bytes()).decode())
    else:
        page.choose(numbers, name=way)
    page.wait_for_text(reader.read(numbers).text)
    page.wait_for_status("4 numbers")
    assert page.boxes.sum() > 1000


def test_large_photo_is_made_smaller(
    desktop: Page, numbers: Path, tmp_path: Path, reader: Reader
) -> None:
    with Image.open(numbers) as photo:
        photo.resize((7000, 3675)).save(tmp_path / "large.jpg")
    desktop.choose(tmp_path / "large.jpg")
    desktop.wait_for_status("4 numbers")
    assert desktop.boxes.sum() > 1000


def test_file_that_cannot_be_read_is_told(desktop: Page, tmp_path: Path) -> None:
    text = tmp_path / "notes.png"
    text.write_text("no picture")
    desktop.choose(text)
    desktop.wait_for_status("Not read: ")
    desktop.drop(tmp_path)
    desktop.wait_for_status("This file can't be opened.")
