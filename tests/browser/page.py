"""The page as a person uses it: pointer, keys, files, and what is to be seen."""

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

Stroke = Sequence[tuple[float, float]]  # places on the paper, from 0 to 1

SEVEN: list[Stroke] = [[(0.3, 0.25), (0.7, 0.25), (0.6, 0.5), (0.48, 0.8)]]
SECONDS = 10  # until something must have happened
# A new browser asks for updates and for its makers' lists; here nothing but the page is wanted.
_QUIET = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


class Page:
    """The page in a browser of a size in CSS pixels.

    phone: with a finger instead of a mouse. arguments: what else Chromium is started with.
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
        self.url, self.phone = url, phone
        self.driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
        if not phone:
            self.driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.driver.quit()

    def open(self, scheme: str = "light") -> None:
        """Open the page anew. scheme: light or dark, as a person has set the system."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get_log("browser")
        self.driver.get(self.url)
        self.wait_for_status("Draw a digit.")

    def find(self, name: str) -> WebElement:
        return self.driver.find_element(By.ID, name)

    def draw(self, strokes: Sequence[Stroke], kind: str = "") -> None:
        """kind: mouse, pen or touch."""
        place = self.place()
        kind = kind or ("touch" if self.phone else "mouse")
        pointer = PointerInput(kind, kind)
        actions = ActionBuilder(self.driver, mouse=pointer, duration=20)
        for stroke in strokes:
            for index, (x, y) in enumerate(stroke):
                actions.pointer_action.move_to_location(*place(x, y))
                if index == 0:
                    actions.pointer_action.pointer_down()
            actions.pointer_action.pointer_up()
        actions.perform()

    def press(self, x: float, y: float) -> None:
        """Set the mouse down on the paper; `move` and `release` follow."""
        actions = ActionBuilder(self.driver, mouse=PointerInput("mouse", "mouse"))
        actions.pointer_action.move_to_location(*self.place()(x, y)).pointer_down()
        actions.perform()

    def move(self, x: float, y: float) -> None:
        actions = ActionBuilder(self.driver, mouse=PointerInput("mouse", "mouse"))
        actions.pointer_action.move_to_location(*self.place()(x, y))
        actions.perform()

    def release(self) -> None:
        actions = ActionBuilder(self.driver, mouse=PointerInput("mouse", "mouse"))
        actions.pointer_action.pointer_up()
        actions.perform()

    def place(self) -> Callable[[float, float], tuple[int, int]]:
        """Turns places on the paper into pixels of the window."""
        paper = self.find("paper")
        self.driver.execute_script("arguments[0].scrollIntoView()", paper)
        area: dict[str, float] = self.driver.execute_script(
            "return arguments[0].getBoundingClientRect().toJSON()", paper
        )
        return lambda x, y: (
            round(area["left"] + x * area["width"]),
            round(area["top"] + y * area["height"]),
        )

    def keys(self, *keys: str) -> None:
        """Press them, wherever the focus is."""
        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def choose(self, file: Path, name: str = "file") -> None:
        """name: file or camera."""
        self.find(name).send_keys(str(file.resolve()))

    def give(self, file: Path, event: str, kind: str = "image/jpeg") -> None:
        """Drop or paste a file. event: drop or paste."""
        content = base64.b64encode(file.read_bytes()).decode()
        self.driver.execute_script(
            """
            const [content, type, event] = arguments;
            const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "a", { type }));
            const options = { bubbles: true, cancelable: true };
            document.body.dispatchEvent(event === "drop"
              ? new DragEvent("drop", { dataTransfer: data, ...options })
              : new ClipboardEvent("paste", { clipboardData: data, ...options }));
            """,
            content,
            kind,
            event,
        )

    @property
    def text(self) -> str:
        """The digits that are shown, line by line, columns two blanks apart."""
        text: str = self.driver.execute_script(
            """
            const text = document.getElementById("text");
            if (!text.childElementCount) return text.textContent;
            return [...text.children].map((line) => [...line.children]
              .map((column) => column.textContent).join("  ")).join("\\n");
            """
        )
        return text

    @property
    def status(self) -> str:
        return self.find("status").text

    @property
    def bars(self) -> list[float]:
        """The ten probabilities."""
        return self.driver.execute_script(  # type: ignore[no-any-return]
            "return [...document.querySelectorAll('#bars meter')].map(({ value }) => value)"
        )

    def pixels(self, name: str) -> list[int]:
        """Red, green, blue and alpha of a canvas: paper or frame."""
        return self.driver.execute_script(  # type: ignore[no-any-return]
            """
            const canvas = document.getElementById(arguments[0]);
            const { width, height } = canvas;
            return [...canvas.getContext("2d").getImageData(0, 0, width, height).data];
            """,
            name,
        )

    @property
    def settled(self) -> bool:
        """Whether all that is on the paper is answered."""
        return self.find("answer").get_attribute("aria-busy") == "false"

    def record(self) -> None:
        """Begin to write down what is shown; `shown` gives it."""
        self.driver.execute_script(
            """
            window.shown = [];
            const text = document.getElementById("text");
            new MutationObserver(() => {
              if (shown.at(-1) !== text.textContent) shown.push(text.textContent);
            }).observe(text, { childList: true, characterData: true, subtree: true });
            """
        )

    @property
    def shown(self) -> list[str]:
        """What was shown since `record`, one after the other."""
        return self.driver.execute_script("return shown")  # type: ignore[no-any-return]

    def wait_for_text(self, text: str) -> None:
        """Wait until it is shown for good."""
        self.wait(
            lambda: self.text == text and self.settled,
            lambda: f"{self.text!r} is shown, not {text!r}",
        )

    def wait_until_settled(self) -> None:
        self.wait(lambda: self.settled, lambda: "nothing is answered")

    def wait_for_status(self, words: str) -> None:
        self.wait(lambda: words in self.status, lambda: f"{self.status!r}, not {words!r}")

    def complaints(self) -> list[str]:
        """The errors that the browser has seen since the page was opened."""
        log = self.driver.get_log("browser")
        return [entry["message"] for entry in log if not _expected(entry)]

    def violations(self, axe: str) -> list[str]:
        """What axe-core finds wrong. axe: its script."""
        self.driver.execute_script(axe)
        found = self.driver.execute_async_script("axe.run().then(arguments[0])")
        assert len(found["passes"]) > 10
        return [
            f"{rule['id']}: {node['html']}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    def requests(self) -> list[str]:
        """The addresses that were asked since the last call."""
        return [
            message["params"]["request"]["url"]
            for entry in self.driver.get_log("performance")
            if (message := _message(entry))["method"] == "Network.requestWillBeSent"
        ]

    def wait(
        self, reached: Callable[[], object], otherwise: Callable[[], str], seconds: float = SECONDS
    ) -> None:
        """Wait until something is so. otherwise: says what is instead."""
        try:
            WebDriverWait(self.driver, seconds, 0.02).until(lambda _: reached())
        except Exception as error:
            raise AssertionError(otherwise()) from error


def _expected(entry: dict[str, Any]) -> bool:
    """Half a digit is no digit to `/read` (422); and canvases are read here, as no page does."""
    return entry["level"] != "SEVERE" or "status of 422" in entry["message"]


def _message(entry: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(entry["message"])["message"]
    return message
