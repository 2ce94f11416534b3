"""The live camera, faked by a film."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from digits.data.mnist import Split
from tests.browser.conftest import SIZES
from tests.browser.film import camera_showing, write_film
from tests.browser.page import SEVEN, Page
from tests.browser.test_layout import ENTER
from tests.synthetic import Sheet, chosen


@pytest.fixture(scope="module")
def browser(
    url: str, tmp_path_factory: pytest.TempPathFactory, test_slice: Split
) -> Iterator[Page]:
    """A browser whose camera sees a sheet with 3141."""
    sheet = Sheet(480, 640)
    sheet.write(chosen(test_slice, "3141", start=40), 120, 180, size=120, gap=20)
    path = tmp_path_factory.mktemp("film") / "film.y4m"
    write_film(path, sheet.photograph())
    with Page(url, *SIZES["desktop"], phone=False, arguments=camera_showing(path)) as page:
        yield page


@pytest.fixture
def camera(browser: Page) -> Page:
    """The page, newly opened, once it knows of the camera."""
    browser.open()
    browser.wait(browser.find("live").is_displayed)
    return browser


def start(page: Page) -> None:
    page.find("live").click()
    wait_for_number(page)


def wait_for_number(page: Page) -> None:
    """Whether or not it is accepted."""
    page.wait(lambda: page.text.removesuffix("?") == "3141", lambda: page.text)


def test_camera_goes_on_when_constraints_change(camera: Page) -> None:
    start(camera)
    camera.script(ENTER, "pattern", "999")
    camera.wait(lambda: camera.text.startswith("????"))
    camera.script(ENTER, "pattern", "")
    wait_for_number(camera)
    camera.script(ENTER, "pattern", "(")
    camera.wait_for_status("Not read: pattern")
    assert camera.find("live").get_attribute("aria-pressed") == "false"
    camera.script("localStorage.clear()")


def test_camera_frames_are_read_until_stopped(camera: Page) -> None:
    start(camera)
    camera.wait(lambda: camera.boxes.sum() > 500)
    camera.requests()
    count = 0

    def several_more() -> bool:
        nonlocal count
        count += sum("/read" in address for address in camera.requests())
        return count > 3

    camera.wait(several_more, lambda: f"{count} pictures")
    assert not camera.settled
    camera.find("live").click()
    camera.wait(lambda: camera.settled)
    wait_for_number(camera)  # the last frame stays
    assert camera.boxes.sum() > 500
    camera.requests()
    assert camera.find("live").get_attribute("aria-pressed") == "false"
    camera.find("undo").click()
    camera.wait_for_status("Draw a digit.")
    assert not any("/read" in address for address in camera.requests())  # the camera has stopped


def test_other_input_stops_camera(camera: Page, numbers: Path) -> None:
    start(camera)
    camera.drop(numbers)
    camera.wait_for_status("26 digits")
    assert camera.find("live").get_attribute("aria-pressed") == "false"


def test_denied_camera_permission_is_reported(camera: Page) -> None:
    camera.script(
        """
        navigator.mediaDevices.getUserMedia =
          async () => { throw new DOMException("", "NotAllowedError"); };
        """
    )
    camera.find("live").click()
    camera.wait_for_status("The browser may not use the camera.")
    camera.draw(SEVEN)
    camera.wait_for_text("7")
