"""Which requests are sent for a drawing, and what is shown of the responses."""

import numpy as np
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.page import SEVEN, Page, Stroke

# Replaces the server's response, so that the tests don't depend on a model.
FAKE_FETCH = """
const [response, delay] = arguments;
window.asked ??= [];
window.aborted ??= [];
window.given = 0;
window.response = response;
window.fetch = (address, { signal }) => new Promise((resolve, reject) => {
  asked.push(address);
  const { status, body: json } = window.response;
  const abort = () => { aborted.push(address); reject(signal.reason); };
  signal.addEventListener("abort", abort);
  setTimeout(() => {
    signal.removeEventListener("abort", abort);
    resolve(new Response(JSON.stringify(json), { status }));
    given += 1;
  }, delay);
});
"""
READ = "read?frame=true"


def symbol(value: int | None, confidence: float = 0.0, framed: bool = False) -> dict[str, object]:
    """Return the API's JSON for one symbol. value: None if it isn't confident, but perhaps a 7.

    confidence: 0.91 by default, or 0.4 if it isn't confident. framed: with what the network saw.
    """
    confidence = confidence or (0.4 if value is None else 0.91)
    probabilities = [0.0] * 12
    probabilities[7 if value is None else value] = confidence
    return {
        "symbol": None if value is None else str(value),
        "confidence": confidence,
        "probabilities": probabilities,
        "box": [0, 0, 9, 9],
        "frame": [[128] * 28] * 28 if framed else None,
    }


def reading(*columns: dict[str, object]) -> dict[str, object]:
    """Return the response for one line of symbols; for none, a picture without digits."""
    text = "".join(str(one["symbol"] or "?") for one in columns)
    lines = [{"text": text, "columns": [list(columns)]}] if columns else []
    return {"status": 200, "body": {"file": "", "text": text, "lines": lines}}


def digits(*values: int | None) -> dict[str, object]:
    return reading(*map(symbol, values))


def answer(page: Page, response: object, delay: int = 0) -> None:
    """Fake the server's response. delay: in milliseconds."""
    page.driver.execute_script(FAKE_FETCH, response, delay)


def asked(page: Page, list_: str = "asked") -> list[str]:
    addresses: list[str] = page.driver.execute_script(f"return {list_}")
    return addresses


def buttons(page: Page) -> list[WebElement]:
    return page.driver.find_elements(By.CSS_SELECTOR, "#text button")


def chosen(page: Page) -> list[int]:
    """Return which of the symbols' buttons are pressed."""
    pressed = [button.get_attribute("aria-pressed") == "true" for button in buttons(page)]
    return [index for index, one in enumerate(pressed) if one]


def test_nothing_is_requested_during_stroke(desktop_page: Page) -> None:
    answer(desktop_page, digits(1, 7))
    desktop_page.press(0.3, 0.25)
    for x, y in SEVEN[0][1:]:
        desktop_page.move(x, y)
    assert not desktop_page.settled
    assert asked(desktop_page) == []
    desktop_page.release()
    desktop_page.wait_for_text("17")
    assert asked(desktop_page) == [READ]


def test_answer_stays_until_next_one_arrives(desktop_page: Page) -> None:
    """No other answer is shown, and no sentence is announced, while a stroke is drawn."""
    answer(desktop_page, digits(1, 7), delay=100)
    desktop_page.draw([SEVEN[0]])
    desktop_page.wait_for_text("17")
    status = desktop_page.status
    desktop_page.record()
    answer(desktop_page, digits(1, 7, 7), delay=100)
    desktop_page.press(0.1, 0.1)
    desktop_page.move(0.1, 0.8)
    assert desktop_page.status == status and not desktop_page.settled
    desktop_page.release()
    desktop_page.wait_for_text("177")
    assert desktop_page.shown == ["177"]


def test_response_that_arrives_during_next_stroke_is_not_shown(desktop_page: Page) -> None:
    answer(desktop_page, digits(1), delay=2000)
    desktop_page.draw([[(0.1, 0.1), (0.1, 0.8)]])
    desktop_page.record()
    desktop_page.press(0.5, 0.1)
    desktop_page.move(0.5, 0.8)
    given = "return window.given"
    desktop_page.wait(lambda: desktop_page.driver.execute_script(given), lambda: "no response")
    desktop_page.driver.execute_async_script("setTimeout(arguments[0], 50)")
    answer(desktop_page, digits(1, 1))
    desktop_page.release()
    desktop_page.wait_for_text("11")
    assert desktop_page.shown == ["11"]


