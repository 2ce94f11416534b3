"""What matplotlib brings: fonts and settings.

Without importing it, which takes 0.3 s. Raises ModuleNotFoundError if it is missing.
"""

from collections.abc import Iterator
from contextlib import ExitStack, chdir, contextmanager, suppress
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from PIL import ImageFont

_FOLDER = Path(str(distribution("matplotlib").locate_file("matplotlib/mpl-data")))
FONTS = _FOLDER / "fonts" / "ttf"


@cache
def load_font(file: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size)


@contextmanager
def own_settings() -> Iterator[None]:
    """Let matplotlib, when it is first imported, read the `matplotlibrc` that it brings.

    It takes the current folder's first, which may be anyone's: settings can run LaTeX.
    """
    with ExitStack() as stack:
        with suppress(FileNotFoundError):  # the current folder is deleted, and so empty
            stack.enter_context(chdir(_FOLDER))
        yield
