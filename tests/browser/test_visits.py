"""What a visit loads."""

from tests.browser.page import SEVEN, Page


def test_each_file_is_loaded_once_and_from_this_server(desktop: Page) -> None:
    desktop.requests()
    desktop.open()
    files = [address for address in desktop.requests() if "icon" not in address]
    assert len(files) == len({*files}) > 10
    desktop.draw(SEVEN)
    desktop.wait_for_text("7")
    addresses = files + desktop.requests()
    assert all(address.startswith((desktop.url, "blob:", "data:")) for address in addresses)
