"""The options of `digits review`."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from digits import tables
from digits.commands import options
from digits.commands.modes import ModelPaths
from digits.commands.results import ResultsFile
from digits.review.api import Review
from digits.review.items import has_numbers, load, read_rows
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

    SOURCE is a folder of pictures of single digits, or a CSV of `digits predict` or `read`.
    Run again, it goes on where it stopped. `digits train
    --data` reads the labels. In a CSV of `digits read --fields`, it corrects the fields, too.
    """
    path = output or source.parent / "labels.csv"
    if not output and (source.is_dir() or path.is_symlink() or path.with_suffix("").is_symlink()):
        raise typer.BadParameter(  # whoever sent the pictures may have put it there
            "name the table of labels, -o LABELS.csv: SOURCE is a folder, or labels.csv a link"
        )
    has_sheets = not source.is_dir() and "form" in tables.header(source, "file", "form")
    columns: tuple[str, ...]
    if has_sheets:
        columns, rows = ("file", "text"), []
        with options.needs_package("a table of sheets", '"digits[fields]"'):
            from digits.review.sheets import load_fields  # OpenCV, before all else
    elif has_numbers(source):
        columns, rows = ("file", "box", "text"), read_rows(source)
    else:
        columns, rows = ("file", "digit"), read_rows(source)
    with closing(ResultsFile(path, columns, key_columns=len(columns) - 1)) as labels:
        classifier = ModelPaths(model).open(reads_numbers=False)
        if has_sheets:
            items, labelled_before = load_fields(source, classifier.networks.detector)
        else:
            items, labelled_before = load(source, rows, classifier, labels)
        is_numbers, settings = "text" in columns, private_settings(port)
        server.run(Review(items, labelled_before, labels, is_numbers, classifier, settings))
