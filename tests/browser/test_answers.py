"""Which requests are sent while drawing, and what is shown of the responses."""

import pytest

from tests.browser.page import SEVEN, Page, Stroke

# Replaces the server's responses, so that the tests don't depend on a model. `predict` and `read`
# are the responses of these paths.
FAKE_FETCH = """
const [predict, read, delays] = arguments;
window.asked = [];
window.aborted = [];
window.answers = { predict, read };
window.fetch = (address, { signal }) => new Promise((resolve, reject) => {
  const path = address.split("?")[0];
  asked.push(path);
  const { status, body } = answers[path];
  const abort = () => { aborted.push(path); reject(signal.reason); };
  signal.addEventListener("abort", abort);
  setTimeout(() => {
    signal.removeEventListener("abort", abort);
    resolve(new Response(JSON.stringify(body), { status }));
  }, delays[path]);
});
"""


def digit(value: int | None, top1: int = 7) -> dict[str, object]:
    """Return the API's JSON for one digit. value: None if it isn't confident."""
    confidence = 0.4 if value is None else 0.91
    probabilities = [(1 - confidence) / 9] * 10
    probabilities[top1 if value is None else value] = confidence
    frame = [[0] * 28] * 28
    box = [0, 0, 9, 9]
    return {
        "digit": value,
        "confidence": confidence,
        "probabilities": probabilities,
        "box": box,
        "frame": frame,
        "note": "",
    }


def ok(body: object) -> dict[str, object]:
    return {"status": 200, "body": body}


def symbol(value: int | None) -> dict[str, object]:
    """Return the API's JSON for one symbol of a page. value: None if it isn't confident."""
    confidence = 0.4 if value is None else 0.91
    probabilities = [0.0] * 12
    probabilities[7 if value is None else value] = confidence
    read = None if value is None else str(value)
    box = [0, 0, 9, 9]
    return {"symbol": read, "confidence": confidence, "probabilities": probabilities, "box": box}


def reading(*symbols: int | None) -> dict[str, object]:
    columns = [[symbol(one) for one in symbols]]
    return ok({"text": "", "lines": [{"text": "", "columns": columns}]})


NO_DIGIT = {"status": 422, "body": {"error": "no digits found"}}
TWO: list[Stroke] = [*SEVEN, [(0.1, 0.1), (0.1, 0.8)]]


def answer(
    page: Page, predict: object, read: object = NO_DIGIT, delays: tuple[int, int] = (0, 0)
) -> None:
    """Fake the responses of `predict` and `read`. delays: of each, in milliseconds."""
    milliseconds = dict(zip(("predict", "read"), delays, strict=True))
    page.driver.execute_script(FAKE_FETCH, predict, read, milliseconds)


def asked(page: Page, list_: str = "asked") -> list[str]:
    paths: list[str] = page.driver.execute_script(f"return {list_}")
    return paths


def test_only_predict_is_requested_during_stroke(desktop_page: Page) -> None:
    answer(desktop_page, ok(digit(None)), reading(1, 7))
    desktop_page.press(0.3, 0.25)
    for x, y in SEVEN[0][1:]:
        desktop_page.move(x, y)
    desktop_page.wait(lambda: asked(desktop_page), lambda: "nothing is asked")
    assert set(asked(desktop_page)) == {"predict"}
    assert not desktop_page.settled
    desktop_page.release()
    desktop_page.wait_for_text("17")
    assert asked(desktop_page).count("read") == 1


def test_read_is_not_requested_for_confident_digit(desktop_page: Page) -> None:
    answer(desktop_page, ok(digit(7)), reading(1, 7))
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_text("7")
    assert "read" not in asked(desktop_page)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (reading(1, 7), "17"),
        (reading(1, None, 7), "1?7"),
        (reading(1, None), "?"),  # only half are confident
        (reading(None, None, None), "?"),
        (reading(7), "?"),  # a single digit, of which `predict` isn't confident
        (NO_DIGIT, "?"),
    ],
)
def test_reading_is_shown_if_most_digits_are_confident(
    desktop_page: Page, read: dict[str, object], text: str
) -> None:
    answer(desktop_page, ok(digit(None)), read)
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_text(text)