@pytest.mark.parametrize("values", [(7,), (1, 7), (1, None, 7), (None, None), (None,)])
def test_every_symbol_is_shown(desktop_page: Page, values: tuple[int | None, ...]) -> None:
    answer(desktop_page, digits(*values))
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_text("".join("?" if one is None else str(one) for one in values))


@pytest.mark.parametrize(
    ("response", "sentence"),
    [
        (digits(7), "7, 91.0 %."),
        (digits(1, 7), "2 digits. Least sure: 1, 91.0 %."),
        (reading(symbol(1), symbol(7, 0.95)), "2 digits. Least sure: 1, 91.0 %."),
        (reading(symbol(None, 0.6)), "Not sure: perhaps 7, 60.0 %."),
        (reading(symbol(None, 0.2)), "No digit, 80.0 %."),
        (
            reading(symbol(1), symbol(None, 0.6), symbol(7)),
            "3 digits, 1 unsure. Least sure: perhaps 7, 60.0 %.",
        ),
        (digits(1, None, None), "3 digits, 2 unsure. Least sure: no digit, 60.0 %."),
        (digits(), "No digit found."),
    ],
)
def test_sentence(desktop_page: Page, response: dict[str, object], sentence: str) -> None:
    answer(desktop_page, response)
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_status(sentence)
    assert desktop_page.status == sentence


@pytest.mark.parametrize(
    ("response", "least"),
    [
        (reading(symbol(1, 0.99), symbol(7, 0.9), symbol(3, 0.95)), 1),
        (reading(symbol(1, 0.7), symbol(3, 0.95), symbol(None, 0.8)), 2),  # rejected
    ],
)
def test_least_sure_digit_is_chosen_and_marked(
    desktop_page: Page, response: dict[str, object], least: int
) -> None:
    answer(desktop_page, response)
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_status("Least sure: ")
    assert chosen(desktop_page) == [least]
    for index, button in enumerate(buttons(desktop_page)):
        line = button.value_of_css_property("text-decoration-line")
        assert line == ("underline" if index == least else "none")
        assert bool(button.get_attribute("title")) == (index == least)
    other = 1 - min(least, 1)
    buttons(desktop_page)[other].click()
    desktop_page.wait(lambda: chosen(desktop_page) == [other], lambda: str(chosen(desktop_page)))
    assert "Least sure" not in desktop_page.status


def test_unsure_digit_keeps_number_unsure(desktop_page: Page) -> None:
    """Whichever of its digits is looked at."""
    answer(desktop_page, digits(1, None, 7))
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_text("1?7")
    for index in range(3):
        buttons(desktop_page)[index].click()
        assert chosen(desktop_page) == [index]
        assert desktop_page.status.startswith("3 digits, 1 unsure.")


@pytest.mark.parametrize(
    ("response", "none"), [(digits(7), 0.09), (digits(None), 0.6), (digits(), 1)]
)
def test_last_bar_is_no_digit(desktop_page: Page, response: dict[str, object], none: float) -> None:
    answer(desktop_page, response)
    desktop_page.draw(SEVEN)
    desktop_page.wait_until_settled()
    *_, last = desktop_page.driver.find_elements(By.CSS_SELECTOR, "#bars meter")
    assert last.accessible_name == "No digit"
    assert len(desktop_page.bars) == 11
    assert desktop_page.bars[-1] == pytest.approx(none)
    assert sum(desktop_page.bars) == pytest.approx(1)


@pytest.mark.parametrize("framed", [True, False])
def test_frame_or_part_of_paper(desktop_page: Page, framed: bool) -> None:
    """What the network saw of a digit, or the part of the paper in the digit's box."""
    one = symbol(1, framed=framed) | {"box": [20, 20, 36, 60]}
    answer(desktop_page, reading(one))
    desktop_page.draw([[(0.1, 0.1), (0.1, 0.8)]])  # pixels 28, 28 to 28, 224 of the picture
    desktop_page.wait_for_text("1")
    frame = np.array(desktop_page.pixels("frame")).reshape(28, 28, 4)
    if framed:
        assert (frame[..., :3] == 128).all()
    else:
        # The box is 16 wide and 40 high, so it takes 11.2 of 28 columns in the middle.
        assert (frame[:, [0, 7, 20, 27], 3] == 0).all()
        assert (frame[:, 10, :3] == 255).all() and (frame[:3, 14, :3] == 255).all()
        assert frame[10:, 14, :3].max() < 40


