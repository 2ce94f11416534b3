"""Correcting the digits of an answer, and what is kept of them."""

import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from digits.data.image_folder import LabelledDataset
from digits.errors import DigitsError
from tests.browser.page import SEVEN, Page, Stroke
from tests.served import served

SEVENTEEN: list[Stroke] = [*SEVEN, [(0.1, 0.25), (0.1, 0.8)]]
# Fails what is posted to `labelled` with the statuses in `failures`, then answers 204.
FAKE_LABELLED = """
window.failures = arguments[0];
window.sent = [];
const really = window.fetch;
window.fetch = (address, options) => {
  if (!address.endsWith("labelled")) return really(address, options);
  const status = failures.shift() ?? 204;
  if (status === 204) sent.push(...options.body.keys());
  return Promise.resolve(new Response(status === 204 ? null : "{}", { status }));
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
    url, desktop_browser.url = desktop_browser.url, saving_url
    desktop_browser.open()
    yield desktop_browser
    desktop_browser.url = url


def tap(page: Page, label: str) -> None:
    buttons = page.driver.find_elements(By.CSS_SELECTOR, "#labels [role=group] button")
    [button] = [button for button in buttons if button.text == label]
    button.click()


def wait_until_kept(page: Page, words: str) -> None:
    page.wait(
        lambda: words in page.status_of("labels"),
        lambda: f"{page.status_of('labels')!r}, not {words!r}",
    )


def download(page: Page, folder: Path) -> Path:
    return page.download("labels", "Download (ZIP)", folder / "digits.zip")


def unpacked(page: Page, folder: Path) -> Path:
    digits = folder / "digits"
    with zipfile.ZipFile(download(page, folder)) as archive:
        assert archive.testzip() is None
        archive.extractall(digits)
    return digits


def read_folder(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """The labels of a folder's digits, and what the network reads."""
    errors: list[DigitsError] = []
    batches = list(LabelledDataset(folder, None, errors.append))
    assert not errors
    read = [batch.probabilities.argmax(1) for batch in batches if batch.probabilities is not None]
    return np.concatenate([batch.labels for batch in batches]), np.concatenate(read)


def test_tapped_digit_replaces_guess_and_is_kept(page: Page, tmp_path: Path) -> None:
    page.draw(SEVEN)
    page.wait_for_text("7")
    tap(page, "1")
    page.wait_for_text("1")
    wait_until_kept(page, "Kept as 1 in this page until it closes; 1 digit so far.")
    started = datetime.now()
    archive = download(page, tmp_path)
    with zipfile.ZipFile(archive) as files:
        [entry] = files.infolist()
        assert entry.filename.startswith("1/") and entry.filename.endswith(".png")
        assert abs(datetime(*entry.date_time) - started) < timedelta(minutes=1)
        files.extractall(tmp_path / "digits")
    if shutil.which("unzip"):
        subprocess.run(["unzip", "-t", archive], check=True, capture_output=True)
    [picture] = (tmp_path / "digits" / "1").iterdir()
    pixels = np.asarray(Image.open(picture).convert("L"))
    assert pixels.shape[0] == pixels.shape[1] and (pixels == 255).mean() > 0.5
    labels, read = read_folder(tmp_path / "digits")
    assert labels.tolist() == [1] and read.tolist() == [7]


def test_former_guess_undoes_correction(desktop_page: Page, tmp_path: Path) -> None:
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_text("7")
    button = "document.querySelector('#text button').className"
    for label, name in (("1", "corrected"), ("7", "")):
        tap(desktop_page, label)
        desktop_page.wait_for_text(label)
        assert desktop_page.driver.execute_script(f"return {button}") == name
    wait_until_kept(desktop_page, "Kept as 7 in this page until it closes; 1 digit so far.")
    assert [path.name for path in unpacked(desktop_page, tmp_path).iterdir()] == ["7"]


def test_digits_are_kept_through_further_drawings(desktop_page: Page, tmp_path: Path) -> None:
    desktop_page.draw(SEVENTEEN)
    desktop_page.wait_for_text("17")
    buttons = desktop_page.driver.find_elements(By.CSS_SELECTOR, "#text button")
    for button, label in zip(buttons, ("4", "2"), strict=True):
        button.click()
        tap(desktop_page, label)
    desktop_page.wait_for_text("42")
    desktop_page.find("clear").click()
    desktop_page.wait_for_status("Draw a digit.")
    desktop_page.draw([[(0.6, 0.2), (0.4, 0.8)]])
    desktop_page.wait_for_text("1")
    tap(desktop_page, "1")
    wait_until_kept(desktop_page, "3 digits so far.")
    labels, read = read_folder(unpacked(desktop_page, tmp_path))
    assert labels.tolist() == [1, 2, 4] and read.tolist() == [1, 7, 1]


def test_same_picture_is_kept_once(desktop_page: Page) -> None:
    for label in ("1", "7"):
        desktop_page.draw(SEVEN)
        desktop_page.wait_for_text("7")
        tap(desktop_page, label)
        wait_until_kept(desktop_page, f"Kept as {label} in this page until it closes; 1 digit")
        desktop_page.find("clear").click()
        desktop_page.wait_for_status("Draw a digit.")


