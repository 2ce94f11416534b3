"""The supported formats and the names of pages, for those who can do without Pillow."""

import re
from typing import NamedTuple

# What cameras, scanners and drawing programs write. Pillow's other formats stay disabled: some
# run programs (EPS runs Ghostscript).
# Pillow imports the modules of the first five together, and all that it has for another one.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP", "AVIF", "HEIC")

# Files that may have several pages.
DOCUMENT_SUFFIXES = (".pdf", ".tif", ".tiff")
# What folders are searched for. A file given by name is opened whatever its suffix.
SUFFIXES = {
    *(".avif", ".bmp", ".gif", ".heic", ".heif", ".jpg", ".jpeg", ".png", ".pgm", ".ppm", ".webp"),
    *DOCUMENT_SUFFIXES,
}
_PAGE = re.compile(r"(.+\.(?:pdf|tiff?))#([1-9][0-9]{0,5})", re.IGNORECASE | re.DOTALL)


class PageName(NamedTuple):
    """What the name of a picture says. page: from 1, or 0 if the name is the file's alone."""

    file: str
    page: int


def is_pdf(name: str) -> bool:
    """Whether it is the name of a PDF, or of a page of one."""
    return split_page(name).file.lower().endswith(".pdf")


def page_names(file: str, count: int) -> list[str]:
    """Name each page of a document. A TIFF of one page is a picture, and keeps its name.

    count: 0 if the document can't be opened.
    """
    has_pages = count > 1 or (count and is_pdf(file))
    return [f"{file}#{page}" for page in range(1, count + 1)] if has_pages else [file]


def split_page(name: str) -> PageName:
    """Split the name of a document's page.

    >>> split_page("scan.pdf#3")
    PageName(file='scan.pdf', page=3)
    """
    match = _PAGE.fullmatch(name)
    return PageName(match[1], int(match[2])) if match else PageName(name, 0)
