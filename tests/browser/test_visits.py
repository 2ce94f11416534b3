"""What a visit loads."""

import json

from tests.browser.conftest import visiting
from tests.browser.page import SEVEN, Page
from tests.served import Served


def asked(server: Served) -> list[tuple[str, int]]:
    """Return the paths and statuses of all requests so far, but for the icon's, at any time."""
    lines = [json.loads(line) for line in server.written().splitlines() if line.startswith("{")]
    return [(line["path"], line["status"]) for line in lines if "icon" not in line["path"]]


def test_first_visit_asks_once_and_second_loads_nothing(
    desktop_browser: Page, server: Served
) -> None:
    with visiting(desktop_browser, server.url) as page:
        first = asked(server)
        paths = [path for path, status in first if status == 200]
        assert len(paths) == len({*paths}) == len(first) > 10
        page.open()
        page.wait(lambda: len(asked(server)) > len(first))
        assert asked(server)[len(first) :] == [("/", 304)]
        page.requests()
        page.draw(SEVEN)
        page.wait_for_text("7")
        assert all(address.startswith((page.url, "blob:", "data:")) for address in page.requests())
