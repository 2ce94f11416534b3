"""The page to lay out a form, and the address where it gets and stores the form."""

import asyncio
import hashlib
import io
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from digits.constraints.checks import CHECKS
from digits.errors import DigitsError, reporting
from digits.forms import form_file, pdf
from digits.web.application import Application
from digits.web.pages import Page
from digits.web.requests import BodyReader
from digits.web.settings import Settings


class Editor(Application):
    """Shows a form on its sheet, and writes what comes back to the path. Raises DigitsError.

    form_values: what the form's file says, or will say.
    """

    def __init__(self, form_values: Mapping[str, Any], path: Path, settings: Settings) -> None:
        self._form_values, self._path, sheet = form_values, path, io.BytesIO()
        lists = (field.get("list") for field in form_values["fields"])
        self._trusted_names = {form_values.get("blank"), form_values.get("roster"), *lists}
        self._version, self._storing = self._file_version(), asyncio.Lock()
        form = form_file.parse(form_file.without_lists(form_values), path)
        Image.fromarray(pdf.draw_without_fields(form)).save(sheet, "JPEG", quality=90)
        checks = "".join(f"<option>{name}" for name in CHECKS)
        routes = [
            *Page("digits.forms.editor", {"checks": checks}).routes(),
            Route("/sheet", Response(sheet.getvalue(), media_type="image/jpeg")),
            Route("/form", self.form, methods=["GET", "PUT"]),
        ]
        super().__init__(routes, settings)

    async def form(self, request: Request) -> Response:
        """The form, and what comes next; stores it first. Raises HTTPException (409, 422)."""
        if request.method == "PUT":
            async with (
                BodyReader(self.settings.limits).read(request, form_file.MAX_BYTES) as body,
                self._storing,
            ):
                await asyncio.to_thread(self._store, body, request.query_params.get("version"))
        following = f"digits read --form {shlex.quote(str(self._path))} photos/*.jpg -o marks.csv"
        answer = {"form": self._form_values, "version": self._version, "next": following}
        return JSONResponse(answer)

    def _file_version(self) -> str:
        with reporting(f"read {self._path}"):
            content = self._path.read_bytes() if self._path.exists() else b""
        return hashlib.sha256(content).hexdigest()

    def _store(self, body: bytes, version: str | None) -> None:
        try:
            if not version == self._version == self._file_version():
                raise HTTPException(
                    409, f"{self._path} has changed since: start `digits form edit` again"
                )
            form_values = msgspec.json.decode(body, type=dict[str, Any])
            form_file.save(self._path, form_values, self._trusted_names)
        except (ValueError, TypeError, RecursionError, DigitsError) as error:  # TOML has no null
            raise HTTPException(422, str(error)) from error
        self._form_values, self._version = form_values, self._file_version()
