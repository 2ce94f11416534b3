"""The options of `digits fields` and of `digits fields print`."""

import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from digits.commands import options
from digits.editor import pdf
from digits.editor.app import Editor
from digits.fields import form_file
from digits.fields.boxes import propose
from digits.images import picture
from digits.serve import server
from digits.serve.settings import Port, Settings

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
    if output.exists():
        form_file.load(output)  # which says what is wrong with it
        values = tomllib.loads(output.read_text("utf-8"))
    elif blank:
        sheet = picture.load(blank, picture.PAGE_MAX_SIDE)
        fields = list[dict[str, object]]()
        for box, cells in propose(sheet.pixels)[:_MAX_FIELDS]:
            edges = [round(sheet.downscale * edge) for edge in box]
            fields.append(
                {"name": f"field{len(fields) + 1}", "box": edges, "cells": min(cells, 64)}
            )
        path = Path(os.path.relpath(blank, output.parent)).as_posix()
        values = {"size": sheet.size, "find": find, "blank": path, "fields": fields}
    else:
        values = {"size": pdf.PAPERS[page], "find": "marks", "fields": []}
    table = msgspec.convert(values, form_file.FormTable)
    server.run(Editor(table, output, Settings(port=port)))


@_print.command()
def print_sheet(
    form: Annotated[Path, options.path_argument("FORM.toml")],
    output: Annotated[Path, options.path_option("FORM.pdf", "The sheet.", "--output", "-o")],
    page: Annotated[pdf.Paper | None, typer.Option(help="Its paper; by default by shape.")] = None,
) -> None:
    """Write a sheet as a PDF: its markers or what is printed on it, its boxes and their names."""
    if output.suffix.lower() != ".pdf":  # such as that of the form
        raise typer.BadParameter("--output writes a .pdf file")
    pdf.write(output, form_file.load(form), page)
