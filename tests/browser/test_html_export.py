"""The page of `digits export --format html`, opened as a file, without a network."""

import base64
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from digits.inference.model_file import BUNDLED
from digits.inference.session import Session
from digits_export.ports import make_ports
from digits_train.data import mnist
from tests.browser.conftest import SIZES
from tests.browser.page import Page
from tests.browser.test_layout import IS_WIDE
from tests.conftest import PICTURES

MAX_BYTES = 200_000
OFFLINE = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
CLASSIFY = """
const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0)), rows = [];
for (let at = 0; at < bytes.length; at += 784) rows.push(classify(bytes.subarray(at, at + 784)));
return rows;
"""
SHOW = """
const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
const digit = document.getElementById("digit"), answer = arguments[1];
show(new File([bytes], "picture")).then(() => answer(digit.textContent));
"""
SEVEN = [(0.3, 0.2), (0.5, 0.2), (0.7, 0.2), (0.6, 0.4), (0.5, 0.6), (0.45, 0.8)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bundled network as a page."""
    folder = tmp_path_factory.mktemp("html")
    copy = Path(shutil.copy(BUNDLED, folder))
    for path, content in make_ports(copy, copy, ["html"]).items():
        path.write_bytes(content)
    return folder


@pytest.fixture
def opened(desktop_browser: Page, chromium: None, files: Path) -> Iterator[Page]:
    page = desktop_browser
    page.cdp("Network.enable", {})
    page.cdp("Network.emulateNetworkConditions", OFFLINE)
    page.driver.get((files / "lenet5.html").as_uri())
    page.complaints()
    yield page
    assert page.complaints() == []
    page.cdp("Network.emulateNetworkConditions", OFFLINE | {"offline": False})


def test_answers_are_onnxruntime_s(opened: Page, files: Path) -> None:
    assert (files / "lenet5.html").stat().st_size <= MAX_BYTES
    blank_and_full = np.full((2, 28, 28), [[[0]], [[255]]], np.uint8)
    images = np.concatenate([blank_and_full, mnist.load("test").images])
    expected = Session(Path(BUNDLED).read_bytes(), "", "float").run({"images": images[:, None]}, [])
    rows = list[list[float]]()
    for chunk in np.array_split(images, 20):  # a script may take half a minute
        rows += opened.script(CLASSIFY, base64.b64encode(chunk.tobytes()).decode())
    np.testing.assert_allclose(rows, expected[0], rtol=0, atol=1e-5)


def test_a_drawing_and_pictures_are_read(opened: Page) -> None:
    opened.resize(*SIZES["phone"])
    assert not opened.script(IS_WIDE)
    canvas = opened.driver.find_element(By.TAG_NAME, "canvas")
    side, actions = canvas.size["width"], ActionChains(opened.driver)
    offsets = [(round((x - 0.5) * side), round((y - 0.5) * side)) for x, y in SEVEN]
    actions.move_to_element_with_offset(canvas, *offsets[0]).click_and_hold()
    for offset in offsets[1:]:
        actions.move_to_element_with_offset(canvas, *offset)
    actions.release().perform()
    assert opened.find("digit").text == "7"
    answers = {}
    for path in sorted(PICTURES.iterdir()):
        content = base64.b64encode(path.read_bytes()).decode()
        answers[path.name] = opened.async_script(SHOW, content)
    blank = io.BytesIO()
    Image.new("RGB", (90, 60), "white").save(blank, "PNG")
    assert opened.async_script(SHOW, base64.b64encode(blank.getvalue()).decode()) == "no ink"
    assert answers.pop("8.tif") == "no picture"  # browsers don't open TIFF
    assert all(answer in ("?", name[0]) for name, answer in answers.items())
    assert sum(answer != "?" for answer in answers.values()) >= 6
