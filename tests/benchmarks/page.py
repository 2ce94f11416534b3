"""How long a stroke takes to change the answer on the page: python -m tests.benchmarks.page

In a real browser, from the movement of the pointer to the new probabilities in the document. A
movement is answered by the first request that begins after it.
"""

import bisect
import math
import statistics

from tests.browser.page import Page
from tests.served import served

# Two loops of an 8, in 120 movements.
EIGHT = [
    (0.5 + 0.2 * math.sin(turn), 0.5 - 0.3 * math.cos(turn / 2))
    for turn in (4 * math.pi * step / 120 for step in range(121))
]
WATCH = """
window.moves = [];
window.shown = [];
document.getElementById("paper")
  .addEventListener("pointermove", () => moves.push(performance.now()));
new MutationObserver(() => shown.push(performance.now()))
  .observe(document.getElementById("bars"), { subtree: true, childList: true, attributes: true });
"""
READ = """
const asked = performance.getEntriesByType("resource");
return [moves, shown, asked.map(({ startTime }) => startTime)];
"""


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
                moves, shown, asked = page.driver.execute_script(READ)
            waits = []
            for move in moves:
                request = asked[min(bisect.bisect_left(asked, move), len(asked) - 1)]
                waits.append(shown[min(bisect.bisect_right(shown, request), len(shown) - 1)] - move)
            waits.sort()
            print(
                f"{name}: {len(moves)} movements, {len(asked)} requests;"
                f" median {statistics.median(waits):.0f} ms,"
                f" p95 {waits[int(0.95 * len(waits))]:.0f} ms, longest {waits[-1]:.0f} ms"
            )


if __name__ == "__main__":
    main()
