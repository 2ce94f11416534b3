"""Accuracy and latency of the page in a browser: python -m benchmarks.page [NUMBERS]

Drawings: NUMBERS numbers of one to eight digits (400 by default), half as many single digits, 10 to
19, 101 and 111 five times each, and a quarter as many letters. The digits are traced from MNIST's
test digits; of its 0, 6, 8 and 9 only those whose drawing still has its holes
(benchmarks/strokes.py). Right answers are the digits drawn, and none for letters. `?`: at least one
digit is unsure, or none was found. Wrong and sure: the page shows another number, and calls none of
its digits unsure.

Pen-up to answer: the time from lifting the finger or the mouse until the settled answer is in the
document, by real input events, for each stroke that is answered before the next one begins.
Camera: the number of 640x480 pictures of a page of numbers that are read per second.
Trouble: the time until the page says that its server hangs or is gone.
"""

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
from tests import synthetic
from tests.browser.film import camera_showing, write_film
from tests.browser.page import SEVEN, Page
from tests.served import Served, served

from benchmarks import strokes
from digits.data import mnist

NUMBERS = 400
CONFUSABLE = 5  # times that each of 10 to 19, 101 and 111 is drawn
TIMED = 40  # drawings whose answers are timed
CAMERA_SECONDS = 10
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


def latency(page: Page, numbers: Iterable[tuple[str, strokes.Drawing]]) -> str:
    """Draw numbers by real input events."""
    page.draw(SEVEN)  # warm up
    page.wait_until_settled()
    page.driver.execute_script(WATCH)
    for _, drawing in numbers:
        page.find("clear").click()
        page.draw(drawing)
        page.wait_until_settled()
    waits: list[float] = page.driver.execute_script("return waits")
    return f"{len(waits)} answers; {times(waits)} from pen-up"


def times(milliseconds: list[float]) -> str:
    ordered = sorted(milliseconds)
    p95 = ordered[int(0.95 * len(ordered))]
    return f"p50 {statistics.median(ordered):.0f} ms, p95 {p95:.0f} ms, max {ordered[-1]:.0f} ms"


def drawings(page: Page, kind: str, drawn: Iterable[tuple[str, strokes.Drawing]]) -> None:
    """Draw and print the results. kind: digits and numbers must be read, letters not."""
    counts: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for truth, drawing in drawn:
        text = page.driver.execute_async_script(HAND, drawing)
        if "?" in text:
            counts["?"] += 1
        elif text == truth and kind != "letters":
            counts["right"] += 1
        else:
            counts["wrong and sure"] += 1
            wrong[f"{truth} as {text}"] += 1
    shares = ", ".join(f"{counts[name]} {name}" for name in ("right", "?", "wrong and sure"))
    print(f"  {counts.total()} {kind}: {shares}")
    if wrong:
        print("    " + ", ".join(f"{name} ({count})" for name, count in wrong.most_common(12)))
    sys.stdout.flush()


def all_drawings(page: Page, count: int) -> None:
    """Draw `count` numbers, half as many digits, and a quarter as many letters."""
    random = np.random.default_rng(0)
    digits = mnist.load("test")
    page.driver.set_script_timeout(60)
    drawings(page, "digits", strokes.digits(digits, count // 2, random))
    drawings(page, "10 to 19, 101, 111", strokes.confusable_numbers(digits, CONFUSABLE, random))
    drawings(page, "numbers", strokes.numbers(digits, count, random))
    drawings(page, "letters", strokes.letters(count // 4, random))


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
                numbers = strokes.numbers(mnist.load("test"), TIMED, np.random.default_rng(1))
                print(f"{name}: {latency(page, numbers)}", flush=True)
                if not phone:
                    page.open()
                    all_drawings(page, int(sys.argv[1]) if len(sys.argv) > 1 else NUMBERS)
        print(f"camera: {camera(server.url)}")
        with Page(server.url, 1280, 800, False) as page:
            print(f"hung: {trouble(page, server, signal.SIGSTOP)}")
            print(f"gone: {trouble(page, server, signal.SIGTERM)}")


if __name__ == "__main__":
    main()
