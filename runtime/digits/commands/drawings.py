"""Where drawings of what was read go."""

import os
from collections.abc import Sequence
from pathlib import Path

from digits.errors import DigitsError
from digits.files import write_drawing

_FILE_SUFFIXES = (".pdf", ".png", ".jpg", ".jpeg")


class DrawingWriter:
    """A PDF with a page for each picture; one picture; or a folder, with a PNG for each picture.

    path: whose suffix says which.
    files: the pictures that are read.
    paths: what is written.
    format: in which drawings are added: "PNG" or "JPEG".
    """

    def __init__(self, path: Path, files: Sequence[str] = ()) -> None:
        suffix = path.suffix.lower()
        self.format = "JPEG" if suffix in (".pdf", ".jpg", ".jpeg") else "PNG"
        self.paths = [path]
        if suffix not in _FILE_SUFFIXES:
            names = (os.path.basename(file)[:50] for file in files)
            self.paths = [path / f"{count}-{name}.png" for count, name in enumerate(names, 1)]
        self._pages: list[tuple[str, bytes]] | None = [] if suffix == ".pdf" else None
        self._count = 0

    def add(self, file: str, drawing: bytes, error: DigitsError | None) -> None:
        """Add the drawing of the next picture, or nothing but the error. Raises DigitsError."""
        if self._pages is not None:
            self._pages.append((str(error or file), drawing))
        elif drawing:
            write_drawing(self.paths[self._count], drawing)
        self._count += 1

    def save(self) -> None:
        """Write the PDF. Raises DigitsError."""
        if self._pages:
            write_drawing(self.paths[0], self.make_pdf())

    def make_pdf(self) -> bytes:
        """Make a PDF of what was added. Raises ModuleNotFoundError without a form's packages."""
        from digits.forms import make_pdf

        return make_pdf(self._pages or ())
