"""The options of `digits watch`."""

import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from digits.commands import options, runner
from digits.terminal import print_stderr


@options.grouped
def watch(
    folder: Annotated[Path, options.path_argument("DIR")],
    results: Annotated[Path, options.path_argument("RESULTS.csv")],
    number_options: options.NumberOptions,
    recursive: options.Recursive = False,
    model: options.Models = None,
    threshold: options.Threshold = None,
    numbers: Annotated[bool, typer.Option("--numbers", help="Read numbers.")] = False,
    fields: options.Fields = None,
    keep: Annotated[
        Path | None, options.path_option("KEEP", "Copy doubtful pictures to here: 200 MB at most.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print an object a line.")] = False,
) -> None:
    """Read each picture that arrives in DIR, until stopped.

    RESULTS.csv gets a row for each picture, or with --numbers for each number; pictures with a row
    are not read again. With --fields, a picture holds a sheet.
    """
    from digits.commands import sheets
    from digits.watch.readers import Reader
    from digits.watch.watcher import FolderWatcher

    folders = Path(os.path.realpath(keep), "copy").parents if keep else ()
    if Path(os.path.realpath(folder)) in folders[: None if recursive else 1]:
        raise typer.BadParameter("--keep must be a folder whose pictures aren't read")
    if threshold is not None and (numbers or fields):
        raise typer.BadParameter("numbers have --max-errors, not --threshold")
    task = number_options.task(model, reads_numbers=numbers or fields is not None)
    if fields:
        task = task._replace(kind=sheets.load_form(fields, number_options, numbers))
    elif not numbers:
        if number_options != options.NumberOptions():
            raise typer.BadParameter("options for numbers need --numbers")
        task = runner.Task(task.networks._replace(threshold=threshold, threads=1))
    watcher = FolderWatcher(Reader(str(folder), task, as_json), results, recursive, keep)
    signal.signal(signal.SIGTERM, lambda *_: watcher.stop())
    signal.signal(signal.SIGINT, lambda *_: watcher.stop())
    print_stderr(f"watching {folder}; {len(watcher.done)} pictures done")
    watcher.run()
