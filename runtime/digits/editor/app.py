"""The application: the page, a form and its sheet, and the form that comes back."""

import io
import shlex
from pathlib import Path

import msgspec
from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from digits.editor import pdf
from digits.errors import DigitsError
from digits.fields.form_file import FormTable, save, to_form
from digits.serve.application import Application
from digits.serve.body import BodyReader
from digits.serve.labelled import check_origin
from digits.serve.metrics import Metrics
from digits.serve.pages import Page
from digits.serve.refusals import Refused
from digits.serve.settings import Settings

_MAX_BYTES = 1 << 20  # of a form, as of its file
_NAME = "a field's name has 1 to 40 letters, digits, blanks, - and _"


class Editor(Application):
    """Shows a form on its sheet, and writes what comes back to the path. Raises DigitsError."""

    def __init__(self, table: FormTable, path: Path, settings: Settings) -> None:
        self._table, self._path, sheet = table, path, io.BytesIO()
        empty = to_form(msgspec.structs.replace(table, fields=[], roster=None, sums=[]), path)
        Image.fromarray(pdf.draw(empty)).save(sheet, "JPEG", quality=90)
        routes = [
            *Page("digits.editor", ("icon.svg", "style.css")).routes(),
            Route("/sheet", Response(sheet.getvalue(), media_type="image/jpeg")),
            Route("/form", self.form, methods=["GET", "PUT"]),
        ]
        super().__init__(routes, settings, Metrics())

    async def form(self, request: Request) -> Response:
        """The form, and what comes next; stores it first. Raises Refused if it makes no sense."""
        if request.method == "PUT":
            check_origin(request.headers, ())
            async with BodyReader(self.settings.limits).read(request, _MAX_BYTES) as body:
                self._store(body)
        name = shlex.quote(str(self._path))
        following = f"digits read --fields {name} photos/*.jpg -o marks.csv"
        return JSONResponse({"form": msgspec.to_builtins(self._table), "next": following})

    def _store(self, body: bytes) -> None:
        try:
            table = msgspec.json.decode(body, type=FormTable)
            to_form(table, self._path)
            save(self._path, table)
        except (ValueError, RecursionError, DigitsError) as error:
            is_name = "`name`" in str(error) or "regex" in str(error)
            raise Refused(422, _NAME if is_name else str(error)) from error
        self._table = table
