"""The example images, the description of the model, and the example requests for programs."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from digits.classifier import Classifier
from tests.browser.page import SEVEN, Page

FOLDER = Path(__file__).parents[2] / "runtime" / "digits" / "serve" / "page"
EXAMPLES = ["pencil", "chalk", "shadow", "page", "face"]


def click_example(page: Page, name: str) -> None:
    page.driver.find_element(By.CSS_SELECTOR, f"#examples [src$='/{name}.webp']").click()


def test_examples_are_read(page: Page) -> None:
    assert len(page.driver.find_elements(By.CSS_SELECTOR, "#examples button")) == len(EXAMPLES)
    for name in EXAMPLES:
        click_example(page, name)
        page.wait_until_settled()
        assert page.text == (Classifier().read(FOLDER / f"{name}.webp").text or "?")


def test_page_describes_model(page: Page) -> None:
    metadata = Classifier().model.metadata
    text = page.find("more").text
    for words in (
        metadata.architecture,
        f"{100 * metadata.test_accuracy:.2f} %",
        metadata.checkpoint_sha256[:8],
        "stored nowhere",
    ):
        assert words in text
    assert "{" not in text


def run_curl(program: str, folder: Path) -> str:
    return subprocess.check_output(["bash", "-c", program], cwd=folder, text=True)


def run_python(program: str, folder: Path) -> str:
    return subprocess.check_output([sys.executable, "-c", program], cwd=folder, text=True)


def run_javascript(program: str, folder: Path) -> str:
    if not shutil.which("node"):
        pytest.skip("Node.js is not installed")
    program = program.replace("console.log(", "console.log(JSON.stringify(").replace(");;", "))")
    program = program.removesuffix(");") + "));"
    command = ["node", "--input-type=module", "-e", program]
    return subprocess.check_output(command, cwd=folder, text=True)


@pytest.mark.parametrize(
    ("language", "run"),
    [("curl", run_curl), ("python", run_python), ("javascript", run_javascript)],
)
@pytest.mark.parametrize("source", ["drawing", "file", "example"])
def test_example_request_returns_same_answer(
    desktop_page: Page,
    tmp_path: Path,
    numbers: Path,
    language: str,
    run: Callable[[str, Path], str],
    source: str,
) -> None:
    desktop_page.driver.execute_script("document.getElementById('program').open = true")
    if source == "drawing":
        desktop_page.draw(SEVEN)
    elif source == "file":
        file = tmp_path / 'a "picture" of John\'s.jpg'
        shutil.copy(numbers, file)
        desktop_page.choose(file)
    else:
        click_example(desktop_page, "page")
    desktop_page.wait_until_settled()
    desktop_page.wait(lambda: desktop_page.find(language).text, lambda: "there is no program")
    printed = run(desktop_page.find(language).text, tmp_path)
    answer = json.loads(printed.replace("'", '"').replace("None", "null"))
    assert answer["text"] == desktop_page.text
    if source == "drawing":
        [[[one]]] = [line["columns"] for line in answer["lines"]]
        assert one["confidence"] == pytest.approx(max(desktop_page.bars), abs=1e-6)


def test_example_request_needs_image(desktop_page: Page) -> None:
    desktop_page.driver.execute_script("document.getElementById('program').open = true")
    assert not desktop_page.find("curl").is_displayed()
    desktop_page.draw(SEVEN)
    desktop_page.wait(
        lambda: desktop_page.find("curl").is_displayed(), lambda: "there is no program"
    )
    desktop_page.find("clear").click()
    desktop_page.wait(lambda: not desktop_page.find("curl").is_displayed(), lambda: "it stays")


def is_copied(button: WebElement) -> bool:
    return button.text == "Copied"


@pytest.mark.parametrize("clipboard", [True, False])  # unavailable over plain HTTP
def test_copy_example_request(desktop_page: Page, clipboard: bool) -> None:
    desktop_page.allow_clipboard(clipboard)
    desktop_page.driver.execute_script("document.getElementById('program').open = true")
    desktop_page.draw(SEVEN)
    desktop_page.wait(lambda: desktop_page.find("curl").text, lambda: "there is no program")
    for language in ("curl", "python"):
        button = desktop_page.driver.find_element(
            By.CSS_SELECTOR, f"#program button[value={language}]"
        )
        desktop_page.driver.execute_script("arguments[0].click()", button)
        desktop_page.wait(partial(is_copied, button), lambda: "nothing is copied")
        text = desktop_page.find(language).get_property("textContent")
        assert desktop_page.clipboard.split() == str(text).split()
