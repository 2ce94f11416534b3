"""Accuracy and latency of the page in a browser: python -m tests.benchmarks.page [DIGITS]

Drawings: DIGITS digits (300 by default) and a third as many numbers, traced from MNIST's test
digits, and as many non-digits: letters and marks (dots, smudges, dashes, ticks, equals signs,
smileys). Each is drawn at the speed of a hand. Right answers are the digits drawn, and `?` for
non-digits. Settled: the time from lifting the pen to the final answer; before that the answer may
change once.

Movements: the time from moving the pointer to the new probabilities in the document. A movement is
answered by the first drawing sent after it, when the document next changes after its response.
Camera: the number of 640x480 pictures of a page of numbers that are read per second.
Trouble: the time until the page says that its server hangs or is gone.
"""

import math
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from tests import strokes, synthetic
from tests.browser.film import camera_showing, write_film
from tests.browser.page import SEVEN, Page
from tests.served import Served, served

from digits.data import mnist

DIGITS = 300
CAMERA_SECONDS = 10
SIZES = (("phone", 390, 844, True), ("desktop", 1280, 800, False))

# Two loops of an 8, in 120 movements.
EIGHT = [
    (0.5 + 0.2 * math.sin(turn), 0.5 - 0.3 * math.cos(turn / 2))
    for turn in (4 * math.pi * step / 120 for step in range(121))
]
WATCH = """
performance.setResourceTimingBufferSize(10000);
window.moves = [];
window.shown = [];
document.getElementById("paper")
  .addEventListener("pointermove", () => moves.push(performance.now()));
new MutationObserver(() => shown.push(performance.now()))
  .observe(document.getElementById("bars"), { subtree: true, childList: true, attributes: true });
"""
READ = """
const asked = performance.getEntriesByType("resource")
  .filter(({ name }) => name.includes("/predict"));
return [moves, shown, asked.map(({ startTime, responseEnd }) => [startTime, responseEnd])];
"""
# A pointer that moves a hundred times a second. `changes` counts the different answers shown after
# the pen was lifted.
HAND = """
const [strokes, done] = arguments;
const paper = document.getElementById("paper"), text = document.getElementById("text");
const answer = document.getElementById("answer");
paper.setPointerCapture = () => {}; // no real pointer is down
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const point = (name, [x, y]) => {
  const { left, top, width, height } = paper.getBoundingClientRect();
  paper.dispatchEvent(new PointerEvent(name, { pointerId: 1, isPrimary: true, button: 0,
    bubbles: true, clientX: left + x * width, clientY: top + y * height }));
};
(async () => {
  document.getElementById("clear").click();
  for (const stroke of strokes) {
    point("pointerdown", stroke[0]);
    for (const place of stroke.slice(1)) { await pause(10); point("pointermove", place); }
    await pause(10);
    point("pointerup", stroke.at(-1));
    if (stroke !== strokes.at(-1)) await pause(100);
  }
  const start = performance.now();
  let changes = 0, last = text.textContent;
  while (answer.getAttribute("aria-busy") !== "false") {
    await pause(2);
    if (text.textContent !== last) { changes += 1; last = text.textContent; }
  }
  done([text.innerText.replace(/\\s+/g, " ").trim(), performance.now() - start, changes]);
})();
"""


def wait(move: float, shown: list[float], asked: list[list[float]]) -> float:
    """Milliseconds from a movement until the document shows its answer."""
    answered = next(end for start, end in asked if start >= move)
    return next(time for time in shown if time >= answered) - move


def movements(page: Page) -> str:
    page.draw([EIGHT])  # warm up
    page.wait_until_settled()
    page.find("clear").click()
    page.driver.execute_script("performance.clearResourceTimings();" + WATCH)
    page.draw([EIGHT])
    page.wait_until_settled()
    time.sleep(0.5)  # for late answers
    moves, shown, asked = page.driver.execute_script(READ)
    waits = [wait(move, shown, asked) for move in moves]
    return f"{len(moves)} movements, {len(asked)} requests; {times(waits)}"


