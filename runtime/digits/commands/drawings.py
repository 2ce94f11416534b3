"""Where drawings of what was read go."""

import os
from pathlib import Path

from digits.errors import DigitsError
from digits.files import write_bytes

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")


class Drawings:
    """A PDF with a page for each picture; one picture; or a folder, with a PNG for each picture.

    path: whose suffix says which; None: nothing is drawn.
    format: in which drawings are added: "PNG", "JPEG", or empty if there are none.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path, self._suffix = path, path.suffix.lower() if path else ""
        self.format = "JPEG" if self._suffix in (".pdf", ".jpg", ".jpeg") else "PNG" if path else ""
        self._pages = list[tuple[str, bytes]]()  # of a PDF
        self._count = 0

    def add(self, file: str, drawing: bytes, error: DigitsError | None) -> None:
        """Add the drawing of a picture, or nothing but the error. Raises DigitsError."""
        self._count += 1
        if self._suffix == ".pdf":
            self._pages.append((str(error or file), drawing))
        elif self._path and drawing:
            name = f"{self._count}-{os.path.basename(file)[:50]}.png"
            is_picture = self._suffix in PICTURE_SUFFIXES
            write_bytes(self._path if is_picture else self._path / name, drawing)

    def save(self) -> None:
        """Write the PDF. Raises DigitsError."""
        if self._path and self._suffix == ".pdf":
            from digits.forms.evidence import make_pdf

            write_bytes(self._path, make_pdf(self._pages))
