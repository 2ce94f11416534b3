"""What is shown of the server's answers, and what a visitor says of numbers: possible, wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from selenium.webdriver.common.by import By

from digits.data.image_folder import read_pictures
from digits.errors import DigitsError
from tests.browser.page import BAR, READ, SEVEN, Page, fake_read, reading, recorded
from tests.served import served


def answer(page: Page, response: dict[str, Any], text: str) -> None:
    """Draw something that is answered so, and wait until the text is shown."""
    fake_read(page, response)
    page.draw(SEVEN)
    page.wait_for_text(text)


TWO_NUMBERS = {"numbers": reading("1")["numbers"] + reading("7?", 0.6)["numbers"]}
UNREADABLE = reading("17", status="unreadable", text="", free="17")


@pytest.mark.parametrize(
    ("response", "text", "likeliest", "doubt", "none"),
    [
        (
            reading("-1", 0.85, 0.91, second="11"),
            "-1",
            "2 digits. Least sure: minus, 85.0 %.",
            "",
            0.15,
        ),
        (reading("7?", 0.5), "7?", "7, 50.0 %.", "To review: 7, 99.0 %.", 0.5),
        (reading("7?", 0.2), "7?", "No digit, 80.0 %.", "To review: 7, 99.0 %.", 0.8),
        (
            reading("177?", 0.91, 0.6, 0.91, probability=0.934, second="171"),
            "177?",
            "3 digits. Least sure: 7, 60.0 %.",
            "To review: 177, 93.4 %, or 171.",
            0.4,
        ),
        (
            TWO_NUMBERS,
            "1  7?",
            "2 digits, 1 of 2 numbers unsure. Least sure: 7, 60.0 %.",
            "To review: 7, 99.0 %.",
            0.4,
        ),
        (  # however sure each of its symbols is
            UNREADABLE,
            "??17",
            "2 digits.",
            "Unreadable: it looks like 17, which isn't possible.",
            0.09,
        ),
    ],
)
def test_text_sentence_and_bars(
    desktop: Page, response: dict[str, Any], text: str, likeliest: str, doubt: str, none: float
) -> None:
    answer(desktop, response, text)
    assert desktop.status == f"{likeliest} {doubt}".rstrip()
    assert desktop.bars[-1] == pytest.approx(none)
    assert sum(desktop.bars) == pytest.approx(1)
    bars = [meter.accessible_name for meter in desktop.select("#bars meter")]
    assert bars == [*"0123456789", "minus", "point", "No digit"]
    numbers = [group.accessible_name for group in desktop.select("#text [role=group]")]
    assert numbers == [*[""] * (len(numbers) - 1), doubt]


def test_close_up_of_the_symbol(desktop: Page) -> None:
    answer(desktop, reading("1"), "1")
    assert (desktop.pixels("close-up") == 255).all()  # of the paper, where the box is
    answer(desktop, reading(""), "?")
    assert not desktop.find("close-up").is_displayed()


def test_copy_answer(desktop: Page) -> None:
    button = desktop.find("copy")
    answer(desktop, reading("206?"), "206?")
    button.click()
    desktop.wait(lambda: button.text == "Copied")
    permission = {"permission": {"name": "clipboard-read"}, "setting": "granted"}
    desktop.cdp("Browser.setPermission", permission)
    assert desktop.async_script("navigator.clipboard.readText().then(arguments[0])") == "206?"
    desktop.wait(lambda: button.text == "Copy")


NOT_CLOSED = "Not read: pattern: missing ), unterminated subpattern at position 0."


def test_drawing_is_read_again_with_what_is_entered(desktop: Page) -> None:
    fake_read(desktop, reading("17"))
    desktop.draw(SEVEN)
    desktop.wait_for_text("17")
    desktop.constrain("length", " 2 - 4 ")
    desktop.constrain("pattern", r"\d+&")
    desktop.constrain("list", "17 \n1,5\n")
    added = ("", "length=2+-+4", "&pattern=%5Cd%2B%26", "&list=17+1%2C5")
    expected = [READ + "".join(added[: count + 1]) for count in range(4)]
    desktop.wait(
        lambda: recorded(desktop, "asked") == expected, lambda: str(recorded(desktop, "asked"))
    )


def test_entries_are_kept_in_the_browser(desktop: Page) -> None:
    desktop.constrain("list", "11 12\n13")
    desktop.open()
    [field] = desktop.select("#constraints [name=list]")
    assert not field.is_displayed() and field.get_property("value") == "11 12\n13"
    [summary] = desktop.select("#constraints summary")
    content = desktop.script("return getComputedStyle(arguments[0], '::after').content", summary)
    assert "in use" in content


def test_refused_entry_is_told_and_read_again_when_it_changes(desktop: Page) -> None:
    desktop.constrain("pattern", "(")
    desktop.script("document.getElementById('constraints').open = false")
    desktop.draw([*SEVEN, *BAR])
    desktop.wait_for_status(NOT_CLOSED)
    alert = desktop.find("refused")
    desktop.wait(lambda: alert.text == NOT_CLOSED)
    desktop.constrain("pattern", r"\d+")
    desktop.wait_for_text("17")
    assert alert.text == ""


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


def test_digits_of_photo_are_cut_for_training(saving: Page, numbers: Path, tmp_path: Path) -> None:
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
