"""Pictures that are chosen, dropped or pasted, and the examples."""

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


@pytest.fixture(scope="module")
def text(numbers: Path) -> str:
    """The text that the server reads in the photo."""
    return Classifier().read(numbers).text


@pytest.mark.parametrize("way", ["file", "camera", "drop", "paste"])
def test_photo_is_read_and_boxed(page: Page, way: str, numbers: Path, text: str) -> None:
    if way == "drop":
        page.drop(numbers)
    elif way == "paste":
        page.paste(numbers)
    else:
        page.choose(numbers, name=way)  # in place of a live camera
    page.wait_for_text(text)
    page.wait_for_status("26 digits")
    assert page.boxes.sum() > 1000
    page.digits[12].click()
    assert np.argmax(page.bars) == int(page.digits[12].text)


def test_examples_are_read(page: Page) -> None:
    examples = page.select("#examples button")
    assert len(examples) == 5
    for button in examples:
        name = button.find_element("tag name", "img").get_attribute("src")
        button.click()
        page.wait_until_settled()
        file = EXAMPLES / str(name).rpartition("/")[2]
        assert page.text == (Classifier().read(file).text or "?")


def test_svg_is_converted_by_browser(page: Page, tmp_path: Path) -> None:
    svg = tmp_path / "seven.svg"
    svg.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200">'
        '<rect width="200" height="200" fill="white"/>'
        '<path d="M60 50h80l-45 110" fill="none" stroke="black" stroke-width="12"/></svg>'
    )
    page.choose(svg)
    page.wait_for_text("7")


def test_boxes_fit_downscaled_image(page: Page, tmp_path: Path, test_slice: Split) -> None:
    large = Image.new("L", (8000, 6000), 255)
    [seven, *_] = chosen(test_slice, "7")
    large.paste(Image.fromarray(255 - seven).resize((2000, 2000)), (5500, 3500))
    large.save(tmp_path / "large.png")
    page.choose(tmp_path / "large.png")
    page.wait_for_text("7")
    rows, columns = np.nonzero(page.boxes)
    for pixels, expected in ((columns, 6500 / 8000), (rows, (4500 + 1000) / 8000)):
        assert pixels.mean() / len(page.boxes) == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no picture", DAMAGED),
        (bytes(2**24 + 1), "This picture is too large. At most 16 MB and 25 million pixels can"),
        (None, "This file can't be opened. Instead of a folder, choose its files."),
    ],
)
def test_unreadable_file_shows_plain_error(
    desktop_page: Page, tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "a.bin"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    desktop_page.drop(file)
    desktop_page.wait_for_status(words)
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_text("7")
