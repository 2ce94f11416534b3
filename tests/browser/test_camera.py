"""The live camera, faked by a film of 3141."""

from tests.browser.page import SEVEN, Page

DENIED = """
navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotAllowedError"));
"""


def test_camera_frames_are_read_until_stopped(desktop: Page) -> None:
    button = desktop.find("live")
    desktop.wait(button.is_displayed)
    button.click()
    desktop.wait(lambda: "3141" in desktop.text, lambda: desktop.text)
    desktop.wait(lambda: desktop.boxes.sum() > 500)
    for _ in range(3):
        desktop.requests()
        desktop.wait(lambda: any("/read" in address for address in desktop.requests()))
    assert button.get_attribute("aria-pressed") == "true" and not desktop.settled
    button.click()
    desktop.wait(lambda: desktop.settled)
    assert "3141" in desktop.text and desktop.boxes.sum() > 500  # the last frame stays
    assert button.get_attribute("aria-pressed") == "false"
    desktop.requests()
    desktop.find("undo").click()
    desktop.wait_for_status("Draw a digit.")
    assert not any("/read" in address for address in desktop.requests())


def test_denied_camera_permission_is_reported(desktop: Page) -> None:
    desktop.wait(desktop.find("live").is_displayed)
    desktop.script(DENIED)
    desktop.find("live").click()
    desktop.wait_for_status("The browser may not use the camera.")
    desktop.draw(SEVEN)
    desktop.wait_for_text("7")
