"""Drawing, images and keyboard control on the page."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from digits.classifier import Classifier
from digits.data.mnist import Split
from tests.browser.page import SEVEN, Page
from tests.synthetic import chosen

SAMPLES = Path(__file__).parent.parent / "pictures"


@pytest.fixture(scope="module")
def text(numbers: Path) -> str:
    """The text that the server reads in the photo."""
    return Classifier().read(numbers).text


@pytest.mark.parametrize("kind", ["mouse", "pen", "touch"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_drawn_digit_is_predicted(page: Page, kind: str, scheme: str) -> None:
    page.open(scheme)
    page.draw(SEVEN, kind)
    page.wait_for_text("7")
    page.wait_for_status("7, ")
    bars = page.bars
    assert np.argmax(bars) == 7
    assert sum(bars) == pytest.approx(1, abs=1e-5)
    frame = np.array(page.pixels("frame")).reshape(28, 28, 4)[..., 0]
    assert frame[:4].max() == 0 and frame.max() > 200  # margins as in MNIST
    paper = np.array(page.pixels("paper")).reshape(-1, 4)
    ink = paper[paper[:, 3] == 255][:, 0].mean()
    assert ink < 60 if scheme == "light" else ink > 200


def test_undo_and_clear(page: Page) -> None:
    page.draw([*SEVEN, [(0.2, 0.9), (0.8, 0.9)]])
    page.draw([[(0.1, 0.1), (0.1, 0.8)]])
    page.find("undo").click()
    page.find("undo").click()
    page.wait_for_text("7")
    page.draw([[(0.1, 0.1), (0.1, 0.9)]])
    page.wait_for_text("17")
    page.find("clear").click()
    page.wait_for_status("Draw a digit.")
    assert page.text == "" and sum(page.bars) == 0
    assert max(page.pixels("paper")) == 0


def test_two_drawn_digits_are_read(page: Page) -> None:
    narrow = [[(0.1 + (x - 0.3) * 0.8, y) for x, y in stroke] for stroke in SEVEN]
    page.draw([*narrow, [(0.75, 0.25), (0.75, 0.8)]])
    page.wait_for_text("71")


def test_draw_and_undo_by_keyboard(page: Page) -> None:
    page.keys(Keys.TAB)
    assert page.driver.switch_to.active_element.get_attribute("id") == "paper"
    up_left = [Keys.ARROW_UP] * 6 + [Keys.ARROW_LEFT] * 5
    page.keys(*up_left, " ", *[Keys.ARROW_RIGHT] * 10)
    page.keys(*[Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_LEFT] * 6, " ")
    page.wait_for_text("7")
    page.keys(" ", *[Keys.ARROW_RIGHT] * 9, " ", Keys.BACKSPACE)
    page.wait_for_text("7")
    page.keys(Keys.DELETE)
    page.wait_for_status("Draw a digit.")
    page.keys(Keys.TAB)
    assert page.driver.switch_to.active_element.get_attribute("id") == "undo"


def test_control_z_undoes_stroke(page: Page) -> None:
    page.draw(SEVEN)
    page.draw([[(0.1, 0.1), (0.1, 0.9)]])
    page.wait_for_text("17")
    ActionChains(page.driver).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
    page.wait_for_text("7")


@pytest.mark.parametrize("way", ["file", "camera", "drop", "paste"])
def test_photo_is_read_and_boxed(page: Page, way: str, numbers: Path, text: str) -> None:
    if way in ("file", "camera"):
        page.choose(numbers, way)
    else:
        page.give(numbers, way)
    page.wait_for_text(text)
    page.wait_for_status("26 digits.")
    paper = np.array(page.pixels("paper")).reshape(-1, 4).astype(int)
    blue = (paper[:, 2] > 150) & (paper[:, 0] < 60)
    assert blue.sum() > 1000  # the boxes


def test_digit_button_shows_its_probabilities(page: Page, numbers: Path, text: str) -> None:
    page.choose(numbers)
    page.wait_for_text(text)
    buttons = page.driver.find_elements(By.CSS_SELECTOR, "#text button")
    for index in (3, 12, 25):
        buttons[index].send_keys(Keys.ENTER)
        digit = int(buttons[index].text)
        assert np.argmax(page.bars) == digit
        assert f" {digit}, " in page.status
        assert [button.get_attribute("aria-pressed") for button in buttons].count("true") == 1


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
    paper = np.array(page.pixels("paper"))
    paper = paper.reshape(round((len(paper) / 4) ** 0.5), -1, 4).astype(int)
    rows, columns = np.nonzero((paper[..., 2] > 150) & (paper[..., 0] < 60))
    for place, expected in ((columns.mean(), 6500 / 8000), (rows.mean(), (4500 + 1000) / 8000)):
        assert place / len(paper) == pytest.approx(expected, abs=0.06)


def test_last_of_two_images_is_shown(page: Page, numbers: Path, text: str) -> None:
    page.give(numbers, "drop")
    page.give(SAMPLES / "7.jpg", "drop")
    page.wait_for_text("7")
    page.give(SAMPLES / "7.jpg", "drop")
    page.give(numbers, "drop")
    page.wait_for_text(text)


def test_drawing_while_image_opens(page: Page, numbers: Path) -> None:
    page.give(numbers, "drop")
    page.draw(SEVEN)
    page.wait_for_text("7")
    page.give(numbers, "drop")
    page.wait_for_status("26 digits.")
    page.find("undo").click()  # removes the image
    page.wait_for_text("7")


@pytest.mark.parametrize("way", ["undo", "clear", "drop"])
def test_stroke_removed_while_drawn(page: Page, way: str, numbers: Path) -> None:
    page.press(0.3, 0.3)
    page.move(0.5, 0.5)
    if way == "drop":
        page.give(numbers, "drop")
        page.wait_for_status("26 digits.")
    else:
        page.driver.execute_script(f"document.getElementById('{way}').click()")
        page.wait_for_status("Draw a digit.")
    page.move(0.6, 0.7)
    page.release()
    page.find("clear").click()
    page.draw(SEVEN)
    page.wait_for_text("7")


def test_keyboard_pen_position_is_announced(page: Page) -> None:
    page.keys(Keys.TAB, Keys.ARROW_LEFT)
    assert page.find("pen").get_attribute("textContent") == "Pen up, 46 right, 50 down"
    page.keys(" ", Keys.ARROW_UP)
    assert page.find("pen").get_attribute("textContent") == "Pen down, 46 right, 46 down"


def test_invalid_image_shows_error(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_text("no picture")
    page.choose(file)
    page.wait_for_status("This is no picture that can be read here")
    page.draw(SEVEN)
    page.wait_for_text("7")


def test_blank_image_shows_error(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.new("L", (100, 100), 255).save(file)
    page.choose(file)
    page.wait_for_status("No digit found.")
    assert page.bars[-1] == 1


def test_elements_have_accessible_name_and_role(page: Page, numbers: Path, text: str) -> None:
    page.choose(numbers)
    page.wait_for_text(text)
    page.driver.execute_script("document.getElementById('program').open = true")
    shown = ":is(button, input, canvas, meter, ol, img):not([hidden], [hidden] *)"
    for element in page.driver.find_elements(By.CSS_SELECTOR, shown):
        assert element.accessible_name, element.get_attribute("outerHTML")
        assert element.aria_role != "none"


def test_page_has_no_horizontal_scrolling(page: Page, numbers: Path, text: str) -> None:
    wide = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert page.driver.execute_script(wide)
    page.choose(numbers)
    page.wait_for_text(text)
    assert page.driver.execute_script(wide)


def test_page_requests_no_third_parties(page: Page) -> None:
    page.requests()
    page.open()
    page.draw(SEVEN)
    page.wait_for_text("7")
    asked = page.requests()
    assert [address for address in asked if "frame" in address] == [f"{page.url}/read?frame=true"]
    assert all(address.startswith((page.url, "blob:", "data:")) for address in asked)
