"""The fonts that matplotlib brings.

Without importing it, which takes 0.3 s. Raises ModuleNotFoundError if it is missing.
"""

from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from PIL import ImageFont

FONTS = Path(str(distribution("matplotlib").locate_file("matplotlib/mpl-data/fonts/ttf")))


@cache
def load_font(file: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size)
