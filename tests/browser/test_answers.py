"""What is asked for while somebody draws, and what is shown of the answers."""

import pytest

from tests.browser.page import SEVEN, Page, Stroke

# Answers that the page gets instead of the server's, so that no model decides what is tested here.
# `predict` and `read` are what each address answers with, as often as it is asked.
ANSWER = """
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


def digit(value: int | None, likeliest: int = 7) -> dict[str, object]:
    """What the API says of one digit. value: None where it isn't sure."""
    confidence = 0.4 if value is None else 0.91
    probabilities = [(1 - confidence) / 9] * 10
    probabilities[likeliest if value is None else value] = confidence
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


def reading(*digits: int | None) -> dict[str, object]:
    return ok({"text": "", "lines": [{"text": "", "columns": [[digit(one) for one in digits]]}]})


NO_DIGIT = {"status": 422, "body": {"error": "no digits found"}}
TWO: list[Stroke] = [*SEVEN, [(0.1, 0.1), (0.1, 0.8)]]


def answer(
    page: Page, predict: object, read: object = NO_DIGIT, late: tuple[int, int] = (0, 0)
) -> None:
    """late: milliseconds until `predict` and `read` are answered."""
    delays = dict(zip(("predict", "read"), late, strict=True))
    page.driver.execute_script(ANSWER, predict, read, delays)


def asked(page: Page, list_: str = "asked") -> list[str]:
    return page.driver.execute_script(f"return {list_}")  # type: ignore[no-any-return]


def test_only_the_single_digit_is_asked_for_during_a_stroke(fresh: Page) -> None:
    answer(fresh, ok(digit(None)), reading(1, 7))
    fresh.press(0.3, 0.25)
    for x, y in SEVEN[0][1:]:
        fresh.move(x, y)
    fresh.wait(lambda: asked(fresh), lambda: "nothing is asked")
    assert set(asked(fresh)) == {"predict"}
    assert not fresh.settled
    fresh.release()
    fresh.wait_for_text("17")
    assert asked(fresh).count("read") == 1


def test_a_sure_digit_needs_no_reading(fresh: Page) -> None:
    answer(fresh, ok(digit(7)), reading(1, 7))
    fresh.draw(SEVEN)
    fresh.wait_for_text("7")
    assert "read" not in asked(fresh)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (reading(1, 7), "17"),
        (reading(1, None, 7), "1?7"),
        (reading(1, None), "?"),  # as many are unsure
        (reading(None, None, None), "?"),
        (reading(7), "?"),  # a single one, which `predict` isn't sure of
        (NO_DIGIT, "?"),
    ],
)
def test_several_are_shown_where_most_are_sure(
    fresh: Page, read: dict[str, object], text: str
) -> None:
    answer(fresh, ok(digit(None)), read)
    fresh.draw(SEVEN)
    fresh.wait_for_text(text)


def test_nothing_becomes_less_sure_while_nothing_is_drawn(fresh: Page) -> None:
    answer(fresh, ok(digit(None)), reading(1, 7), late=(100, 100))
    fresh.draw([SEVEN[0]])
    fresh.wait_for_text("17")
    fresh.record()
    answer(fresh, ok(digit(None)), reading(1, 7, 7), late=(100, 100))
    fresh.draw([[(0.1, 0.1), (0.1, 0.8)]])
    fresh.wait_for_text("177")
    assert fresh.shown == ["177"]  # the 17 stays until then


def test_an_unsure_beginning_is_no_question_mark(fresh: Page) -> None:
    answer(fresh, ok(digit(None)), NO_DIGIT)
    fresh.record()
    fresh.press(0.3, 0.25)
    fresh.move(0.7, 0.25)
    fresh.wait(lambda: fresh.text == "…", lambda: fresh.text)
    fresh.release()
    fresh.wait_for_text("?")
    assert fresh.shown == ["…", "?"]


@pytest.mark.parametrize("way", ["clear", "undo", "draw"])
def test_a_reading_that_is_out_of_date_is_aborted(fresh: Page, way: str) -> None:
    answer(fresh, ok(digit(None)), reading(1, 7), late=(0, 60_000))
    fresh.draw([SEVEN[0]])
    fresh.wait(lambda: "read" in asked(fresh), lambda: "it isn't asked for")
    if way == "draw":
        answered = "answers.predict = arguments[0]"
        fresh.driver.execute_script(answered, ok(digit(7)))
        fresh.draw([[(0.1, 0.1), (0.1, 0.8)]])
        fresh.wait_for_text("7")
    else:
        fresh.find(way).click()
        fresh.wait_for_status("Draw a digit.")
        assert fresh.text == ""
    assert asked(fresh, "aborted") == ["read"]


def test_nothing_is_shown_that_was_asked_before_all_was_cleared(fresh: Page) -> None:
    answer(fresh, ok(digit(7)), late=(60_000, 0))
    fresh.draw([SEVEN[0]])
    fresh.wait(lambda: asked(fresh), lambda: "nothing is asked")
    fresh.find("clear").click()
    fresh.wait_for_status("Draw a digit.")
    assert asked(fresh, "aborted") == asked(fresh) == ["predict"]


@pytest.mark.parametrize(
    "strokes",
    [
        [[(0.5, 0.5)]],
        [[(0.5, 0.5), (0.53, 0.52), (0.51, 0.54)]],  # a tap that slips
        [[(0.4, 0.5), (0.41, 0.5)], [(0.45, 0.5)]],
    ],
)
def test_a_dot_is_no_digit_whatever_the_model_says(fresh: Page, strokes: list[Stroke]) -> None:
    answer(fresh, ok(digit(0)), reading(0, 0))
    fresh.draw(strokes)
    fresh.wait_for_text("?")
    fresh.wait_for_status("Too small for a digit.")
    assert sum(fresh.bars) == 0
    fresh.draw(SEVEN)
    fresh.wait_for_text("0")  # with more of it, it is the model's to say


@pytest.mark.parametrize("read", [NO_DIGIT, reading(None, None)])
def test_no_trouble_is_told_after_the_answer(fresh: Page, read: dict[str, object]) -> None:
    answer(fresh, ok(digit(None)), read)
    fresh.driver.execute_script(
        "const later = setTimeout;"
        "window.setTimeout = (call, delay) => later(call, delay === 1500 ? 300 : delay);"
    )
    fresh.draw(SEVEN)
    fresh.wait_for_text("?")
    fresh.driver.execute_async_script("setTimeout(arguments[0], 400)")
    assert fresh.status == "Not sure: perhaps 7, 40.0 %."


def test_an_answer_is_announced_once(fresh: Page) -> None:
    """A screen reader hears nothing while somebody draws."""
    answer(fresh, ok(digit(7)))
    fresh.press(0.3, 0.25)
    fresh.move(0.7, 0.25)
    fresh.wait(lambda: fresh.text == "7", lambda: fresh.text)
    assert fresh.status == "" and not fresh.settled
    fresh.release()
    fresh.wait_for_status("7, 91.0 %.")


def test_what_is_no_digit_is_not_sure(page: Page) -> None:
    """With the server's own answers: a dash, a tick, an equals sign."""
    for strokes in (
        [[(0.2, 0.5), (0.7, 0.5)]],
        [[(0.3, 0.4), (0.5, 0.7), (0.8, 0.3)]],
        [[(0.2, 0.4), (0.7, 0.4)], [(0.2, 0.6), (0.7, 0.6)]],
    ):
        page.draw(strokes)
        page.wait_for_text("?")
        page.find("clear").click()
