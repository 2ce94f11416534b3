"""The options of `digits form edit`, `digits form print` and `digits form check`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from digits.commands import options
from digits.forms import find_problems, load_form, open_editor, print_form
from digits.recognize import Reader
from digits.system import cpu_count
from digits.terminal import print_result
from digits.web import server
from digits.web.settings import Port, private_settings

_FIND = typer.Option(help="How sheets that look like BLANK.jpg are found.")
_PAPER = typer.Option(help="Paper of sheets with markers.")

app = options.make_app()


@app.callback(no_args_is_help=True)
def form() -> None:
    """Lay out a form, print its sheets, and check it."""


@app.command("edit")
def edit(
    output: Annotated[Path, options.path_option("FORM.toml", "The form.", "--output", "-o")],
    blank: Annotated[Path | None, options.path_argument("BLANK.jpg")] = None,
    find: Annotated[Literal["blank", "fixed"], _FIND] = "blank",
    paper: Annotated[Literal["a4", "letter"], _PAPER] = "a4",
    port: Port = 8002,
) -> None:
    """Lay out a form: drag a box over each field of its sheet, and say what it may hold.

    BLANK.jpg is a picture of an empty sheet, whose printed boxes are proposed. Without one, sheets
    have markers, and are printed by `digits form print FORM.toml -o FORM.pdf`. If FORM.toml
    exists, it is changed, and loses its comments.
    """
    if blank and output.exists():
        raise typer.BadParameter(f"{output} exists: to change it, leave out {blank}")
    server.run(open_editor(output, blank, find, paper, private_settings(port)))


@app.command("print")
def print_sheet(
    form: Annotated[Path, options.path_argument("FORM.toml")],
    output: Annotated[Path, options.path_option("FORM.pdf", "The sheet.", "--output", "-o")],
) -> None:
    """Write a sheet as a PDF: its markers or what is printed on it, its boxes and their names."""
    if output.suffix.lower() != ".pdf":  # such as that of the form
        raise typer.BadParameter("--output writes a .pdf file")
    options.check_drawn("--output", [output], [form])
    print_form(form, output)


@app.command("check")
def check(form: Annotated[Path, options.path_argument("FORM.toml")]) -> None:
    """Say what in a form will make trouble: boxes too small or too near, and impossible sums.

    Exits with 1 if there is any.
    """
    problems = find_problems(load_form(form), Reader(threads=cpu_count()).models)
    for number, (field, sentence) in enumerate(problems, 1):
        print_result(f"{number}. {field.name}: {sentence}")
    if problems:
        raise typer.Exit(1)
    print_result(f"{form}: no problems found")
