"""The options of `digits fields`, `digits fields print` and `digits fields check`."""

import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from digits.classifier import Classifier
from digits.commands import options
from digits.drawing import encode
from digits.editor.api import Editor
from digits.editor.boxes import propose
from digits.files import write_drawing
from digits.forms import check, form_file, pdf
from digits.forms.form import MARKER_SETS, MAX_CELLS, MAX_FIELDS
from digits.images import picture
from digits.system import cpu_count
from digits.terminal import print_result
from digits.web import server
from digits.web.settings import Port, private_settings

_FIND = typer.Option(help="How sheets that look like BLANK.jpg are found.")
_ANNOTATE = "Draw the sheet, and what is wrong in red."
_edit, _print, _check = options.make_app(), options.make_app(), options.make_app()


def app(arguments: Sequence[str], prog_name: str) -> None:
    """Run one of the commands; not as a group, as BLANK.jpg may stand where `print` does."""
    for name, command in (("print", _print), ("check", _check)):
        if arguments[:1] == [name]:
            command(arguments[1:], prog_name=f"{prog_name} {name}")
    _edit(arguments, prog_name=prog_name)


@_edit.command()
def edit(
    output: Annotated[Path, options.path_option("FORM.toml", "The form.", "--output", "-o")],
    blank: Annotated[Path | None, options.path_argument("BLANK.jpg")] = None,
    find: Annotated[Literal["blank", "fixed"], _FIND] = "blank",
    paper: Annotated[pdf.Paper, typer.Option(help="Paper of sheets with markers.")] = "a4",
    port: Port = 8002,
) -> None:
    """Lay out a form: drag a box over each field of its sheet, and say what it may hold.

    BLANK.jpg is a picture of an empty sheet, whose printed boxes are proposed. Without one, sheets
    have markers, and are printed by `digits fields print FORM.toml -o FORM.pdf`. If FORM.toml
    exists, it is changed, and loses its comments.
    """
    if blank and output.exists():
        raise typer.BadParameter(f"{output} exists: to change it, leave out {blank}")
    form_values: dict[str, Any]
    if output.exists():
        form_file.load(output)  # which says what is wrong with it
        form_values = form_file.read_toml(output)
    elif blank:
        name = Path(os.path.relpath(blank, output.parent)).as_posix()
        form_values = {"find": find, "blank": name, **_lay_out(blank)}
    else:
        marker_set = random.randrange(MARKER_SETS)  # so that each form refuses the sheets of others
        form_values = {
            "size": pdf.PAPERS[paper],
            "find": "marks",
            "markers": marker_set,
            "fields": [],
        }
    server.run(Editor(form_values, output, private_settings(port)))


@_print.command()
def print_sheet(
    form: Annotated[Path, options.path_argument("FORM.toml")],
    output: Annotated[Path, options.path_option("FORM.pdf", "The sheet.", "--output", "-o")],
) -> None:
    """Write a sheet as a PDF: its markers or what is printed on it, its boxes and their names."""
    if output.suffix.lower() != ".pdf":  # such as that of the form
        raise typer.BadParameter("--output writes a .pdf file")
    options.check_drawn("--output", [output], [form])
    pdf.write(output, form_file.load(form, layout_only=True))


@_check.command()
def check_form(
    form: Annotated[Path, options.path_argument("FORM.toml")],
    annotate: Annotated[Path | None, options.path_option("FILE.png", _ANNOTATE)] = None,
) -> None:
    """Say what in a form will make trouble: boxes too small or too near, and impossible sums.

    Exits with 1 if there is any.
    """
    if annotate and annotate.suffix.lower() != ".png":
        raise typer.BadParameter("--annotate writes a .png file")
    if annotate:
        options.check_drawn("--annotate", [annotate], [form])
    checked = form_file.load(form)
    findings = check.check(checked, Classifier(threads=cpu_count()).networks)
    for number, (field, sentence) in enumerate(findings, 1):
        print_result(f"{number}. {field.name}: {sentence}")
    if not findings:
        print_result(f"{form}: no problems found")
    if annotate:
        write_drawing(annotate, encode(check.draw(checked, findings), "PNG"))
    raise typer.Exit(1 if findings else 0)


def _lay_out(blank: Path) -> dict[str, Any]:
    """The size of a blank sheet, and a field for each box that is printed on it."""
    sheet = picture.load(blank, picture.PAGE_MAX_SIDE)
    fields = list[dict[str, Any]]()
    for index, (box, cells) in enumerate(propose(sheet.pixels)[:MAX_FIELDS], 1):
        edges = [round(sheet.downscale * edge) for edge in box]
        fields.append({"name": f"field{index}", "box": edges, "cells": min(cells, MAX_CELLS)})
    return {"size": sheet.size, "fields": fields}
