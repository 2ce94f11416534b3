"""Correcting the digits of an answer, and what is kept of them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from selenium.webdriver.common.by import By

from digits.data.image_folder import read_pictures
from digits.errors import DigitsError
from tests.browser.page import BAR, SEVEN, Page
from tests.served import served

LABEL_AS_READ = """
for (const digit of document.querySelectorAll("#text button")) {
  digit.click();
  [...document.querySelectorAll("#labels button")]
    .find(({ textContent }) => textContent === digit.textContent).click();
}
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps labelled digits."""
    return tmp_path_factory.mktemp("labelled")


@pytest.fixture(scope="module")
def saving_url(chromium: None, saved: Path) -> Iterator[str]:
    with served("--save-labelled", str(saved)) as server:
        yield server.url


@pytest.fixture
def saving(desktop: Page, saving_url: str, saved: Path) -> Page:
    """The page of a server that keeps labelled digits, and has none."""
    for file in saved.glob("*/*"):
        file.unlink()
    desktop.open(url=saving_url)
    return desktop


def tap(page: Page, label: str) -> None:
    page.button("labels", label).click()


def read_folder(folder: Path) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The labels of a folder's digits, and what the network reads."""
    errors: list[DigitsError] = []
    digits = [*read_pictures(folder, errors.append)]
    assert not errors
    read = np.array([digit.probabilities for digit in digits]).argmax(1)
    return np.array([digit.label for digit in digits]), read


def test_server_keeps_the_last_label(saving: Page, saved: Path) -> None:
    saving.draw(SEVEN)
    saving.wait_for_text("7")
    [group] = saving.select("#labels [role=group]")
    assert group.accessible_name == "Wrong? Tap the right digit."
    buttons = group.find_elements(By.TAG_NAME, "button")
    assert [button.accessible_name for button in buttons] == [*"0123456789", "no digit"]
    assert all(min(button.size["width"], button.size["height"]) >= 44 for button in buttons)
    for label, folder, name in (
        ("7", "7", ""),
        ("no digit", "none", "none"),
        ("1", "1", "corrected"),
    ):
        tap(saving, label)
        pressed = [button for button in buttons if button.get_attribute("aria-pressed") == "true"]
        assert [button.text for button in pressed] == [label]
        saving.wait_for_status(f"The server has kept it as {label}.", "labels")
        assert saving.digits[0].get_attribute("class") == name
        [kept_file] = saved.glob("*/*.png")
        assert kept_file.parent.name == folder
    pixels = np.asarray(Image.open(kept_file))
    assert pixels.shape[0] == pixels.shape[1] and (pixels == 255).mean() > 0.5
    labels, read = read_folder(saved)
    assert labels.tolist() == [1] and read.tolist() == [7]
    assert "except those of digits that you label" in saving.find("more").text


def test_several_digits_by_touch_and_keys(saving: Page) -> None:
    saving.draw([*SEVEN, *BAR])
    saving.wait_for_text("17")
    first, second = saving.digits
    first.click()
    tap(saving, "no digit")
    saving.wait_for_status("kept it as no digit.", "labels")
    assert first.accessible_name == "1: no digit"
    second.click()
    second.send_keys("2")
    saving.wait_for_status("kept it as 2.", "labels")
    saving.find("copy").click()
    assert saving.clipboard == "2"
    saving.find("clear").send_keys("5")  # which isn't part of the answer
    assert second.text == "2"


def test_digits_of_photo_are_cut_out_for_training(saving: Page, numbers: Path, saved: Path) -> None:
    saving.choose(numbers)
    saving.wait_for_status("26 digits")
    saving.script(LABEL_AS_READ)
    saving.wait(lambda: len(list(saved.glob("*/*.png"))) == 26)
    labels, read = read_folder(saved)
    assert (labels == read).mean() > 0.9


def test_nothing_is_asked_where_nothing_is_kept(desktop: Page) -> None:
    desktop.draw(SEVEN)
    desktop.wait_for_text("7")
    desktop.digits[0].send_keys("1")
    assert not desktop.find("labels").is_displayed() and desktop.text == "7"
