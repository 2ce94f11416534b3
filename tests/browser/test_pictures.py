"""Pictures that are chosen, dropped or pasted, and the examples."""

import base64
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits.classifier import Classifier
from digits.data.mnist import Split
from tests.browser.page import SEVEN, Page
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
def test_photo_is_read_and_boxed(
    page: Page, way: str, numbers: Path, classifier: Classifier
) -> None:
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
    phone.wait_for_text("7")
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
