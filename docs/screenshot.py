"""Draw the pictures of `digits serve`, `review` and `form edit`: python -m docs.screenshot"""

import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from digits import Reader
from digits.commands.results import ResultsFile
from digits.formats import Csv
from digits.prediction import Reading
from digits_train.data import mnist
from tests import synthetic
from tests.browser.page import SEVEN, Page, Stroke
from tests.served import served

HERE = Path(__file__).parent
HEIGHT = 640  # pixels of the picture
FIRST_FIELD: list[Stroke] = [[(0.3, 0.155)]]
PHONE, DESKTOP = (390, 844, "dark"), (960, 640, "light")  # in CSS pixels
FORM = """
size = [210, 297]
find = "marks"
sums = ["total = q1 + q2"]
fields = [
    {name = "student", box = [30, 40, 102, 52], cells = 6, list = "students.csv:id", key = true},
    {name = "q1", box = [30, 80, 60, 92], range = "0-20"},
    {name = "q2", box = [70, 80, 100, 92], range = "0-20"},
    {name = "total", box = [150, 80, 180, 92], range = "0-40"},
]
"""


def serve() -> None:
    """Draw a seven on a phone next to a photo read on a desktop."""
    with TemporaryDirectory() as folder, served() as server:
        photo = Path(folder) / "numbers.png"
        Image.fromarray(synthetic.page(mnist.load("test"))).save(photo)
        with Page(server.url, 390, 844, phone=True) as page:
            page.open("dark")
            page.draw(SEVEN)
            page.wait_for_text("7")
            page.driver.execute_script("scrollTo(0, 0)")
            phone = shot(page)
        with Page(server.url, 960, 640, phone=False) as page:
            page.open()
            page.choose(photo)
            page.wait_for_status("4 numbers")
            desktop = shot(page)
    save(phone, desktop, "serve.png", colours=128)


def review() -> None:
    """Review a digit on a phone, next to a number on a desktop."""
    ready = "body:has(#paper img) #text:not(:empty)"
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(HERE.parent / "tests" / "pictures" / "5.png", folder)
        labels = str(folder / "digits.csv")
        phone = shot_of(PHONE, ready, "review", str(folder), "-o", labels)
        shutil.copy(HERE / "page.jpg", folder)
        results = ResultsFile(folder / "results.csv", Reading.COLUMNS)
        results.append(Csv().lines("page.jpg", Reader().read(folder / "page.jpg")))
        desktop = shot_of(DESKTOP, ready, "review", str(folder / "results.csv"))
    save(phone, desktop, "review.png", colours=64)


def fields() -> None:
    """Lay out a form on a phone, next to a desktop: the first field is chosen."""
    with TemporaryDirectory() as name:
        file = Path(name) / "exam.toml"
        file.write_text(FORM)
        (Path(name) / "students.csv").write_text("id\n104132\n")
        arguments = "fieldset:disabled", "form edit", "-o", str(file)
        phone = shot_of(PHONE, *arguments, taps=FIRST_FIELD)
        desktop = shot_of(DESKTOP, *arguments, taps=FIRST_FIELD)
    save(phone, desktop, "fields.png", colours=128)


def shot_of(
    view: tuple[int, int, str], ready: str, command: str, *options: str, taps: Sequence[Stroke] = ()
) -> Image.Image:
    """What a command's page shows once the selector `ready` matches, after taps on the paper."""
    width, height, scheme = view
    with (
        served(*options, command=command) as server,
        Page(server.url, width, height, phone=width < height) as page,
    ):
        page.prefer(scheme)
        page.driver.get(server.address)
        page.wait(lambda: page.select(ready))
        if taps:
            page.draw(taps)
            page.script("scrollTo(0, 0)")
        return shot(page)


def save(phone: Image.Image, desktop: Image.Image, name: str, colours: int) -> None:
    """Save them side by side."""
    both = Image.new("RGB", (phone.width + desktop.width + 16, HEIGHT), "white")
    both.paste(phone, (0, 0))
    both.paste(desktop, (phone.width + 16, 0))
    both.quantize(colours).save(HERE / name, optimize=True)


def shot(page: Page) -> Image.Image:
    with Image.open(io.BytesIO(page.driver.get_screenshot_as_png())) as image:
        width = round(image.width * HEIGHT / image.height)
        return image.convert("RGB").resize((width, HEIGHT), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    serve()
    review()
    fields()
