"""The options of `digits review`."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from digits import tables
from digits.commands import options
from digits.commands.modes import ModelPaths
from digits.commands.results import ResultsFile
from digits.recognize import Reader
from digits.review.api import Review
from digits.review.items import field_items, has_numbers, load, read_rows
from digits.web import server
from digits.web.settings import Port, private_settings

app = options.make_app()


@app.command()
def review(
    source: Annotated[Path, options.path_argument("SOURCE")],
    output: Annotated[
        Path | None,
        options.path_option(
            "LABELS.csv",
            "Table to append labels to; by default labels.csv beside a table SOURCE.",
            "--output",
            "-o",
        ),
    ] = None,
    port: Port = 8001,
    model: options.Model = None,
) -> None:
    """Show what is worth a look, the least sure first, and store what you say it is.

    SOURCE is a folder of pictures of single digits, or a CSV of `digits predict` or `read`. Run
    again, it goes on where it stopped. `digits train --data` reads the labels. A CSV of
    `digits read --form` is corrected itself.
    """
    settings = private_settings(port)
    if not source.is_dir() and "form" in tables.header(source, "file", "form"):
        if output:
            raise typer.BadParameter(f"{source} itself is corrected, without --output")
        with options.needs_package("a table of sheets", '"digits[form]"'):
            from digits.forms import load_corrections  # OpenCV
        items, done = field_items(load_corrections(source))
        server.run(Review(items, done, None, True, Reader(), settings))
        return
    path = output or source.parent / "labels.csv"
    if not output and (source.is_dir() or path.is_symlink()):
        raise typer.BadParameter(  # whoever sent the pictures may have put it there
            "name the table of labels, -o LABELS.csv: SOURCE is a folder, or labels.csv a link"
        )
    is_numbers = has_numbers(source)
    columns = ("file", "box", "text") if is_numbers else ("file", "digit")
    rows = read_rows(source)
    with closing(ResultsFile(path, columns, key_columns=len(columns) - 1)) as labels:
        reader = ModelPaths(model).open(reads_numbers=False)
        items, done = load(source, rows, reader, labels)
        server.run(Review(items, done, labels, is_numbers, reader, settings))
