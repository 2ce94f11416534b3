"""The options of `digits review`."""

import csv
import signal
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from digits.commands import options, runner
from digits.commands.results import ResultsFile
from digits.review.app import Review
from digits.review.items import has_numbers, load, read_rows
from digits.serve import listener
from digits.serve.settings import Host, Port, Settings

app = options.make_app()


@app.command()
def review(
    source: Annotated[Path, options.path_argument("SOURCE")],
    output: Annotated[
        Path | None,
        options.path_option(
            *(
                "LABELS.csv",
                "Append labels to it; by default to labels.csv beside SOURCE's pictures.",
            ),
            *("--output", "-o"),
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8001,
    model: options.Model = None,
    length: options.Length = None,
    pattern: options.Pattern = None,
    check: options.Check = None,
    allowed: options.AllowedList = None,
    value_range: options.ValueRange = None,
) -> None:
    """Show what is worth a look, least sure first, and store what you say it is.

    SOURCE is a folder of pictures of single digits, or a CSV of `digits predict` or `read`, or
    the review.csv of `digits watch --keep`. Run again, it goes on where it stopped. `digits train
    --data` reads the labels.
    """
    constraints = options.constraints(length, pattern, check, allowed, value_range)
    numbers, rows = has_numbers(source), read_rows(source)
    if constraints and not numbers:
        raise typer.BadParameter("constraints are for numbers, as of `digits read -o results.csv`")
    given = {"length": length, "pattern": pattern, "check": check, "list": allowed}
    given["range"] = value_range
    asked = ", ".join(f"{name} {value}" for name, value in given.items() if value)
    path = output or (source if source.is_dir() else source.parent) / "labels.csv"
    columns = ("file", "box", "text") if numbers else ("file", "digit")
    settings = Settings(host=host, port=port)
    _end_last_line(path, len(columns))
    with closing(ResultsFile(path, columns, key=len(columns) - 1)) as labels:
        classifier = runner.ClassifierOptions(model).open()
        items, before = load(source, rows, classifier, labels)
        served = Review(items, before, labels, numbers, classifier, constraints, asked)
        config = uvicorn.Config(
            served.app(settings), lifespan="off", log_config=None, timeout_graceful_shutdown=5
        )
        with listener.bind(settings) as bound, suppress(KeyboardInterrupt):
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            listener.announce(bound, settings)
            uvicorn.Server(config).run([bound])


def _end_last_line(path: Path, cells: int) -> None:
    """End a line that a person wrote last, or it would count as written in part."""
    if path.is_file() and not (raw := path.read_bytes()).endswith(b"\n"):
        last = raw.rpartition(b"\n")[2].decode(errors="replace")
        if len(next(csv.reader([last]), [])) == cells and not last.endswith(","):
            with path.open("ab") as file:
                file.write(b"\n")
