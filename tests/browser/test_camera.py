"""The live camera, faked by a film."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.by import By

from digits.data.mnist import Split
from tests.browser.conftest import SIZES
from tests.browser.film import camera_showing, write_film
from tests.browser.page import SEVEN, Page
from tests.synthetic import Sheet, chosen


@pytest.fixture(scope="module")
def camera(url: str, tmp_path_factory: pytest.TempPathFactory, test_slice: Split) -> Iterator[Page]:
    """A browser whose camera sees a sheet with 3141."""
    sheet = Sheet(480, 640)
    sheet.write(chosen(test_slice, "3141", start=40), 120, 180, size=120, gap=20)
    path = tmp_path_factory.mktemp("film") / "film.y4m"
    write_film(path, sheet.photograph())
    arguments = camera_showing(path)
    with Page(url, *SIZES["desktop"], phone=False, arguments=arguments) as page:
        yield page


def start(page: Page) -> None:
    page.open()
    page.wait(lambda: page.find("live").is_displayed(), lambda: "there is no camera")
    page.find("live").click()


def count_box_pixels(page: Page) -> int:
    """Return how many pixels on the paper have the colour of boxes."""
    paper = np.array(page.pixels("paper")).reshape(-1, 4).astype(int)
    return int(((paper[:, 2] > 150) & (paper[:, 0] < 60)).sum())


def test_camera_frames_are_read_until_stopped(camera: Page) -> None:
    start(camera)
    camera.wait(lambda: camera.text == "3141", lambda: camera.text)
    camera.wait(lambda: count_box_pixels(camera) > 500, lambda: "there are no boxes")
    camera.requests()
    seen = 0

    def several_more() -> bool:
        nonlocal seen
        seen += sum("/read" in address for address in camera.requests())
        return seen > 3

    camera.wait(several_more, lambda: f"{seen} pictures")
    assert not camera.settled
    camera.find("live").click()
    camera.wait_for_text("3141")  # the last frame stays
    assert count_box_pixels(camera) > 500
    camera.requests()
    assert camera.find("live").get_attribute("aria-pressed") == "false"
    assert not camera.driver.execute_script("return document.body.matches('.dropping')")
    camera.find("undo").click()
    camera.wait_for_status("Draw a digit.")
    assert not any("/read" in address for address in camera.requests())  # the camera has stopped


@pytest.mark.parametrize("way", ["draw", "drop", "clear"])
def test_other_input_stops_camera(camera: Page, numbers: Path, way: str) -> None:
    start(camera)
    camera.wait(lambda: camera.text == "3141", lambda: camera.text)
    if way == "draw":
        camera.draw(SEVEN)
        camera.wait_for_text("7")
    elif way == "drop":
        camera.give(numbers, "drop")
        camera.wait_for_status("26 digits.")
    else:
        camera.find("clear").click()
        camera.wait_for_status("Draw a digit.")
    assert camera.find("live").get_attribute("aria-pressed") == "false"


def test_example_request_for_camera_frame(camera: Page) -> None:
    start(camera)
    camera.wait(lambda: camera.text == "3141", lambda: camera.text)
    camera.find("live").click()
    camera.wait_for_text("3141")
    camera.driver.execute_script("document.getElementById('program').open = true")
    camera.wait(lambda: "@'camera.jpg'" in camera.find("curl").text, lambda: "it is missing")
    link = camera.driver.find_element(By.CSS_SELECTOR, "#program a")
    assert link.is_displayed() and link.get_attribute("download") == "camera.jpg"


def test_denied_camera_permission_is_reported(camera: Page) -> None:
    camera.open()
    camera.driver.execute_script(
        """
        navigator.mediaDevices.getUserMedia = async () => {
          throw new DOMException("", arguments[0]);
        }
        """,
        "NotAllowedError",
    )
    camera.wait(lambda: camera.find("live").is_displayed(), lambda: "there is no camera")
    camera.find("live").click()
    camera.wait_for_status("The browser may not use the camera.")
    camera.draw(SEVEN)
    camera.wait_for_text("7")


def test_drawing_while_camera_starts_stops_camera(camera: Page) -> None:
    camera.open()
    camera.driver.execute_script(
        """
        const really = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (...wanted) => {
          await new Promise((resolve) => { window.go = resolve; });
          return window.stream = await really(...wanted);
        };
        """
    )
    camera.wait(lambda: camera.find("live").is_displayed(), lambda: "there is no camera")
    camera.find("live").click()
    camera.draw(SEVEN)
    camera.wait_for_text("7")
    camera.driver.execute_script("go()")
    ended = "return window.stream?.getTracks().every(({ readyState }) => readyState === 'ended')"
    camera.wait(lambda: camera.driver.execute_script(ended), lambda: "the camera goes on")
    camera.wait_for_text("7")


def test_file_picker_without_camera(desktop_page: Page) -> None:
    assert (
        desktop_page.find("photo").is_displayed() and not desktop_page.find("live").is_displayed()
    )
    assert not desktop_page.find("insecure").is_displayed()


def test_plain_http_explains_missing_camera(url: str) -> None:
    """Over plain HTTP, browsers allow the camera only on localhost."""
    port = url.rpartition(":")[2]
    arguments = (
        "--use-fake-device-for-media-stream",
        "--host-resolver-rules=MAP 192.0.2.1 127.0.0.1",
    )
    with Page(f"http://192.0.2.1:{port}", *SIZES["phone"], phone=True, arguments=arguments) as page:
        page.open()
        assert page.find("insecure").is_displayed()
        assert page.find("photo").is_displayed() and not page.find("live").is_displayed()
        page.draw(SEVEN)
        page.wait_for_text("7")
