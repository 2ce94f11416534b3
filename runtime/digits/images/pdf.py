"""Render the pages of a PDF, such as a scanner makes of a stack of paper."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO

from digits.errors import PictureError
from digits.images.grey import Grey

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

DPI = 200  # of a page's own pixels: at less, the digits of forms are read worse
MAX_PAGES = 2000  # of a document; a scanner's feeder holds 500 sheets at most
_POINTS = 72  # an inch
_MAX_METRES = 1.3  # a page's side: A0 and some margin

_LOCK = Lock()  # PDFium isn't thread-safe


def count_pages(name: str, file: BinaryIO) -> int:
    """Count the pages. name: what errors call the file. Raises PictureError."""
    with _LOCK, _open(name, file) as document:
        return len(document)


def render(name: str, file: BinaryIO, page: int, max_side: int) -> tuple[Grey, tuple[int, int]]:
    """Render a page, and return its width and height at DPI, too.

    page: from 1; 0 for the only one.
    max_side: pixels that the longer side may have. Raises PictureError and DECODE_ERRORS.
    """
    with _LOCK, _open(name, file) as document:
        if not page and len(document) > 1:
            raise PictureError(f"{name} has {len(document)} pages: name one, such as {name}#1")
        page = max(page, 1)
        if page > len(document):
            raise PictureError(f"{name} has no page {page}, but {len(document)}")
        sheet = document[page - 1]
        _check_pictures(sheet)
        points = sheet.get_size()
        metres = max(points) / _POINTS * 0.0254
        if metres > _MAX_METRES:
            raise PictureError(
                f"{name}: page {page} is {metres:.1f} m long; at most {_MAX_METRES} m are read"
            )
        width, height = (max(1, round(side / _POINTS * DPI)) for side in points)
        scale = DPI / _POINTS * min(1.0, max_side / max(width, height))
        pixels: Grey = sheet.render(scale=scale, grayscale=True).to_numpy().copy()
        return pixels[:max_side, :max_side], (width, height)  # PDFium rounds up


def _check_pictures(sheet: "PdfPage") -> None:
    """Decode the pictures on a page: of a damaged one, PDFium draws a part without a word."""
    from PIL.JpegImagePlugin import JpegImageFile  # not for all other pictures
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    for image in sheet.get_objects([FPDF_PAGEOBJ_IMAGE]):
        filters, data = image.get_filters(), bytes(image.get_data())
        if filters == ["FlateDecode"]:
            zlib.decompress(data)
        elif filters == ["DCTDecode"]:
            with JpegImageFile(BytesIO(data)) as jpeg:
                jpeg.draft("L", (1, 1))  # still reads all data, but makes fewer pixels
                jpeg.load()


@contextmanager
def _open(name: str, file: BinaryIO) -> Iterator["PdfDocument"]:
    try:
        from pypdfium2 import PdfDocument, PdfiumError
    except ModuleNotFoundError as error:
        raise PictureError(
            f'{name}: a PDF needs pypdfium2: pip install "digits[documents]"'
        ) from error
    try:
        with PdfDocument(file) as document:
            document.init_forms()  # else what is typed into a PDF's own fields isn't drawn
            if len(document) > MAX_PAGES:
                count = f"{len(document):,} pages; at most {MAX_PAGES:,} are read"
                raise PictureError(f"{name} has {count}: split it")
            yield document
    except PdfiumError as error:
        if "password" in str(error).lower():
            raise PictureError(f"{name} is encrypted: save it without a password") from error
        raise PictureError(f"{name} is damaged or cut off") from error
