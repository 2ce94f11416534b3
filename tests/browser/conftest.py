"""A real browser, Debian's Chromium without a window, and a real server."""

import shutil
from collections.abc import Iterator

import pytest

from tests.browser.page import Page
from tests.served import served

SIZES = {"phone": (390, 844), "desktop": (1280, 800)}


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("chromium and chromedriver are not installed: see `make test-browser`")
    with served() as server:
        yield server.url


@pytest.fixture(scope="session", params=SIZES)
def browser(request: pytest.FixtureRequest, url: str) -> Iterator[Page]:
    with Page(url, *SIZES[request.param], phone=request.param == "phone") as page:
        yield page


@pytest.fixture
def page(browser: Page) -> Iterator[Page]:
    """The page, newly opened; nothing that happens on it may be an error."""
    browser.open()
    yield browser
    assert browser.complaints() == []
