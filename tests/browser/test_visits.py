"""What a second visit loads, also from a server that is slow, gone, changed or another one."""

import json
import re
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.browser.conftest import SIZES
from tests.browser.page import SEVEN, Page
from tests.served import Served, served

CONTROLLED = "return Boolean(navigator.serviceWorker?.controller)"
READY = "navigator.serviceWorker.ready.then(() => arguments[0](true))"
KEPT = """
const done = arguments[0];
caches.keys().then(async (names) => {
  const cache = await caches.open(names[0]);
  const document = await (await cache.match("/"))?.text();
  done([names.length, document ?? "", (await cache.keys()).map(({ url }) => url)]);
});
"""


@pytest.fixture
def browser(chromium: None) -> Iterator[Page]:
    """A browser that has never been anywhere."""
    with Page("", *SIZES["desktop"], phone=False) as page:
        yield page


@pytest.fixture
def server(chromium: None) -> Iterator[Served]:
    with served("--access-log", complains=True) as server:
        yield server


@pytest.fixture
def visited(browser: Page, server: Served) -> Page:
    """The page of this server, of which the browser has kept all."""
    browser.url = f"{server.url}/"
    browser.open()
    assert browser.driver.execute_async_script(READY)
    browser.driver.get("about:blank")
    return browser


def asked(server: Served) -> list[tuple[str, int]]:
    """Return the paths and statuses of all requests so far."""
    lines = [json.loads(line) for line in server.written().splitlines() if line.startswith("{")]
    return [(line["path"], line["status"]) for line in lines]


def kept(page: Page) -> tuple[int, str, list[str]]:
    """Return the number of caches, and the document and the addresses in the first one."""
    number, document, addresses = page.driver.execute_async_script(KEPT)
    return number, document, addresses


def test_first_visit_asks_for_each_file_once(browser: Page, server: Served) -> None:
    browser.url = f"{server.url}/"
    browser.open()
    assert browser.driver.execute_async_script(READY)
    requests = asked(server)
    paths = [path for path, status in requests if status == 200]
    assert len(paths) == len(set(paths)) > 10
    assert [path for path, status in requests if status != 200] == ["/"]  # it hasn't changed
    assert browser.complaints() == []


def test_second_visit_loads_nothing(visited: Page, server: Served) -> None:
    before = len(asked(server))
    visited.open()
    visited.wait(
        lambda: len(asked(server)) >= before + 2, lambda: f"{asked(server)[before:]} are asked"
    )
    assert sorted(asked(server)[before:]) == [("/", 304), ("/worker.js", 304)]
    assert visited.driver.execute_script(CONTROLLED)
    visited.draw(SEVEN)
    visited.wait_for_text("7")
    assert visited.complaints() == []


def test_second_visit_over_plain_http(chromium: None) -> None:
    """Browsers have no service workers there, and keep the assets alone."""
    rule = "--host-resolver-rules=MAP digits.test 127.0.0.1"
    with (
        served("--access-log", complains=True, DIGITS_ALLOWED_HOSTS="digits.test") as server,
        Page("", *SIZES["phone"], phone=True, arguments=[rule]) as page,
    ):
        page.url = f"http://digits.test:{server.port}/"
        page.open()
        assert page.driver.execute_script("return !isSecureContext && !navigator.serviceWorker")
        before = len(asked(server))
        page.open()
        assert asked(server)[before:] == [("/", 304)]
        assert not [each for each in page.complaints() if "Cross-Origin-Opener-Policy" not in each]


def test_page_opens_while_server_hangs(visited: Page, server: Served) -> None:
    server.process.send_signal(signal.SIGSTOP)
    try:
        visited.open()
        visited.draw(SEVEN)
    finally:
        server.process.send_signal(signal.SIGCONT)
    visited.wait_for_text("7")


def test_page_opens_while_server_is_down(visited: Page, server: Served) -> None:
    server.process.terminate()
    assert server.process.wait(60) == 0
    visited.open()
    visited.draw(SEVEN)
    visited.wait_for_status("can't be reached")
    with served("--port", str(server.port)):
        visited.wait_for_text("7")


def test_changed_settings_are_shown_and_kept(visited: Page, server: Served) -> None:
    _, before, _ = kept_after_opening(visited)
    server.process.terminate()
    assert server.process.wait(60) == 0
    port = str(server.port)
    with served("--port", port, "--max-pixels", "1234567", complains=True) as changed:
        # The server may take longer than the worker waits: then this visit shows the old page.
        visited.open()
        visited.wait(
            lambda: 'data-pixels="1234567"' in kept(visited)[1], lambda: "the old page is kept"
        )
        visited.wait(lambda: kept(visited)[0] == 1, lambda: "the old cache is still there")
        changed.process.send_signal(signal.SIGSTOP)
        try:
            visited.open()
        finally:
            changed.process.send_signal(signal.SIGCONT)
        main = visited.driver.find_element("tag name", "main")
        assert main.get_attribute("data-pixels") == "1234567"
        assert 'data-pixels="1234567"' not in before
        visited.draw(SEVEN)
        visited.wait_for_text("7")


def kept_after_opening(page: Page) -> tuple[int, str, list[str]]:
    page.open()
    return kept(page)


def test_document_is_kept_with_all_that_it_loads(visited: Page) -> None:
    number, document, addresses = kept_after_opening(visited)
    named = {f"{visited.url}{path}" for path in re.findall(r'"(assets/[^"]+)"', document)}
    assert number == 1 and {visited.url, *named} == set(addresses)


def test_token_in_the_address_of_a_kept_page(browser: Page) -> None:
    with served(complains=True, DIGITS_TOKEN="secret") as server:
        browser.url = f"{server.url}/"
        browser.open()
        assert browser.driver.execute_async_script(READY)
        browser.driver.get("about:blank")
        server.process.send_signal(signal.SIGSTOP)
        try:
            browser.driver.get(f"{browser.url}#token=secret")
        finally:
            server.process.send_signal(signal.SIGCONT)
        form = browser.find("token")
        browser.wait(lambda: not form.is_displayed(), lambda: form.text)
        assert browser.driver.current_url == browser.url
        browser.draw(SEVEN)
        browser.wait_for_text("7")


class Foreign(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = b"<title>Another program</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def test_another_program_on_the_same_port(visited: Page, server: Served) -> None:
    """Many use port 8000: the service worker of digits goes when it sees one."""
    server.process.terminate()
    assert server.process.wait(60) == 0
    with HTTPServer(("127.0.0.1", server.port), Foreign) as foreign:
        threading.Thread(target=foreign.serve_forever, daemon=True).start()
        visited.wait(
            lambda: opens_foreign(visited) and not registrations(visited),
            lambda: "the worker is still there",
        )
        foreign.shutdown()


def opens_foreign(page: Page) -> bool:
    page.driver.get(page.url)
    return page.driver.title == "Another program"


def registrations(page: Page) -> int:
    script = "navigator.serviceWorker.getRegistrations().then((all) => arguments[0](all.length))"
    number: int = page.driver.execute_async_script(script)
    return number


def test_page_can_be_installed(visited: Page) -> None:
    visited.open()
    driver = visited.driver
    manifest = driver.execute_cdp_cmd("Page.getAppManifest", {})
    assert manifest["errors"] == [] and '"name": "digits' in manifest["data"]
    errors = driver.execute_cdp_cmd("Page.getInstallabilityErrors", {})["installabilityErrors"]
    assert errors == []
