"""The server's answers as the tests need them, so that they don't depend on a model."""

from collections.abc import Sequence
from typing import Any

from tests.browser.page import Page

READ = "read?frame=true"
# Shortens all that the page waits for, to 20 milliseconds, or to a second for an answer.
_HASTEN = """
const [later, timeout] = [window.setTimeout, AbortSignal.timeout];
window.setTimeout = (call, delay) => later(call, Math.min(delay, 20));
AbortSignal.timeout = (delay) => timeout.call(AbortSignal, Math.min(delay, 1000));
"""
# Replaces `fetch` for pictures: after a delay in milliseconds, the next of `statuses`, then 200.
# Other requests are answered with {}.
_FAKE_READ = """
const [body, delay, statuses] = arguments;
Object.assign(window, { asked: [], aborted: [], shown: [], pending: 0, most: 0 });
const later = window.setTimeout;
window.fetch = (address, { signal } = {}) => new Promise((resolve, reject) => {
  const isRead = address.startsWith("read");
  if (isRead) asked.push(address);
  most = Math.max(most, ++pending);
  const status = (isRead && statuses.shift()) || 200;
  signal?.addEventListener("abort", () => { aborted.push(address); reject(signal.reason); });
  const answer = () => resolve(new Response(JSON.stringify(isRead ? body : {}), { status }));
  later(answer, isRead ? delay : 0);
}).finally(() => { pending -= 1; });
const text = document.getElementById("text");
new MutationObserver(() => {
  if (shown.at(-1) !== text.textContent) shown.push(text.textContent);
}).observe(text, { childList: true, characterData: true, subtree: true });
"""


def hasten(page: Page) -> None:
    """Let the page not wait long before it tries again, until it is reloaded."""
    page.script(_HASTEN)


def reading(
    text: str, /, *confidences: float, frame: object = None, **more: object
) -> dict[str, Any]:
    """Return the API's answer of one number, or of none for no text.

    text: its symbols, and `?` behind them if it is to be reviewed. confidences: 0.91 by default.
    frame: of each symbol. more: of the number.
    """
    symbols, read = [], text.removesuffix("?")
    for symbol, confidence in zip(read, confidences or [0.91] * len(read), strict=True):
        probabilities = [0.0] * 12
        probabilities["0123456789-.".index(symbol)] = confidence
        likely = {"symbol": symbol, "confidence": confidence, "probabilities": probabilities}
        symbols.append(likely | {"box": [0, 0, 9, 9], "frame": frame})
    status = "unsure" if "?" in text else "sure" if text else "blank"
    answer = {"text": read, "probability": 0.99, "second": "", "free": read, "symbols": symbols}
    answer |= {"status": "review" if status == "unsure" else "accepted", "line": 1, "column": 1}
    return {"file": "", "status": status, "text": text, "numbers": [answer | more] if text else []}


def fake_read(
    page: Page, answer: dict[str, Any], delay: int = 0, statuses: Sequence[int] = ()
) -> None:
    """Fake the answers to pictures, until the page is reloaded.

    delay: milliseconds. statuses: of the first answers, before those with 200.
    """
    page.script(_FAKE_READ, answer, delay, statuses)


def recorded(page: Page, name: str) -> list[str]:
    """Return what happened since `fake_read`. name: asked or aborted (addresses), or shown."""
    values: list[str] = page.script(f"return {name}")
    return values
