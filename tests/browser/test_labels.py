"""Correcting the digits of an answer, and what is kept of them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.by import By

from digits.data.image_folder import read_pictures
from digits.errors import DigitsError
from tests.browser.page import SEVEN, Page
from tests.served import served

LABEL_AS_READ = """
for (const digit of document.querySelectorAll("#text button")) {
  digit.click();
  [...document.querySelectorAll("#labels button")]
    .find(({ textContent }) => textContent === digit.textContent).click();
}
"""


@pytest.fixture
def saving(desktop: Page, tmp_path: Path) -> Iterator[Page]:
    """The page of a server that keeps labelled digits in the test's folder."""
    with served("--save-labelled", str(tmp_path)) as server:
        desktop.open(url=server.url)
        yield desktop


def test_server_keeps_the_last_label(saving: Page, tmp_path: Path) -> None:
    saving.draw(SEVEN)
    saving.wait_for_text("7")
    [group] = saving.select("#labels [role=group]")
    assert group.accessible_name == "Wrong? Tap the right digit."
    buttons = group.find_elements(By.TAG_NAME, "button")
    assert [button.accessible_name for button in buttons] == [*"0123456789", "no digit"]
    for label, folder, name in [
        ("7", "7", ""),
        ("no digit", "none", "none"),
        ("1", "1", "corrected"),
    ]:
        saving.button("labels", label).click()
        pressed = [button for button in buttons if button.get_attribute("aria-pressed") == "true"]
        assert [button.text for button in pressed] == [label]
        saving.wait_for_status(f"The server has kept it as {label}.", "labels")
        assert saving.digits[0].get_attribute("class") == name
        assert [file.parent.name for file in tmp_path.glob("*/*.png")] == [folder]
    assert "except those of digits that you label" in saving.find("more").text


def test_digits_of_photo_are_cut_out_for_training(
    saving: Page, numbers: Path, tmp_path: Path
) -> None:
    saving.choose(numbers)
    saving.wait_for_status("26 digits")
    saving.script(LABEL_AS_READ)
    saving.wait(lambda: len([*tmp_path.glob("*/*.png")]) == 26)
    errors: list[DigitsError] = []
    digits = [*read_pictures(tmp_path, errors.append)]
    right = [digit.label == np.argmax(digit.probabilities) for digit in digits]
    assert np.mean(right) > 0.9 and not errors


def test_nothing_is_asked_where_nothing_is_kept(desktop: Page) -> None:
    desktop.draw(SEVEN)
    desktop.wait_for_text("7")
    desktop.digits[0].send_keys("1")
    assert not desktop.find("labels").is_displayed() and desktop.text == "7"
