"""The documentation page of the API: the operations listed, and requests sent from it."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.page import Page
from tests.served import served

SEVEN = Path(__file__).parents[1] / "pictures" / "7.jpg"


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
    page.wait(lambda: described(page), lambda: page.find("about").text)


def described(page: Page) -> list[WebElement]:
    """Return the elements of all operations."""
    return page.driver.find_elements(By.CSS_SELECTOR, "#operations details")


def operation(page: Page, name: str) -> WebElement:
    """Return the element of an operation, opened."""
    found = page.find(name)
    page.driver.execute_script("arguments[0].open = true", found)
    return found


def send(page: Page, name: str) -> str:
    """Press the button, wait for the response and return it."""
    within = page.find(name)
    within.find_element(By.TAG_NAME, "button").click()
    answer = within.find_element(By.CSS_SELECTOR, "form + pre")
    page.wait(lambda: len(answer.text) > 1, lambda: "there is no answer")
    return answer.text


def test_docs_list_all_operations_without_third_parties(docs: Page) -> None:
    paths = json.load(urlopen(f"{docs.url}/openapi.json"))["paths"]
    expected = {
        (method.upper(), path) for path in paths for method in paths[path].keys() - {"parameters"}
    }
    listed = [tuple(each.text.split()[:2]) for each in described(docs)]
    assert len(listed) == len(set(listed)) and set(listed) == expected
    asked = docs.requests()
    assert any(address.endswith("/openapi.json") for address in asked)
    assert all(address.startswith((docs.url, "about:")) for address in asked)
    assert docs.complaints() == []


@pytest.mark.parametrize("name", ["predict", "read"])
def test_send_image(docs: Page, name: str) -> None:
    within = operation(docs, name)
    within.find_element(By.CSS_SELECTOR, "[type=file]").send_keys(str(SEVEN))
    head, _, body = send(docs, name).partition("\n\n")
    assert head.startswith("200 OK in ")
    answer = json.loads(body)
    assert answer["digit"] == 7 if name == "predict" else answer["text"] == "7"
    assert docs.complaints() == []


def test_send_tensor(docs: Page) -> None:
    operation(docs, "infer")
    head, _, body = send(docs, "infer").partition("\n\n")
    assert head.startswith("200 OK in ")
    assert len(json.loads(body)["outputs"][0]["data"]) == 10


def test_error_response_is_shown(docs: Page) -> None:
    within = operation(docs, "infer")
    within.find_element(By.TAG_NAME, "textarea").clear()
    within.find_element(By.TAG_NAME, "textarea").send_keys("{}")
    assert send(docs, "infer").startswith("422 Unprocessable")


def test_url_fragment_opens_operation(desktop_page: Page) -> None:
    open_docs(desktop_page, "#predict")
    opened = [
        each.get_attribute("id") for each in described(desktop_page) if each.get_attribute("open")
    ]
    assert opened == ["predict"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_docs_have_no_axe_violations(desktop_page: Page, axe: str, scheme: str) -> None:
    desktop_page.open(scheme)
    open_docs(desktop_page)
    desktop_page.driver.execute_script(
        "for (const each of document.querySelectorAll('details')) each.open = true"
    )
    send(desktop_page, "infer")
    assert desktop_page.violations(axe) == []


@pytest.fixture
def locked(desktop_browser: Page) -> Iterator[Page]:
    """The documentation page of a server that requires a token."""
    with served(complains=True, DIGITS_TOKEN="secret") as server:
        url, desktop_browser.url = desktop_browser.url, server.url
        open_docs(desktop_browser)
        yield desktop_browser
        desktop_browser.url = url


@pytest.mark.parametrize(("token", "status"), [("", 401), ("wrong", 401), ("secret", 200)])
def test_send_token(locked: Page, token: str, status: int) -> None:
    locked.find("token").send_keys(token)
    operation(locked, "infer")
    assert send(locked, "infer").startswith(str(status))


def test_token_of_main_page_is_used(locked: Page) -> None:
    locked.driver.get(f"{locked.url}/#token=secret")
    form = locked.find("token")
    locked.wait(lambda: not form.is_displayed(), lambda: form.text)
    open_docs(locked)
    operation(locked, "infer")
    assert send(locked, "infer").startswith("200")
