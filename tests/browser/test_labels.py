"""Correcting the digits of an answer, and what is kept of them."""

import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from selenium.webdriver.common.by import By

from digits.data.image_folder import LabelledDataset
from digits.errors import DigitsError
from tests.browser.conftest import visiting
from tests.browser.page import BAR, SEVEN, Page
from tests.served import served

# Fails what is posted to `labelled` with these statuses, then answers 204.
FAKE_LABELLED = """
const [failures] = arguments, really = window.fetch;
window.fetch = async (address, options) => {
  if (!address.endsWith("labelled")) return really(address, options);
  const status = failures.shift() ?? 204;
  return new Response(status === 204 ? null : "{}", { status });
};
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
def saving(desktop_browser: Page, saving_url: str) -> Iterator[Page]:
    """The page of a server that keeps labelled digits."""
    with visiting(desktop_browser, saving_url) as page:
        yield page


def tap(page: Page, label: str) -> None:
    page.button("labels", label).click()


def unpacked(page: Page, folder: Path) -> Path:
    button = page.button("labels", "Download (ZIP)")
    archive = page.download(button, folder / "digits.zip")
    with zipfile.ZipFile(archive) as files:
        assert files.testzip() is None
        files.extractall(folder / "digits")
    if shutil.which("unzip"):
        subprocess.run(["unzip", "-t", archive], check=True, capture_output=True)
    return folder / "digits"


def read_folder(folder: Path) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The labels of a folder's digits, and what the network reads."""
    errors: list[DigitsError] = []
    batches = list(LabelledDataset(folder, errors.append))
    assert not errors
    read = [batch.probabilities.argmax(1) for batch in batches if batch.probabilities is not None]
    return np.concatenate([batch.labels for batch in batches]), np.concatenate(read)


def test_tapped_digit_replaces_guess_and_is_kept(page: Page, tmp_path: Path) -> None:
    page.draw(SEVEN)
    page.wait_for_text("7")
    [group] = page.select("#labels [role=group]")
    assert group.accessible_name == "Wrong? Tap the right digit."
    buttons = group.find_elements(By.TAG_NAME, "button")
    assert [button.accessible_name for button in buttons] == [*"0123456789", "no digit"]
    assert all(min(button.size["width"], button.size["height"]) >= 44 for button in buttons)
    for label, name in (("7", ""), ("1", "corrected")):
        tap(page, label)
        pressed = [button for button in buttons if button.get_attribute("aria-pressed") == "true"]
        assert [button.text for button in pressed] == [label]
        page.wait_for_text(label)
        assert page.digits[0].get_attribute("class") == name
        kept = f"Kept as {label} in this page until it closes; 1 digit so far."
        page.wait_for_status(kept, "labels")
    folder = unpacked(page, tmp_path)
    [picture] = folder.glob("*/*.png")
    pixels = np.asarray(Image.open(picture).convert("L"))
    assert pixels.shape[0] == pixels.shape[1] and (pixels == 255).mean() > 0.5
    labels, read = read_folder(folder)
    assert labels.tolist() == [1] and read.tolist() == [7]


def test_digits_are_kept_through_further_drawings(desktop_page: Page, tmp_path: Path) -> None:
    desktop_page.draw([*SEVEN, *BAR])
    desktop_page.wait_for_text("17")
    for button, label in zip(desktop_page.digits, ("4", "2"), strict=True):
        button.click()
        tap(desktop_page, label)
    desktop_page.wait_for_text("42")
    desktop_page.find("copy").click()
    assert desktop_page.clipboard == "42"
    desktop_page.find("clear").click()
    desktop_page.wait_for_status("Draw a digit.")
    desktop_page.draw([[(0.6, 0.2), (0.4, 0.8)]])
    desktop_page.wait_for_text("1")
    tap(desktop_page, "1")
    desktop_page.wait_for_status("3 digits so far.", "labels")
    labels, read = read_folder(unpacked(desktop_page, tmp_path))
    assert labels.tolist() == [1, 2, 4] and read.tolist() == [1, 7, 1]


def test_no_digit(desktop_page: Page, tmp_path: Path) -> None:
    desktop_page.draw([*SEVEN, *BAR])
    desktop_page.wait_for_text("17")
    desktop_page.digits[0].click()
    tap(desktop_page, "no digit")
    desktop_page.wait_for_status("Kept as no digit in this page until it closes; 1 ", "labels")
    assert desktop_page.digits[0].accessible_name == "1: no digit"
    desktop_page.find("copy").click()
    assert desktop_page.clipboard == "7"
    assert [path.name for path in unpacked(desktop_page, tmp_path).iterdir()] == ["none"]


def test_keys_label_while_answer_has_focus(desktop_page: Page) -> None:
    desktop_page.draw([*SEVEN, *BAR])
    desktop_page.wait_for_text("17")
    first, second = desktop_page.digits
    first.send_keys("2")
    desktop_page.wait_for_text("27")
    second.click()
    second.send_keys("n")
    desktop_page.wait_for_status(
        "Kept as no digit in this page until it closes; 2 digits so far.", "labels"
    )
    desktop_page.find("clear").send_keys("5")  # which isn't part of the answer
    assert desktop_page.status_of("labels").startswith("Kept as no digit")


def test_digits_of_photo_are_cut_out_for_training(
    desktop_page: Page, numbers: Path, tmp_path: Path
) -> None:
    desktop_page.choose(numbers)
    desktop_page.wait_for_status("26 digits.")
    for button in desktop_page.digits:
        button.click()
        tap(desktop_page, button.text)
    desktop_page.wait_for_status("26 digits so far.", "labels")
    labels, read = read_folder(unpacked(desktop_page, tmp_path))
    assert (labels == read).mean() > 0.9


def test_labels_are_sent_where_server_keeps_them(saving: Page) -> None:
    saving.draw(SEVEN)
    saving.wait_for_text("7")
    assert "on the server" in saving.status_of("labels")
    saving.script(FAKE_LABELLED, [503, 507])
    tap(saving, "1")
    saving.wait_for_status("busy", "labels")
    saving.wait_for_status(
        "1 digit so far, 0 on the server. The server has no room for more digits.", "labels"
    )
    tap(saving, "no digit")
    saving.wait_for_status("1 digit so far, 1 on the server.", "labels")


def test_server_keeps_labelled_digits(saving: Page, saved: Path) -> None:
    saving.draw(SEVEN)
    saving.wait_for_text("7")
    for label, folder in (("1", "1"), ("no digit", "none"), ("7", "7")):
        tap(saving, label)
        words = f"Kept as {label} in this page until it closes; 1 digit so far, 1 on the server."
        saving.wait_for_status(words, "labels")
        [kept_file] = saved.glob("*/*.png")
        assert kept_file.parent.name == folder
    labels, read = read_folder(saved)
    assert labels.tolist() == [7] and read.tolist() == [7]
    assert "except those of digits that you label" in saving.find("more").text
