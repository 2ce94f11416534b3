"""Draw the README's picture of `digits serve` in a real browser: python -m docs.screenshot"""

import io
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from tests import synthetic
from tests.browser.page import SEVEN, Page
from tests.served import served

from digits.data import mnist

HEIGHT = 640  # pixels of the picture


def main() -> None:
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
            page.wait_for_status("26 digits.")
            desktop = shot(page)
    both = Image.new("RGB", (phone.width + desktop.width + 16, HEIGHT), "white")
    both.paste(phone, (0, 0))
    both.paste(desktop, (phone.width + 16, 0))
    both.quantize(128).save(Path(__file__).parent / "serve.png", optimize=True)


def shot(page: Page) -> Image.Image:
    with Image.open(io.BytesIO(page.driver.get_screenshot_as_png())) as image:
        width = round(image.width * HEIGHT / image.height)
        return image.convert("RGB").resize((width, HEIGHT), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
