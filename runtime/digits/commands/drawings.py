"""Where drawings of what was read go: nowhere, a folder, one picture, or a PDF of all pages."""

import os
from pathlib import Path

from digits.errors import DigitsError
from digits.files import write_bytes


class Drawings:
    """Takes no drawings.

    format: in which they are made, or empty.
    """

    format = ""

    def add(self, file: str, drawing: bytes, error: DigitsError | None) -> None:
        """Add the drawing of a picture, or nothing but the error. Raises DigitsError."""

    def save(self) -> None:
        """Write what isn't yet. Raises DigitsError."""


NO_DRAWINGS = Drawings()


class FolderOfDrawings(Drawings):
    """A PNG in a folder for each picture that could be read."""

    format = "PNG"

    def __init__(self, path: Path) -> None:
        self._path, self._count = path, 0

    def add(self, file: str, drawing: bytes, error: DigitsError | None) -> None:
        self._count += 1
        if drawing:
            name = f"{self._count}-{os.path.basename(file)[:50]}.png"
            write_bytes(self._path / name, drawing)


class OneDrawing(Drawings):
    """A PNG or JPEG of the only picture."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.format = "PNG" if path.suffix.lower() == ".png" else "JPEG"

    def add(self, file: str, drawing: bytes, error: DigitsError | None) -> None:
        if drawing:
            write_bytes(self._path, drawing)


class PdfOfDrawings(Drawings):
    """A PDF with a page for each picture, in their order."""

    format = "JPEG"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pages = list[tuple[str, bytes]]()

    def add(self, file: str, drawing: bytes, error: DigitsError | None) -> None:
        self._pages.append((str(error or file), drawing))

    def save(self) -> None:
        from digits.forms.evidence import make_pdf

        write_bytes(self._path, make_pdf(self._pages))