def times(milliseconds: list[float]) -> str:
    ordered = sorted(milliseconds)
    p95 = ordered[int(0.95 * len(ordered))]
    return f"p50 {statistics.median(ordered):.0f} ms, p95 {p95:.0f} ms, max {ordered[-1]:.0f} ms"


def drawings(page: Page, kind: str, drawn: Iterable[tuple[str, strokes.Drawing]]) -> None:
    """Draw and print the results. kind: digits and numbers must be read, all else must be `?`."""
    counts: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    waits, flickers = [], 0
    for truth, drawing in drawn:
        text, milliseconds, changes = page.driver.execute_async_script(HAND, drawing)
        right = truth if kind in ("digits", "numbers") else "?"
        if text == right:
            counts["right"] += 1
        elif text == "?":
            counts["?"] += 1
        else:
            counts["wrong"] += 1
            wrong[f"{truth} as {text}"] += 1
        waits.append(milliseconds)
        flickers += changes > 1
    total = counts.total()
    shares = ", ".join(f"{counts[name]} {name}" for name in ("right", "?", "wrong"))
    print(
        f"  {total} {kind}: {shares}; settled {times(waits)}; {flickers} changed twice after that"
    )
    if wrong:
        print(
            "    " + ", ".join(f"{name} ({count})" for name, count in wrong.most_common(12)),
            flush=True,
        )


def all_drawings(page: Page, count: int) -> None:
    """Draw `count` digits, a third as many numbers, and half as many letters and marks each."""
    random = np.random.default_rng(0)
    digits = mnist.load("test")
    page.driver.set_script_timeout(60)
    drawings(page, "digits", strokes.digits(digits, count, random))
    drawings(page, "numbers", strokes.numbers(digits, count // 3, random))
    drawings(page, "letters", strokes.letters(count // 2, random))
    drawings(page, "marks", strokes.marks(count // 2, random))


def camera(url: str) -> str:
    with TemporaryDirectory() as folder:
        film = Path(folder, "film.y4m")
        photo = Image.fromarray(synthetic.page(mnist.load("test"))).resize((640, 336))
        sheet = Image.new("L", (640, 480), 150)
        sheet.paste(photo, (0, 72))
        write_film(film, np.asarray(sheet))
        with Page(url, 1280, 800, False, camera_showing(film)) as page:
            page.open()
            page.wait(lambda: page.find("live").is_displayed(), lambda: "there is no camera")
            page.find("live").click()
            page.wait(lambda: len(page.text) > 20, lambda: page.text)
            page.driver.execute_script(
                "window.answers = 0;"
                "new MutationObserver(() => answers++)"
                '.observe(document.getElementById("text"), { childList: true });'
            )
            time.sleep(CAMERA_SECONDS)
            answers: int = page.driver.execute_script("return answers")
    return f"{answers / CAMERA_SECONDS:.1f} pictures a second"


def trouble(page: Page, server: Served, sent: signal.Signals) -> str:
    page.open()
    server.process.send_signal(sent)
    if sent == signal.SIGTERM:
        server.process.wait(60)
    page.draw(SEVEN)
    start = time.monotonic()
    page.wait(lambda: "server" in page.status, lambda: page.status)
    server.process.send_signal(signal.SIGCONT)
    return f"{1000 * (time.monotonic() - start):.0f} ms"


def main() -> None:
    with served() as server:
        for name, width, height, phone in SIZES:
            with Page(server.url, width, height, phone) as page:
                page.open()
                print(f"{name}: {movements(page)}", flush=True)
                if not phone:
                    page.open()
                    all_drawings(page, int(sys.argv[1]) if len(sys.argv) > 1 else DIGITS)
        print(f"camera: {camera(server.url)}")
        with Page(server.url, 1280, 800, False) as page:
            print(f"hung: {trouble(page, server, signal.SIGSTOP)}")
            print(f"gone: {trouble(page, server, signal.SIGTERM)}")


if __name__ == "__main__":
    main()
