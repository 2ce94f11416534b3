"""The documentation page of the API: the operations listed, and requests sent from it."""

import json
from urllib.request import urlopen

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.conftest import visiting
from tests.browser.page import Page
from tests.browser.test_pictures import SAMPLE
from tests.served import served

OPERATIONS = "#operations details"


@pytest.fixture
def docs(desktop_page: Page) -> Page:
    """The documentation page on a desktop, newly opened."""
    open_docs(desktop_page)
    return desktop_page


def open_docs(page: Page, fragment: str = "") -> None:
    page.requests()
    page.complaints()
    page.driver.get("about:blank")
    page.driver.get(f"{page.url}/docs{fragment}")
    page.wait(lambda: page.select(OPERATIONS), lambda: page.find("about").text)


def form(page: Page, name: str, tag: str) -> WebElement:
    """Return an element of an operation, which is opened."""
    operation = page.find(name)
    page.script("arguments[0].open = true", operation)
    return operation.find_element(By.CSS_SELECTOR, f"form {tag}")


def send(page: Page, name: str) -> tuple[str, str]:
    """Press the button; return the status and the body of the answer."""
    form(page, name, "button").click()
    answer = page.find(name).find_element(By.CSS_SELECTOR, "form + pre")
    page.wait(lambda: len(answer.text) > 1)
    status, _, body = answer.text.partition("\n\n")
    return status, body


def test_docs_list_all_operations_without_third_parties(docs: Page) -> None:
    paths = json.load(urlopen(f"{docs.url}/openapi.json"))["paths"]
    expected = {
        (method.upper(), path) for path in paths for method in paths[path].keys() - {"parameters"}
    }
    listed = [tuple(each.text.split()[:2]) for each in docs.select(OPERATIONS)]
    assert len(listed) == len(set(listed)) and set(listed) == expected
    requested = docs.requests()
    assert any(address.endswith("/openapi.json") for address in requested)
    assert all(address.startswith((docs.url, "about:")) for address in requested)
    assert docs.complaints() == []


@pytest.mark.parametrize("name", ["predict", "read"])
def test_send_image(docs: Page, name: str) -> None:
    form(docs, name, "[type=file]").send_keys(str(SAMPLE))
    status, body = send(docs, name)
    assert status == "200 OK"
    answer = json.loads(body)
    assert answer["digit"] == 7 if name == "predict" else answer["text"] == "7"
    assert docs.complaints() == []


def test_send_tensor(docs: Page) -> None:
    status, body = send(docs, "infer")
    assert status == "200 OK"
    assert len(json.loads(body)["outputs"][0]["data"]) == 10
    form(docs, "infer", "textarea").clear()
    form(docs, "infer", "textarea").send_keys("{}")
    form(docs, "infer", "button").click()
    docs.wait(lambda: "422 Unprocessable" in docs.find("infer").text)


def test_url_fragment_opens_operation(desktop_page: Page) -> None:
    open_docs(desktop_page, "#predict")
    opened = [each.get_attribute("id") for each in desktop_page.select(f"{OPERATIONS}[open]")]
    assert opened == ["predict"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_docs_have_no_axe_violations(desktop_page: Page, axe: str, scheme: str) -> None:
    desktop_page.open(scheme)
    open_docs(desktop_page)
    desktop_page.script("for (const each of document.querySelectorAll('details')) each.open = true")
    send(desktop_page, "infer")
    assert desktop_page.violations(axe) == []


def test_send_token(desktop_browser: Page) -> None:
    with (
        served(complains=True, DIGITS_TOKEN="secret") as server,
        visiting(desktop_browser, server.url) as page,
    ):
        for token, status in (("", "401"), ("wrong", "401"), ("secret", "200")):
            open_docs(page)
            page.find("token").send_keys(token)
            assert send(page, "infer")[0].startswith(status)
        page.driver.get(f"{page.url}/#token=secret")
        page.wait(lambda: not page.find("token").is_displayed())
        open_docs(page)
        assert send(page, "infer")[0].startswith("200")  # with the token of the main page