def test_nothing_is_seen_without_digit(desktop_page: Page) -> None:
    answer(desktop_page, digits())
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_text("?")
    assert not desktop_page.find("frame").is_displayed()
    assert sum(desktop_page.pixels("frame")) == 0


@pytest.mark.parametrize("clipboard", [True, False])  # unavailable over plain HTTP
def test_copy_answer(desktop_page: Page, clipboard: bool) -> None:
    desktop_page.allow_clipboard(clipboard)
    button = desktop_page.find("copy")
    assert button.get_attribute("aria-disabled") == "true"
    answer(desktop_page, digits(2, 0, None, 6))
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_text("20?6")
    assert button.get_attribute("aria-disabled") == "false"
    button.click()
    desktop_page.wait(lambda: button.text == "Copied", lambda: "nothing is copied")
    assert desktop_page.clipboard == "20?6"
    desktop_page.wait(lambda: button.text == "Copy", lambda: "it stays")
    desktop_page.find("clear").click()
    desktop_page.wait_for_status("Draw a digit.")
    assert button.get_attribute("aria-disabled") == "true"
    button.click()  # does nothing
    assert desktop_page.clipboard == "20?6" and button.text == "Copy"


@pytest.mark.parametrize("way", ["clear", "undo", "draw"])
def test_outdated_request_is_aborted(desktop_page: Page, way: str) -> None:
    answer(desktop_page, digits(1), delay=60_000)
    desktop_page.draw([SEVEN[0]])
    desktop_page.wait(lambda: asked(desktop_page), lambda: "nothing is asked")
    if way == "draw":
        answer(desktop_page, digits(7))
        desktop_page.draw([[(0.1, 0.1), (0.1, 0.8)]])
        desktop_page.wait_for_text("7")
    else:
        desktop_page.find(way).click()
        desktop_page.wait_for_status("Draw a digit.")
        assert desktop_page.text == ""
    assert asked(desktop_page, "aborted") == [READ]


@pytest.mark.parametrize(
    "strokes",
    [
        [[(0.5, 0.5)]],
        [[(0.5, 0.5), (0.53, 0.52), (0.51, 0.54)]],  # a tap that slips
        [[(0.4, 0.5), (0.41, 0.5)], [(0.45, 0.5)]],
    ],
)
def test_dot_is_too_small_for_digit(desktop_page: Page, strokes: list[Stroke]) -> None:
    answer(desktop_page, digits(0))
    desktop_page.draw(strokes)
    desktop_page.wait_for_text("?")
    desktop_page.wait_for_status("Too small for a digit.")
    assert sum(desktop_page.bars) == 0
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_text("0")  # with more ink, the model decides


@pytest.mark.parametrize("response", [digits(), digits(None)])
def test_slow_server_warning_is_not_shown_after_answer(
    desktop_page: Page, response: dict[str, object]
) -> None:
    answer(desktop_page, response)
    desktop_page.driver.execute_script(
        "const later = setTimeout;"
        "window.setTimeout = (call, delay) => later(call, delay === 1500 ? 300 : delay);"
    )
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_text("?")
    status = desktop_page.status
    desktop_page.driver.execute_async_script("setTimeout(arguments[0], 400)")
    assert desktop_page.status == status and status.startswith("No digit")


def test_slow_server_warning(desktop_page: Page) -> None:
    answer(desktop_page, digits(7), delay=2500)
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_status("The server is slow to answer.")
    desktop_page.wait_for_status("7, 91.0 %.")


def test_non_digits_show_question_mark(page: Page) -> None:
    """The server's own responses to a dash, a tick and an equals sign."""
    for strokes in (
        [[(0.2, 0.5), (0.7, 0.5)]],
        [[(0.3, 0.4), (0.5, 0.7), (0.8, 0.3)]],
        [[(0.2, 0.4), (0.7, 0.4)], [(0.2, 0.6), (0.7, 0.6)]],
    ):
        page.draw(strokes)
        page.wait_for_text("?")
        page.find("clear").click()
