"""Control the page like a user: pointer, keys and files; read what it shows; fake answers."""

import base64
import io
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

Stroke = Sequence[tuple[float, float]]  # points on the paper, from 0 to 1

SEVEN: list[Stroke] = [[(0.3, 0.25), (0.7, 0.25), (0.6, 0.5), (0.48, 0.8)]]
BAR: list[Stroke] = [[(0.1, 0.25), (0.1, 0.8)]]  # left of the seven
TIMEOUT = 60  # seconds
# With these, a new browser downloads no updates and lists, which the tests of requests would see.
_QUIET = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# Line by line, with two spaces between columns.
_TEXT = """
const columns = (line) => [...line.children].map(({ textContent }) => textContent);
const lines = [...document.getElementById("text").children];
return lines.map((line) => columns(line).join("  ")).join("\\n");
"""


class Page:
    """The page in a browser of a size in CSS pixels.

    phone: with touch instead of a mouse. arguments: more of Chromium's.
    """

    def __init__(
        self, url: str, width: int, height: int, phone: bool, arguments: Sequence[str] = ()
    ) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for word in (*_QUIET, f"--window-size={width},{height}", *arguments):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        if phone:
            metrics = {"width": width, "height": height, "pixelRatio": 3, "touch": True}
            options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
        self.url, self.size, self.phone = url, (width, height), phone
        self.driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
        self.script = self.driver.execute_script
        self.async_script = self.driver.execute_async_script
        self.cdp = self.driver.execute_cdp_cmd
        if not phone:
            self.resize(width, height)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.driver.quit()

    def open(self, scheme: str = "light", url: str = "") -> None:
        """Reload the page, or open another. scheme: the system's colours, light or dark."""
        self.url = url or self.url
        self.prefer(scheme)
        self.driver.get(self.url)
        self.wait_for_status("Draw a digit.")

    def prefer(self, scheme: str) -> None:
        """Change the system's colours."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.cdp("Emulation.setEmulatedMedia", {"features": features})

    def resize(self, width: int, height: int) -> None:
        scale = 3 if self.phone else 1
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale}
        self.cdp("Emulation.setDeviceMetricsOverride", metrics | {"mobile": self.phone})
        self.wait(lambda: self.script("return innerWidth") == width)

    def find(self, name: str) -> WebElement:
        return self.driver.find_element(By.ID, name)

    def select(self, selector: str) -> list[WebElement]:
        """Return what a CSS selector matches."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def button(self, section: str, name: str) -> WebElement:
        """Return the button of that name in a section, by its id."""
        return self.driver.find_element(By.XPATH, f"//*[@id='{section}']//button[.='{name}']")

    def draw(self, strokes: Sequence[Stroke], lift: bool = True) -> None:
        """Draw strokes by touch or with the mouse. lift: at the end of each."""
        kind = "touch" if self.phone else "mouse"
        actions = ActionBuilder(self.driver, mouse=PointerInput(kind, kind), duration=20)
        pointer, pixel = actions.pointer_action, self.paper()
        for start, *others in strokes:
            pointer.move_to_location(*pixel(*start)).pointer_down()
            for point in others:
                pointer.move_to_location(*pixel(*point))
            if lift:
                pointer.pointer_up()
        actions.perform()

    def paper(self) -> Callable[[float, float], tuple[int, int]]:
        """Return a function from coordinates on the paper to pixels of the window."""
        paper = self.find("paper")
        self.script("arguments[0].scrollIntoView()", paper)
        area = self.script("return arguments[0].getBoundingClientRect().toJSON()", paper)
        return lambda x, y: (
            round(area["left"] + x * area["width"]),
            round(area["top"] + y * area["height"]),
        )

    def choose(self, *files: Path, name: str = "file") -> None:
        """Choose files. name: of the input, file or camera."""
        self.find(name).send_keys("\n".join(map(str, files)))

    def drop(self, *paths: Path) -> None:
        """Drop files and folders as a file manager does."""
        x, y = self.paper()(0.5, 0.5)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.cdp("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": data})

    def constrain(self, name: str, text: str) -> None:
        """Open the panel of constraints, replace what is in a field, and leave it."""
        self.script("document.getElementById('constraints').open = true")
        [field] = self.select(f"#constraints [name={name}]")
        field.send_keys(Keys.CONTROL, "a", Keys.NULL, text or Keys.DELETE, Keys.TAB)

    @property
    def text(self) -> str:
        """The digits shown, line by line, with two spaces between columns."""
        text: str = self.script(_TEXT)
        return text

    @property
    def numbers(self) -> list[WebElement]:
        """The buttons of the numbers shown."""
        return self.select("#text button")

    @property
    def status(self) -> str:
        return self.find("status").text

    @property
    def bars(self) -> list[float]:
        """The probabilities of the symbols, and of none."""
        meters = "return [...document.querySelectorAll('#bars meter')].map(({ value }) => value)"
        values: list[float] = self.script(meters)
        return values

    def pixels(self, name: str) -> NDArray[np.uint8]:
        """The pixels of a canvas: [height, width, RGBA]."""
        url = self.script("return document.getElementById(arguments[0]).toDataURL()", name)
        png = io.BytesIO(base64.b64decode(url.partition(",")[2]))
        return np.asarray(Image.open(png).convert("RGBA"))

    @property
    def boxes(self) -> NDArray[np.bool_]:
        """Which pixels of the paper have the colour of boxes: [height, width]."""
        paper = self.pixels("paper")
        return np.asarray((paper[..., 2] > 180) & (paper[..., 0] < 60))

    @property
    def settled(self) -> bool:
        """Whether no request is pending."""
        return self.find("answer").get_attribute("aria-busy") == "false"

    def wait(
        self, reached: Callable[[], object], otherwise: Callable[[], str] = lambda: "in vain"
    ) -> None:
        """Wait until `reached` is true. otherwise: returns the message of the AssertionError."""
        try:
            WebDriverWait(self.driver, TIMEOUT, 0.02).until(lambda _: reached())
        except Exception as error:
            raise AssertionError(otherwise()) from error

    def wait_until_settled(self) -> None:
        self.wait(lambda: self.settled)

    def wait_for_text(self, *texts: str) -> None:
        """Wait until one of them is shown and no request is pending."""
        self.wait(
            lambda: self.text in texts and self.settled,
            lambda: f"{self.text!r} is shown, not {' or '.join(map(repr, texts))}",
        )

    def wait_for_status(self, words: str, section: str = "answer") -> None:
        """Wait until a section says so, by its id."""
        self.wait_for(f"#{section} [role=status]", words)

    def wait_for(self, selector: str, words: str) -> None:
        """Wait until the words are in an element's text."""

        def text() -> str:
            return self.driver.find_element(By.CSS_SELECTOR, selector).text

        self.wait(lambda: words in text(), lambda: f"{text()!r}, not {words!r}")

    def complaints(self) -> list[str]:
        """Return the errors logged since the last call, without those about files of no use."""
        logs = self.driver.get_log("browser")
        messages = [log["message"] for log in logs if log["level"] == "SEVERE"]
        return [text for text in messages if not re.search("status of 422|FILE_NOT_FOUND", text)]

    def requests(self) -> list[str]:
        """Return the URLs requested since the last call."""
        messages = [json.loads(log["message"]) for log in self.driver.get_log("performance")]
        events = [message["message"] for message in messages]
        sent = [event for event in events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]


