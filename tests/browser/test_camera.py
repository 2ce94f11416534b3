"""The live camera, faked by a film of 3141."""

from pathlib import Path

import pytest

from tests.browser.page import SEVEN, Page


@pytest.fixture
def camera(desktop: Page) -> Page:
    """The page, once it knows of the camera."""
    desktop.wait(desktop.find("live").is_displayed)
    return desktop


def start(page: Page) -> None:
    page.find("live").click()
    wait_for_number(page)


def wait_for_number(page: Page) -> None:
    """Whether or not it is accepted."""
    page.wait(lambda: page.text.removesuffix("?") == "3141", lambda: page.text)


def is_running(page: Page) -> bool:
    return page.find("live").get_attribute("aria-pressed") == "true"


def test_camera_goes_on_when_constraints_change(camera: Page) -> None:
    start(camera)
    camera.constrain("pattern", "999")
    camera.wait(lambda: camera.text.startswith("????"))
    camera.constrain("pattern", "")
    wait_for_number(camera)
    assert is_running(camera)
    camera.constrain("pattern", "(")
    camera.wait_for_status("Not read: pattern")
    assert not is_running(camera)


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
    assert not is_running(camera)
    camera.find("undo").click()
    camera.wait_for_status("Draw a digit.")
    assert not any("/read" in address for address in camera.requests())


def test_other_input_stops_camera(camera: Page, pictures: list[Path]) -> None:
    start(camera)
    camera.drop(pictures[5])
    camera.wait_for_text("5")
    assert not is_running(camera)


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
