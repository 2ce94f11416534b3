"""What a second visit loads, also from a server that is slow, gone, changed or another one."""

import json
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.browser.conftest import SIZES
from tests.browser.page import SEVEN, Page
from tests.served import Served, served

KEPT = """
const done = arguments[0];
caches.keys().then(async (names) => {
  const cache = await caches.open(names[0]);
  const document = await (await cache.match("/"))?.text();
  done([names.length, document ?? "", (await cache.keys()).map(({ url }) => url)]);
});
"""
REGISTRATIONS = (
    "navigator.serviceWorker.getRegistrations().then(({ length }) => arguments[0](length))"
)


@pytest.fixture
def browser(chromium: None) -> Iterator[Page]:
    """A browser that has never been anywhere."""
    with Page("", *SIZES["desktop"], phone=False) as page:
        yield page


@pytest.fixture
def visited(browser: Page, server: Served) -> Page:
    """The page of this server, left after the browser has kept all of it."""
    visit(browser, server)
    return browser


def visit(page: Page, server: Served) -> None:
    page.url = f"{server.url}/"
    page.open()
    page.async_script("navigator.serviceWorker.ready.then(() => arguments[0]())")
    page.driver.get("about:blank")


@contextmanager
def hanging(server: Served) -> Iterator[None]:
    """Let the server answer nothing."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def stop(server: Served) -> None:
    server.process.terminate()
    assert server.process.wait(60) == 0


def asked(server: Served) -> list[tuple[str, int]]:
    """Return the paths and statuses of all requests so far."""
    lines = [json.loads(line) for line in server.written().splitlines() if line.startswith("{")]
    return [(line["path"], line["status"]) for line in lines]


def kept(page: Page) -> tuple[int, str, list[str]]:
    """Return the number of caches, and the document and the addresses in the first one."""
    number, document, addresses = page.async_script(KEPT)
    return number, document, addresses


def test_first_visit_asks_once_and_second_loads_nothing(visited: Page, server: Served) -> None:
    first = asked(server)
    paths = [path for path, status in first if status == 200]
    assert len(paths) == len(set(paths)) > 10
    assert [path for path, status in first if status != 200] == ["/"]  # it hasn't changed
    visited.open()
    visited.wait(lambda: len(asked(server)) >= len(first) + 2)
    assert sorted(asked(server)[len(first) :]) == [("/", 304), ("/worker.js", 304)]
    assert visited.script("return Boolean(navigator.serviceWorker.controller)")
    visited.draw(SEVEN)
    visited.wait_for_text("7")
    assert visited.complaints() == []
    number, document, addresses = kept(visited)
    named = {f"{visited.url}{path}" for path in re.findall(r'"(assets/[^"]+)"', document)}
    assert number == 1 and {visited.url, *named} == set(addresses)


def test_page_opens_while_server_hangs_or_is_down(visited: Page, server: Served) -> None:
    with hanging(server):
        visited.open()
        visited.draw(SEVEN)
    visited.wait_for_text("7")
    stop(server)
    visited.open()
    visited.draw(SEVEN)
    visited.wait_for_status("can't be reached")
    with served("--port", str(server.port)):
        visited.wait_for_text("7")


def test_changed_settings_are_shown_and_kept(visited: Page, server: Served, tmp_path: Path) -> None:
    stop(server)
    options = ("--port", str(server.port), "--save-labelled", str(tmp_path))
    with served(*options, complains=True) as changed:
        # The server may take longer than the worker waits: then this visit shows the old page.
        visited.open()
        visited.wait(lambda: 'data-saves="yes"' in kept(visited)[1])
        visited.wait(lambda: kept(visited)[0] == 1)  # the old cache is gone
        with hanging(changed):
            visited.open()
        assert visited.select("main[data-saves=yes]")
        visited.draw(SEVEN)
        visited.wait_for_text("7")


def test_token_in_the_address_of_a_kept_page(browser: Page) -> None:
    with served(complains=True, DIGITS_TOKEN="secret") as server:
        visit(browser, server)
        with hanging(server):
            browser.driver.get(f"{browser.url}#token=secret")
        browser.wait(lambda: not browser.find("token").is_displayed())
        assert browser.driver.current_url == browser.url
        browser.draw(SEVEN)
        browser.wait_for_text("7")


def test_another_program_on_the_same_port(visited: Page, server: Served, tmp_path: Path) -> None:
    """Many use port 8000: the service worker of digits goes when it sees one."""
    stop(server)
    (tmp_path / "index.html").write_text("<title>Another program</title>")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))

    def shows_other_program() -> bool:
        visited.driver.get(visited.url)
        is_gone = visited.async_script(REGISTRATIONS) == 0
        return visited.driver.title == "Another program" and is_gone

    with ThreadingHTTPServer(("127.0.0.1", server.port), handler) as foreign:
        threading.Thread(target=foreign.serve_forever, daemon=True).start()
        visited.wait(shows_other_program)
        foreign.shutdown()


def test_page_can_be_installed(visited: Page) -> None:
    visited.open()
    assert visited.cdp("Page.getAppManifest", {})["errors"] == []
    assert visited.cdp("Page.getInstallabilityErrors", {})["installabilityErrors"] == []
