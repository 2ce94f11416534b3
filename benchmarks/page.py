"""Accuracy and latency of the page in a browser: python -m benchmarks page [NUMBERS]

Drawings: NUMBERS numbers of one to eight digits (400 by default), and half as many single digits,
traced from MNIST's test digits; of its 0, 6, 8 and 9 only those whose drawing still has its holes
(benchmarks/strokes.py). `?`: at least one digit is unsure, or none was found. Wrong and sure: the
page shows another number, and calls none of its digits unsure.

Pen-up to answer: the time from lifting the finger or the mouse until the settled answer is in the
document, by real input events, for each stroke that is answered before the next one begins.
"""

import sys
from collections import Counter
from collections.abc import Iterable

import numpy as np

from benchmarks import strokes
from benchmarks.timing import print_row
from digits_train.data import mnist
from tests.browser.page import SEVEN, Page
from tests.served import served

NUMBERS = 400
TIMED = 40  # drawings whose answers are timed
SIZES = (("phone", 390, 844, True), ("desktop", 1280, 800, False))

WATCH = """
window.waits = [];
let lifted = null;
const answer = document.getElementById("answer");
document.getElementById("paper")
  .addEventListener("pointerup", ({ timeStamp }) => { lifted = timeStamp; }, { capture: true });
new MutationObserver(() => {
  if (lifted === null || answer.getAttribute("aria-busy") !== "false") return;
  waits.push(performance.now() - lifted);
  lifted = null;
}).observe(answer, { attributes: true, attributeFilter: ["aria-busy"] });
"""
# Draws at once: nothing is asked during a stroke.
HAND = """
const [strokes, done] = arguments;
const paper = document.getElementById("paper"), answer = document.getElementById("answer");
paper.setPointerCapture = () => {}; // no real pointer is down
const point = (name, [x, y]) => {
  const { left, top, width, height } = paper.getBoundingClientRect();
  paper.dispatchEvent(new PointerEvent(name, { pointerId: 1, isPrimary: true, button: 0,
    bubbles: true, clientX: left + x * width, clientY: top + y * height }));
};
document.getElementById("clear").click();
for (const stroke of strokes) {
  point("pointerdown", stroke[0]);
  for (const place of stroke.slice(1)) point("pointermove", place);
  point("pointerup", stroke.at(-1));
}
const settled = () => {
  if (answer.getAttribute("aria-busy") !== "false") return;
  observer.disconnect();
  done(document.getElementById("text").innerText.replace(/\\s+/g, " ").trim());
};
const observer = new MutationObserver(settled);
observer.observe(answer, { attributes: true });
settled();
"""


def latency(page: Page, numbers: Iterable[tuple[str, strokes.Drawing]]) -> list[float]:
    """Draw numbers by real input events. Returns how many answers, and their p50, p95 and max."""
    page.draw(SEVEN)  # warm up
    page.wait_until_settled()
    page.driver.execute_script(WATCH)
    for _, drawing in numbers:
        page.find("clear").click()
        page.draw([stroke.tolist() for stroke in drawing])
        page.wait_until_settled()
    waits = page.driver.execute_script("return waits")
    return [len(waits), *np.quantile(waits, (0.5, 0.95, 1)).tolist()]


def drawings(page: Page, kind: str, drawn: Iterable[tuple[str, strokes.Drawing]]) -> None:
    """Draw, and print the results."""
    counts: Counter[str] = Counter()
    for truth, drawing in drawn:
        text = page.driver.execute_async_script(HAND, [stroke.tolist() for stroke in drawing])
        counts["?" if "?" in text else "right" if text == truth else "wrong and sure"] += 1
    print_row(kind, counts.total(), *(counts[name] for name in ("right", "?", "wrong and sure")))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else NUMBERS
    digits, random = mnist.load("test"), np.random.default_rng(0)
    with served() as server:
        for name, width, height, phone in SIZES:
            with Page(server.url, width, height, phone) as page:
                page.open()
                numbers = strokes.numbers(digits, TIMED, np.random.default_rng(1))
                print_row("from pen-up to answer, ms", "answers", "p50", "p95", "max")
                print_row(name, *latency(page, numbers))
                if not phone:
                    print_row("", "drawn", "right", "?", "wrong and sure")
                    page.open()
                    page.driver.set_script_timeout(60)
                    drawings(page, "digits", strokes.digits(digits, count // 2, random))
                    drawings(page, "numbers", strokes.numbers(digits, count, random))
