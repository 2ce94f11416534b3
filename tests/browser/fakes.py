"""The server's answers as the tests need them, so that they don't depend on a model."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tests.browser.page import Page

READ = "read?frame=true"
NOTHING: Mapping[str, object] = MappingProxyType({})
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
Object.assign(window, { asked: [], aborted: [], shown: [], said: [], pending: 0, most: 0 });
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
for (const [id, texts] of [["text", shown], ["status", said]]) {
  const element = document.getElementById(id);
  new MutationObserver(() => {
    if (texts.at(-1) !== element.textContent) texts.push(element.textContent);
  }).observe(element, { childList: true, characterData: true, subtree: true });
}
"""


def hasten(page: Page) -> None:
    """Let the page not wait long before it tries again, until it is reloaded."""
    page.script(_HASTEN)


def reading(
    text: str, *confidences: float, number: Mapping[str, object] = NOTHING, **properties: object
) -> dict[str, object]:
    """Return the API's answer of one number, or of none for no text.

    text: its symbols, and `?` behind them if it is to be reviewed. confidences: 0.91 by default.
    number: more of the number. properties: more of each symbol.
    """
    symbols, read = [], text.removesuffix("?")
    for index, symbol in enumerate(read):
        confidence = confidences[index] if confidences else 0.91
        probabilities = [0.0] * 12
        probabilities["0123456789-.".index(symbol)] = confidence
        fields = {"symbol": symbol, "confidence": confidence, "probabilities": probabilities}
        symbols.append({**fields, "box": [0, 0, 9, 9], "frame": None, **properties})
    status = "unsure" if "?" in text else "sure" if text else "blank"
    answer = {"text": read, "probability": 0.99, "second": "", "free": read, "symbols": symbols}
    answer |= {"status": "review" if status == "unsure" else "accepted", "line": 1, "column": 1}
    numbers = [{**answer, **number}] if text else []
    return {"file": "", "status": status, "text": text, "numbers": numbers}


def fake_read(
    page: Page, answer: dict[str, object], delay: int = 0, statuses: Sequence[int] = ()
) -> None:
    """Fake the answers to pictures, until the page is reloaded.

    delay: milliseconds. statuses: of the first answers, before those with 200.
    """
    page.script(_FAKE_READ, answer, delay, statuses)


def recorded(page: Page, name: str) -> list[str]:
    """Return what happened since `fake_read`. name: asked or aborted (addresses), shown or said."""
    values: list[str] = page.script(f"return {name}")
    return values
