"""How long a stroke takes to change the answer on the page: python -m tests.benchmarks.page

In a real browser, from the movement of the pointer to the new probabilities in the document. A
movement is answered by the first drawing that is sent after it: what the document shows next when
that answer is there, or the answer of `/read` that follows where the network wasn't sure.
"""

import math
import statistics
import time

from tests.browser.page import Page
from tests.served import served

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


def wait(move: float, shown: list[float], asked: list[list[float]]) -> float:
    """Milliseconds until the document shows what has become of the drawing."""
    answered = next(end for start, end in asked if start >= move)
    return next(time for time in shown if time >= answered) - move


def main() -> None:
    with served() as server:
        for name, width, height, phone in (
            ("phone", 390, 844, True),
            ("desktop", 1280, 800, False),
        ):
            with Page(server.url, width, height, phone) as page:
                page.open()
                page.draw([EIGHT])  # the first answers find nothing in the caches
                page.wait_for_text("8")
                page.find("clear").click()
                page.driver.execute_script("performance.clearResourceTimings();" + WATCH)
                page.draw([EIGHT])
                page.wait_for_text("8")
                time.sleep(0.5)  # for the answers that are still to come
                moves, shown, asked = page.driver.execute_script(READ)
            waits = [wait(move, shown, asked) for move in moves]
            waits.sort()
            print(
                f"{name}: {len(moves)} movements, {len(asked)} requests;"
                f" median {statistics.median(waits):.0f} ms,"
                f" p95 {waits[int(0.95 * len(waits))]:.0f} ms, longest {waits[-1]:.0f} ms"
            )


if __name__ == "__main__":
    main()