def test_keys_label_while_answer_has_focus(desktop_page: Page) -> None:
    desktop_page.draw(SEVENTEEN)
    desktop_page.wait_for_text("17")
    first, second = desktop_page.driver.find_elements(By.CSS_SELECTOR, "#text button")
    desktop_page.driver.execute_script("arguments[0].focus()", first)  # as Tab does
    desktop_page.keys("2")
    desktop_page.wait_for_text("27")
    assert desktop_page.driver.switch_to.active_element == first
    second.send_keys(Keys.ENTER)
    desktop_page.keys("n")
    desktop_page.wait(
        lambda: second.accessible_name == "7: no digit", lambda: second.accessible_name
    )
    wait_until_kept(desktop_page, "Kept as no digit in this page until it closes; 2 digits so far.")
    desktop_page.find("paper").click()
    desktop_page.keys("5")
    assert "2 digits so far" in desktop_page.status_of("labels")


def test_corrected_text_is_copied(desktop_page: Page) -> None:
    desktop_page.draw(SEVENTEEN)
    desktop_page.wait_for_text("17")
    desktop_page.driver.execute_script(
        "navigator.clipboard.writeText = async (text) => { window.written = text; };"
    )
    copied = []
    for label in ("3", "no digit"):
        desktop_page.driver.find_element(By.CSS_SELECTOR, "#text button").click()
        tap(desktop_page, label)
        desktop_page.find("copy").click()
        copied.append(desktop_page.driver.execute_script("return window.written"))
    assert copied == ["37", "7"]


def test_digits_of_photo_are_cut_out_for_training(
    desktop_page: Page, numbers: Path, tmp_path: Path
) -> None:
    desktop_page.choose(numbers)
    desktop_page.wait_for_status("26 digits.")
    for button in desktop_page.driver.find_elements(By.CSS_SELECTOR, "#text button"):
        button.click()
        tap(desktop_page, button.text)
    wait_until_kept(desktop_page, "26 digits so far.")
    labels, read = read_folder(unpacked(desktop_page, tmp_path))
    assert (labels == read).mean() > 0.9


def test_forget(desktop_page: Page) -> None:
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_text("7")
    tap(desktop_page, "1")
    wait_until_kept(desktop_page, "1 digit so far.")
    desktop_page.click("labels", "Forget them")
    desktop_page.wait_for_text("7")
    wait_until_kept(desktop_page, "What you tap is kept in this page until it closes and nowhere")
    assert not desktop_page.driver.find_elements(
        By.XPATH, "//*[@id='labels']//*[not(@hidden)]/button[.='Download (ZIP)']"
    )


def test_oldest_digits_make_room(desktop_page: Page, tmp_path: Path) -> None:
    sizes = desktop_page.driver.execute_async_script(
        """
        const done = arguments[0];
        const base = document.querySelector("script[type=module]").src;
        import(new URL("collection.js", base)).then(async ({ Collection }) => {
          const many = new Collection();
          for (let index = 0; index < 1003; index++)
            await many.add("7", new Blob([`${index}`]));
          const large = new Collection();
          for (let index = 0; index < 5; index++)
            await large.add("7", new Blob([new Uint8Array(2 ** 24).fill(index)]));
          done([many.size, many.dropped, large.size, large.dropped]);
        });
        """
    )
    assert sizes == [1000, 3, 4, 1]


def test_labels_are_sent_where_server_keeps_them(saving: Page) -> None:
    saving.draw(SEVEN)
    saving.wait_for_text("7")
    assert "on the server" in saving.status_of("labels")
    saving.driver.execute_script(FAKE_LABELLED, [503, 507])
    tap(saving, "1")
    wait_until_kept(saving, "Not on the server yet: 1. The server has no room for more digits.")
    assert "Kept as 1 in this page until it closes; 1 digit so far." in saving.status_of("labels")
    tap(saving, "no digit")
    wait_until_kept(
        saving, "Kept as no digit in this page until it closes, and on the server; 1 digit so far."
    )
    assert saving.driver.execute_script("return sent") == ["none"]


def test_server_keeps_labelled_digits(saving: Page, saved: Path) -> None:
    saving.draw(SEVEN)
    saving.wait_for_text("7")
    for label, folder in (("1", "1"), ("no digit", "none"), ("7", "7")):
        tap(saving, label)
        wait_until_kept(saving, f"Kept as {label} in this page until it closes, and on the server")
        [kept_file] = saved.glob("*/*.png")
        assert kept_file.parent.name == folder
    labels, read = read_folder(saved)
    assert labels.tolist() == [7] and read.tolist() == [7]
    assert "except those of digits that you label" in saving.find("more").text


def test_label_buttons_are_large_and_named(page: Page) -> None:
    page.draw(SEVEN)
    page.wait_for_text("7")
    group = page.driver.find_element(By.CSS_SELECTOR, "#labels [role=group]")
    assert group.accessible_name == "Wrong? Tap the right digit."
    buttons = group.find_elements(By.TAG_NAME, "button")
    assert [button.accessible_name for button in buttons] == [*"0123456789", "no digit"]
    assert all(min(button.size["width"], button.size["height"]) >= 44 for button in buttons)
    tap(page, "3")
    assert [button.get_attribute("aria-pressed") for button in buttons].index("true") == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_labels_have_no_axe_violations(page: Page, axe: str, scheme: str) -> None:
    page.open(scheme)
    page.draw(SEVEN)
    page.wait_for_text("7")
    tap(page, "no digit")
    wait_until_kept(page, "1 digit so far.")
    assert page.violations(axe) == []