# Replaces `fetch`: after a delay in milliseconds it answers with the next of `statuses`, then 200.
_FAKE_READ = """
const [body, delay, statuses] = arguments;
Object.assign(window, { asked: [], shown: [] });
const later = window.setTimeout;
window.setTimeout = (call, delay) => later(call, Math.min(delay, 20));
window.fetch = (address, { signal }) => new Promise((resolve, reject) => {
  asked.push(address);
  signal.addEventListener("abort", () => reject(signal.reason));
  const answer = new Response(JSON.stringify(body), { status: statuses.shift() ?? 200 });
  later(() => resolve(answer), delay);
});
const text = document.getElementById("text");
new MutationObserver(() => {
  if (shown.at(-1) !== text.textContent) shown.push(text.textContent);
}).observe(text, { childList: true, characterData: true, subtree: true });
"""


def reading(*texts: str, **more: object) -> dict[str, Any]:
    """Return the API's answer of numbers, side by side.

    texts: with `?` behind those to be reviewed. more: of each number.
    """
    numbers = []
    for column, text in enumerate(texts, 1):
        status, reason = ("review", "unsure") if "?" in text else ("accepted", "")
        number: dict[str, Any] = {"text": text.removesuffix("?"), "status": status}
        number |= {
            "reason": reason,
            "confidence": 0.99,
            "second_best": "",
            "line": 1,
            "column": column,
        }
        numbers.append(number | {"box": [0, 0, 9, 9]} | more)
    return {"file": "", "text": "  ".join(texts), "numbers": numbers}


def fake_read(
    page: Page, answer: dict[str, Any], delay: int = 0, statuses: Sequence[int] = ()
) -> None:
    """Fake the answers to pictures, and wait little between tries, until the page is reloaded.

    delay: milliseconds. statuses: of the first answers, before those with 200.
    """
    page.script(_FAKE_READ, answer, delay, statuses)


def recorded(page: Page, name: str) -> list[str]:
    """Return what happened since `fake_read`. name: asked (addresses) or shown (texts)."""
    values: list[str] = page.script(f"return {name}")
    return values
