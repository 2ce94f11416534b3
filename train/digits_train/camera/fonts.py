"""Print: which fonts draw training pages, and which only measure.

fonts.csv lists packages of npm, from each of which one file is taken. They are kept in the user's
cache folder and must have the SHA-256 listed; no font is part of this package. Matplotlib brings
some more.
"""

import csv
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from importlib.metadata import distribution
from pathlib import Path
from typing import NamedTuple

from PIL import ImageFont

from digits.errors import DataError
from digits.files import write_bytes
from digits.terminal import print_stderr, track
from digits_train import fetch


class Font(NamedTuple):
    """A row of fonts.csv: a file of the npm package @fontsource/NAME.

    use: "training", or "held back" to measure with. sha256: of the file. license: by its SPDX name.
    """

    name: str
    use: str
    version: str
    sha256: str
    license: str
    copyright: str

    @property
    def file(self) -> str:
        return f"{self.name}-latin-400-normal.woff"


_LIST = Path(__file__).with_suffix(".csv").read_bytes()
LIST_SHA256 = hashlib.sha256(_LIST).hexdigest()
FONTS = [Font(**row) for row in csv.DictReader(_LIST.decode().splitlines())]
# Of Matplotlib's faces, a serif, a sans and a typewriter one are held back, with their families.
_HELD_BACK_FACES = "STIXGeneral STIXGeneralBol STIXGeneralItalic STIXGeneralBolIta cmss10 cmtt10"
_TRAINING_FACES = (
    "DejaVuSans DejaVuSans-Bold DejaVuSans-Oblique DejaVuSansMono DejaVuSerif DejaVuSerif-Bold"
    " DejaVuSerif-Italic cmr10 cmb10 cmti10"
)
# Without importing it, which takes 0.3 s.
MATPLOTLIB_FONTS = Path(
    str(distribution("matplotlib").locate_file("matplotlib/mpl-data/fonts/ttf"))
)
_DOWNLOADS = 8  # at a time
_MISSING = "\uffff"  # no character: every font draws what it draws for those that it hasn't


def printed(use: str = "training") -> list[Path]:
    """Get the printed fonts for "training", or those "held back". Raises DataError."""
    fetched = files([font for font in FONTS if font.use == use])
    return [*fetched, *bundled(use)]


def bundled(use: str = "training") -> list[Path]:
    """Get the printed fonts that come with Matplotlib."""
    faces = _TRAINING_FACES if use == "training" else _HELD_BACK_FACES
    return [MATPLOTLIB_FONTS / f"{face}.ttf" for face in faces.split()]


def files(fonts: Sequence[Font]) -> list[Path]:
    """Get the fonts' files in the user's cache folder; download those missing or damaged.

    Raises DataError if a font can't be had, or hasn't the SHA-256 that is listed.
    """
    folder = fetch.cache_folder() / "fonts"
    missing = [font for font in fonts if not _is_intact(font, folder / font.file)]
    if missing:
        print_stderr(f"downloading {len(missing)} fonts from {fetch.NPM_REGISTRY}")
    with ThreadPoolExecutor(_DOWNLOADS) as pool:
        downloads = pool.map(partial(_downloaded, folder=folder), missing)
        for font, raw in track(zip(missing, downloads, strict=True), len(missing), "fonts"):
            write_bytes(folder / font.file, raw)
    return [folder / font.file for font in fonts]


def _is_intact(font: Font, path: Path) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == font.sha256
    except OSError:
        return False


def _downloaded(font: Font, folder: Path) -> bytes:
    package = f"@fontsource/{font.name}@{font.version}"
    try:
        [raw] = fetch.npm_files(package, [f"package/files/{font.file}"])
    except DataError as error:
        way_out = f"Try again, or put {font.file} from that archive into {folder}"
        raise DataError(f"the font {font.name} was not found ({error}). {way_out}") from error
    if hashlib.sha256(raw).hexdigest() != font.sha256:
        raise DataError(f"{package}: its font is not the known one (wrong SHA-256)")
    return raw


@cache
def load_font(file: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size)


def has(file: Path, text: str) -> bool:
    """Whether a font can draw each character of a text, blanks aside."""
    return all(character.isspace() or _has(file, character) for character in text)


@cache
def _has(file: Path, character: str) -> bool:
    face = load_font(str(file), 40)
    glyph, missing = face.getmask(character), face.getmask(_MISSING)
    differs = (glyph.size, bytes(glyph)) != (missing.size, bytes(missing))
    return glyph.getbbox() is not None and differs
