"""Control the page like a user: pointer, keys and files; and read what it shows."""

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
TIMEOUT = 10  # seconds
# Without these, a new browser downloads updates and lists, which the tests of requests would see.
_QUIET = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


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
        """Reload the page. scheme: the system's colour scheme, light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get_log("browser")
        self.driver.get(self.url)
        self.wait_for_status("Draw a digit.")

    def find(self, name: str) -> WebElement:
        return self.driver.find_element(By.ID, name)

    def draw(self, strokes: Sequence[Stroke], kind: str = "") -> None:
        """Draw strokes with a pointer. kind: mouse, pen or touch."""
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

    def click(self, section: str, name: str) -> None:
        """Click the button of that name in a section, by its id."""
        path = f"//*[@id='{section}']//button[.='{name}']"
        self.driver.find_element(By.XPATH, path).click()

    def status_of(self, section: str) -> str:
        """What a section says, by its id."""
        return self.driver.find_element(By.CSS_SELECTOR, f"#{section} [role=status]").text

    def download(self, section: str, name: str, file: Path) -> Path:
        """Click a button that downloads the file, and wait until all of it is there."""
        behavior = {"behavior": "allow", "downloadPath": str(file.parent)}
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", behavior)
        self.click(section, name)
        # Until then, the browser keeps an empty file of that name.
        self.wait(lambda: file.exists() and file.stat().st_size > 0, lambda: "there is no download")
        return file

    def press(self, x: float, y: float) -> None:
        """Press the mouse button on the paper; `move` and `release` follow."""
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
        """Return a function from coordinates on the paper to pixels of the window."""
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
        """Send keys to the focused element."""
        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def choose(self, file: Path, name: str = "file") -> None:
        """Choose a file. name: of the input, file or camera."""
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
        """The digits shown, line by line, with two spaces between columns."""
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
        """The probabilities of the ten digits, and of no digit."""
        values: list[float] = self.driver.execute_script(
            "return [...document.querySelectorAll('#bars meter')].map(({ value }) => value)"
        )
        return values

    def pixels(self, name: str) -> list[int]:
        """Return red, green, blue and alpha of all pixels of a canvas, paper or frame."""
        values: list[int] = self.driver.execute_script(
            """
            const canvas = document.getElementById(arguments[0]);
            const { width, height } = canvas;
            return [...canvas.getContext("2d").getImageData(0, 0, width, height).data];
            """,
            name,
        )
        return values

    def allow_clipboard(self, writing: bool) -> None:
        """Let `clipboard` read it. writing: False as over plain HTTP."""
        permission = {"permission": {"name": "clipboard-read"}, "setting": "granted"}
        self.driver.execute_cdp_cmd("Browser.setPermission", permission)
        if not writing:
            self.driver.execute_script(
                "navigator.clipboard.writeText = () => Promise.reject(new Error())"
            )

    @property
    def clipboard(self) -> str:
        text: str = self.driver.execute_async_script(
            "navigator.clipboard.readText().then(arguments[0])"
        )
        return text

    @property
    def settled(self) -> bool:
        """Whether no request is pending."""
        return self.find("answer").get_attribute("aria-busy") == "false"

    def record(self) -> None:
        """Start to record the texts shown, for `shown`."""
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
        """All texts shown since `record`, in order."""
        texts: list[str] = self.driver.execute_script("return shown")
        return texts

    def wait_for_text(self, text: str) -> None:
        """Wait until it is shown and no request is pending."""
        self.wait(
            lambda: self.text == text and self.settled,
            lambda: f"{self.text!r} is shown, not {text!r}",
        )

    def wait_until_settled(self) -> None:
        self.wait(lambda: self.settled, lambda: "a request is still pending")

    def wait_for_status(self, words: str) -> None:
        self.wait(lambda: words in self.status, lambda: f"{self.status!r}, not {words!r}")

    def complaints(self) -> list[str]:
        """Return the errors that the browser has logged since the page was opened."""
        log = self.driver.get_log("browser")
        return [entry["message"] for entry in log if not _expected(entry)]

    def violations(self, axe: str) -> list[str]:
        """Return the violations that axe-core finds. axe: its source."""
        self.driver.execute_script(axe)
        found = self.driver.execute_async_script("axe.run().then(arguments[0])")
        assert len(found["passes"]) > 10
        return [
            f"{rule['id']}: {node['html']}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    def requests(self) -> list[str]:
        """Return the URLs requested since the last call."""
        return [
            message["params"]["request"]["url"]
            for entry in self.driver.get_log("performance")
            if (message := _message(entry))["method"] == "Network.requestWillBeSent"
        ]

    def wait(
        self, reached: Callable[[], object], otherwise: Callable[[], str], seconds: float = TIMEOUT
    ) -> None:
        """Wait until `reached` is true. otherwise: returns the message of the AssertionError."""
        try:
            WebDriverWait(self.driver, seconds, 0.02).until(lambda _: reached())
        except Exception as error:
            raise AssertionError(otherwise()) from error


def _expected(entry: dict[str, Any]) -> bool:
    """Accept warnings, and status 422, for a file that is no picture."""
    return entry["level"] != "SEVERE" or "status of 422" in entry["message"]


def _message(entry: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(entry["message"])["message"]
    return message
