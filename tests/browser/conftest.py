"""Debian's Chromium in headless mode, and running servers."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.browser.page import Page
from tests.served import served

SIZES = {"phone": (390, 844), "desktop": (1280, 800)}


@pytest.fixture(scope="session")
def chromium() -> None:
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("chromium and chromedriver are not installed: see `make test-browser`")


@pytest.fixture(scope="session")
def url(chromium: None) -> Iterator[str]:
    with served() as server:
        yield server.url


@pytest.fixture(scope="session")
def phone_browser() -> Iterator[Page]:
    with Page("", *SIZES["phone"], phone=True) as page:
        yield page


@pytest.fixture(scope="session")
def desktop_browser() -> Iterator[Page]:
    with Page("", *SIZES["desktop"], phone=False) as page:
        yield page


def fresh(page: Page, url: str) -> Iterator[Page]:
    """The page, newly opened; afterwards, no errors were logged."""
    page.open(url=url)
    page.resize(*page.size)
    page.complaints()
    yield page
    assert page.complaints() == []


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, https://github.com/dequelabs/axe-core."""
    folder = tmp_path_factory.mktemp("axe")
    command = "npm pack --silent axe-core@4 && tar -xzf axe-core-*.tgz"
    if subprocess.run(command, shell=True, cwd=folder, capture_output=True, timeout=120).returncode:
        pytest.skip("npm can't download axe-core")
    return (folder / "package" / "axe.min.js").read_text()


@pytest.fixture
def phone(phone_browser: Page, url: str) -> Iterator[Page]:
    yield from fresh(phone_browser, url)


@pytest.fixture
def desktop(desktop_browser: Page, url: str) -> Iterator[Page]:
    yield from fresh(desktop_browser, url)


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest) -> Page:
    """The page on a phone, and on a desktop."""
    page: Page = request.getfixturevalue(request.param)
    return page
