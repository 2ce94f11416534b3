"""Draw the sample images: ten MNIST test digits, each as if from another camera or program.

    python tests/pictures/make.py

The digits are the first zero, the first one and so on of the test set; none was selected by hand.
Needs the full data set (see digits.data.mnist).
"""

from pathlib import Path

import numpy as np
from PIL import Image

from digits.data import mnist

HERE = Path(__file__).parent
RANDOM = np.random.default_rng(0)

test = mnist.load("test")
ink = {digit: test.images[test.labels == digit][0] / 255 for digit in range(10)}  # 0 to 1


def enlarged(digit: int, size: int, canvas: tuple[int, int], at: tuple[int, int]) -> np.ndarray:
    """Scale the digit to size x size and place it on an empty canvas (height, width) at `at`."""
    image = Image.fromarray((ink[digit] * 255).astype(np.uint8))
    big = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC)) / 255
    page = np.zeros(canvas)
    page[at[0] : at[0] + size, at[1] : at[1] + size] = big
    return page


def blend(coverage: np.ndarray, paper: np.ndarray, pen: tuple[int, int, int]) -> np.ndarray:
    """Blend ink of one colour onto paper [height, width, 3]: uint8 of the same shape."""
    mixed = paper * (1 - coverage[..., None]) + np.array(pen) * coverage[..., None]
    noisy = mixed + RANDOM.normal(0, 3, mixed.shape)
    image: np.ndarray = noisy.clip(0, 255).astype(np.uint8)
    return image


def lit_paper(shape: tuple[int, int], colour: tuple[int, int, int], dark: float) -> np.ndarray:
    """Paper lit from one corner; the opposite corner has `dark` times its brightness."""
    y, x = np.linspace(0, 1, shape[0])[:, None], np.linspace(0, 1, shape[1])[None, :]
    light = 1 - (1 - dark) * (x + y) / 2
    paper: np.ndarray = light[..., None] * np.array(colour, float)
    return paper


# 0: as MNIST has it, white on black
Image.fromarray((ink[0] * 255).astype(np.uint8)).save(HERE / "0.png")
# 1: black on white
Image.fromarray(255 - (ink[1] * 255).astype(np.uint8)).save(HERE / "1.png")
# 2: a phone's photo of blue ballpoint on shaded paper
page = blend(
    enlarged(2, 200, (480, 360), (120, 60)),
    lit_paper((480, 360), (235, 228, 210), 0.6),
    (40, 50, 120),
)
Image.fromarray(page).save(HERE / "2.jpg", quality=85)
# 3: chalk on a green board
page = blend(
    enlarged(3, 160, (240, 320), (40, 90)),
    lit_paper((240, 320), (50, 90, 70), 0.7),
    (235, 235, 225),
)
Image.fromarray(page).save(HERE / "3.jpg", quality=85)
# 4: a drawing program's black ink on a transparent ground
alpha = (enlarged(4, 120, (128, 128), (4, 4)) * 255).astype(np.uint8)
Image.fromarray(np.dstack([alpha * 0, alpha * 0, alpha * 0, alpha])).save(HERE / "4.png")
# 5: a scanner's 16-bit grey, faint pencil
grey = 60000 - 16000 * enlarged(5, 90, (100, 140), (5, 30))
Image.fromarray(grey.astype(np.uint16)).save(HERE / "5.png")
# 6: a palette, first frame of an animation
frames = [
    Image.fromarray(255 - (enlarged(d, 56, (64, 64), (4, 4)) * 255).astype(np.uint8))
    for d in (6, 8)
]
frames[0].save(HERE / "6.gif", save_all=True, append_images=frames[1:])
# 7: a photo taken sideways (EXIF orientation 6)
page = blend(
    enlarged(7, 180, (300, 400), (60, 120)),
    lit_paper((300, 400), (200, 205, 215), 0.8),
    (25, 25, 30),
)
exif = Image.Exif()
exif[0x0112] = 6
Image.fromarray(np.rot90(page)).save(HERE / "7.jpg", quality=85, exif=exif)
# 8: a print shop's CMYK
page = blend(
    enlarged(8, 84, (120, 120), (18, 18)), lit_paper((120, 120), (255, 255, 255), 1), (150, 30, 40)
)
Image.fromarray(page).convert("CMYK").save(HERE / "8.tif", compression="tiff_lzw")
# 9: a small digit off the middle of a large sheet
page = blend(
    enlarged(9, 96, (600, 450), (180, 250)),
    lit_paper((600, 450), (245, 240, 225), 0.7),
    (60, 60, 60),
)
Image.fromarray(page).save(HERE / "9.webp", quality=80)