def test_reading_stays_until_next_one_arrives(desktop_page: Page) -> None:
    answer(desktop_page, ok(digit(None)), reading(1, 7), delays=(100, 100))
    desktop_page.draw([SEVEN[0]])
    desktop_page.wait_for_text("17")
    desktop_page.record()
    answer(desktop_page, ok(digit(None)), reading(1, 7, 7), delays=(100, 100))
    desktop_page.draw([[(0.1, 0.1), (0.1, 0.8)]])
    desktop_page.wait_for_text("177")
    assert desktop_page.shown == ["177"]  # the 17 stays until then


def test_unsure_digit_shows_ellipsis_during_stroke(desktop_page: Page) -> None:
    answer(desktop_page, ok(digit(None)), NO_DIGIT)
    desktop_page.record()
    desktop_page.press(0.3, 0.25)
    desktop_page.move(0.7, 0.25)
    desktop_page.wait(lambda: desktop_page.text == "…", lambda: desktop_page.text)
    desktop_page.release()
    desktop_page.wait_for_text("?")
    assert desktop_page.shown == ["…", "?"]


@pytest.mark.parametrize("way", ["clear", "undo", "draw"])
def test_outdated_read_request_is_aborted(desktop_page: Page, way: str) -> None:
    answer(desktop_page, ok(digit(None)), reading(1, 7), delays=(0, 60_000))
    desktop_page.draw([SEVEN[0]])
    desktop_page.wait(lambda: "read" in asked(desktop_page), lambda: "it isn't asked for")
    if way == "draw":
        answered = "answers.predict = arguments[0]"
        desktop_page.driver.execute_script(answered, ok(digit(7)))
        desktop_page.draw([[(0.1, 0.1), (0.1, 0.8)]])
        desktop_page.wait_for_text("7")
    else:
        desktop_page.find(way).click()
        desktop_page.wait_for_status("Draw a digit.")
        assert desktop_page.text == ""
    assert asked(desktop_page, "aborted") == ["read"]


def test_clear_aborts_predict_request(desktop_page: Page) -> None:
    answer(desktop_page, ok(digit(7)), delays=(60_000, 0))
    desktop_page.draw([SEVEN[0]])
    desktop_page.wait(lambda: asked(desktop_page), lambda: "nothing is asked")
    desktop_page.find("clear").click()
    desktop_page.wait_for_status("Draw a digit.")
    assert asked(desktop_page, "aborted") == asked(desktop_page) == ["predict"]


@pytest.mark.parametrize(
    "strokes",
    [
        [[(0.5, 0.5)]],
        [[(0.5, 0.5), (0.53, 0.52), (0.51, 0.54)]],  # a tap that slips
        [[(0.4, 0.5), (0.41, 0.5)], [(0.45, 0.5)]],
    ],
)
def test_dot_is_too_small_for_digit(desktop_page: Page, strokes: list[Stroke]) -> None:
    answer(desktop_page, ok(digit(0)), reading(0, 0))
    desktop_page.draw(strokes)
    desktop_page.wait_for_text("?")
    desktop_page.wait_for_status("Too small for a digit.")
    assert sum(desktop_page.bars) == 0
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_text("0")  # with more ink, the model decides


@pytest.mark.parametrize("read", [NO_DIGIT, reading(None, None)])
def test_slow_server_warning_is_not_shown_after_answer(
    desktop_page: Page, read: dict[str, object]
) -> None:
    answer(desktop_page, ok(digit(None)), read)
    desktop_page.driver.execute_script(
        "const later = setTimeout;"
        "window.setTimeout = (call, delay) => later(call, delay === 1500 ? 300 : delay);"
    )
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_text("?")
    desktop_page.driver.execute_async_script("setTimeout(arguments[0], 400)")
    assert desktop_page.status == "Not sure: perhaps 7, 40.0 %."


def test_status_is_announced_only_after_stroke(desktop_page: Page) -> None:
    """Screen readers stay silent while drawing."""
    answer(desktop_page, ok(digit(7)))
    desktop_page.press(0.3, 0.25)
    desktop_page.move(0.7, 0.25)
    desktop_page.wait(lambda: desktop_page.text == "7", lambda: desktop_page.text)
    assert desktop_page.status == "" and not desktop_page.settled
    desktop_page.release()
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
