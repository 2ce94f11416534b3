"""The options of `digits fields`, the page that it shows, and `digits fields print`."""

import asyncio
import io
import os
import random
import shlex
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from digits.commands import options
from digits.errors import DigitsError
from digits.forms import form_file, pdf
from digits.forms.boxes import propose
from digits.forms.form import MARKER_SETS
from digits.forms.form_file import FieldTable, FormTable
from digits.images import picture
from digits.web import server
from digits.web.application import Application
from digits.web.pages import Page
from digits.web.requests import BodyReader, Refused
from digits.web.settings import Port, Settings, private_settings

_FIND = typer.Option(help="How sheets that look like BLANK.jpg are found.")
_MAX_FIELDS = 200  # that a form may have
_edit, _print = options.make_app(), options.make_app()


def app(arguments: Sequence[str], prog_name: str) -> None:
    """Run one of the two commands."""
    if arguments[:1] == ["print"]:
        _print(arguments[1:], prog_name=f"{prog_name} print")
    _edit(arguments, prog_name=prog_name)


@_edit.command()
def edit(
    output: Annotated[Path, options.path_option("FORM.toml", "The form.", "--output", "-o")],
    blank: Annotated[Path | None, options.path_argument("BLANK.jpg")] = None,
    find: Annotated[Literal["blank", "fixed"], _FIND] = "blank",
    page: Annotated[pdf.Paper, typer.Option(help="Paper of sheets with markers.")] = "a4",
    port: Port = 8002,
) -> None:
    """Lay out a form: drag a box over each field of its sheet, and say what it may hold.

    BLANK.jpg is a picture of an empty sheet, whose printed boxes are proposed. Without one, sheets
    have markers, and are printed by `digits fields print FORM.toml -o FORM.pdf`. If FORM.toml
    exists, it is changed, and loses its comments.
    """
    if blank and output.exists():
        raise typer.BadParameter(f"{output} exists: to change it, leave out {blank}")
    if output.exists():
        form_file.load(output)  # which says what is wrong with it
        table = msgspec.convert(tomllib.loads(output.read_text("utf-8")), FormTable)
    elif blank:
        sheet = picture.load(blank, picture.PAGE_MAX_SIDE)
        fields = list[FieldTable]()
        for box, cells in propose(sheet.pixels)[:_MAX_FIELDS]:
            left, top, right, bottom = (round(sheet.downscale * edge) for edge in box)
            edges, name = (left, top, right, bottom), f"field{len(fields) + 1}"
            fields.append(FieldTable(name=name, box=edges, cells=min(cells, 64)))
        path = Path(os.path.relpath(blank, output.parent)).as_posix()
        table = FormTable(size=sheet.size, find=find, blank=path, fields=fields)
    else:
        markers = random.randrange(MARKER_SETS)  # so that each form refuses the sheets of others
        table = FormTable(size=pdf.PAPERS[page], find="marks", markers=markers, fields=[])
    server.run(Editor(table, output, private_settings(port)))


@_print.command()
def print_sheet(
    form: Annotated[Path, options.path_argument("FORM.toml")],
    output: Annotated[Path, options.path_option("FORM.pdf", "The sheet.", "--output", "-o")],
) -> None:
    """Write a sheet as a PDF: its markers or what is printed on it, its boxes and their names."""
    if output.suffix.lower() != ".pdf":  # such as that of the form
        raise typer.BadParameter("--output writes a .pdf file")
    pdf.write(output, form_file.load(form, layout_only=True))


class Editor(Application):
    """Shows a form on its sheet, and writes what comes back to the path. Raises DigitsError."""

    def __init__(self, table: FormTable, path: Path, settings: Settings) -> None:
        self._table, self._path, sheet = table, path, io.BytesIO()
        self._files = _files(table)  # which it may still name; others must be beside it
        self._storing = asyncio.Lock()
        bare = msgspec.structs.replace(table, fields=[], roster=None, sums=[])
        Image.fromarray(pdf.draw(form_file.to_form(bare, path))).save(sheet, "JPEG", quality=90)
        routes = [
            *Page("digits.editor").routes(),
            Route("/sheet", Response(sheet.getvalue(), media_type="image/jpeg")),
            Route("/form", self.form, methods=["GET", "PUT"]),
        ]
        super().__init__(routes, settings)

    async def form(self, request: Request) -> Response:
        """The form, and what comes next; stores it first. Raises Refused if it makes no sense."""
        if request.method == "PUT":
            async with (
                BodyReader(self.settings.limits).read(request, form_file.MAX_BYTES) as body,
                self._storing,
            ):
                await asyncio.to_thread(self._store, body)
        following = f"digits read --fields {shlex.quote(str(self._path))} photos/*.jpg -o marks.csv"
        return JSONResponse({"form": msgspec.to_builtins(self._table), "next": following})

    def _store(self, body: bytes) -> None:
        try:
            table = msgspec.json.decode(body, type=FormTable)
            for name in _files(table) - self._files:
                if Path(name).name != name:
                    raise ValueError(
                        f"{name} isn't beside {self._path}: copy it there, and give its name"
                    )
            form_file.save(self._path, table)
        except (ValueError, RecursionError, DigitsError) as error:
            raise Refused(422, str(error)) from error
        self._table = table


def _files(table: FormTable) -> set[str]:
    """The files that a form names."""
    names = table.blank, table.roster, *(field.list for field in table.fields)
    return {name for name in names if name is not None}
