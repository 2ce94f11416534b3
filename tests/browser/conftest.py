"""Debian's Chromium in headless mode, and a running server."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.browser.page import Page
from tests.served import Served, served

NO_STORAGE = """
for (const name of ["localStorage", "sessionStorage"])
  Object.defineProperty(window, name, { get() { throw new Error("denied"); } });
"""
SIZES = {"phone": (390, 844), "desktop": (1280, 800)}


@pytest.fixture(scope="session")
def chromium() -> None:
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("chromium and chromedriver are not installed: see `make test-browser`")


@pytest.fixture(scope="session")
def url(chromium: None) -> Iterator[str]:
    with served() as server:
        yield server.url


@pytest.fixture(scope="session", params=SIZES)
def browser(request: pytest.FixtureRequest, url: str) -> Iterator[Page]:
    with Page(url, *SIZES[request.param], phone=request.param == "phone") as page:
        yield page


@pytest.fixture
def page(browser: Page) -> Iterator[Page]:
    """The page, newly opened; afterwards, the browser must have logged no errors."""
    browser.open()
    yield browser
    assert browser.complaints() == []


@pytest.fixture(scope="module")
def desktop_browser(url: str) -> Iterator[Page]:
    with Page(url, *SIZES["desktop"], phone=False) as page:
        yield page


@pytest.fixture
def desktop_page(desktop_browser: Page) -> Page:
    """The page on a desktop, newly opened; errors in the browser's log are allowed."""
    desktop_browser.open()
    return desktop_browser


@contextmanager
def visiting(page: Page, url: str) -> Iterator[Page]:
    """Open the page of another server, and go back to the first one afterwards."""
    before, page.url = page.url, url
    page.open()
    yield page
    page.url = before


@contextmanager
def without_storage(page: Page) -> Iterator[None]:
    """Reload the page in a browser that keeps nothing for pages; afterwards, in one that does."""
    script = page.cdp("Page.addScriptToEvaluateOnNewDocument", {"source": NO_STORAGE})
    page.open()
    yield
    page.cdp("Page.removeScriptToEvaluateOnNewDocument", script)
    page.open()


@pytest.fixture
def server(chromium: None) -> Iterator[Served]:
    """A server that the test may stop."""
    with served("--access-log", complains=True) as server:
        yield server


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, https://github.com/dequelabs/axe-core."""
    folder = tmp_path_factory.mktemp("axe")
    npm = shutil.which("npm")
    command = [npm or "npm", "pack", "--silent", "axe-core@4"]
    if not npm or subprocess.run(command, cwd=folder, capture_output=True, timeout=120).returncode:
        pytest.skip("npm can't download axe-core")
    [archive] = folder.glob("*.tgz")
    shutil.unpack_archive(archive, folder, filter="data")
    return (folder / "package" / "axe.min.js").read_text()
