"""The options of `digits watch`."""

import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from digits.commands import options
from digits.commands.tasks import ReadDigit, Task, network_options
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
    from digits.commands.forms import form_task
    from digits.watch.readers import Reader
    from digits.watch.watcher import FolderWatcher

    folders = Path(os.path.realpath(keep), "copy").parents if keep else ()
    if Path(os.path.realpath(folder)) in folders[: None if recursive else 1]:
        raise typer.BadParameter("--keep must be a folder whose pictures aren't read")
    if threshold is not None and (numbers or fields):
        raise typer.BadParameter("numbers have --max-errors, not --threshold")
    if numbers and fields:
        raise typer.BadParameter("constraints are in the form; --fields excludes numbers' options")
    networks = network_options(model, reads_numbers=numbers or fields is not None)
    task: Task
    if fields:
        task = form_task(fields, number_options, networks)
    elif numbers:
        task = number_options.task(networks)
    elif number_options != options.NumberOptions():
        raise typer.BadParameter("options for numbers need --numbers")
    else:
        task = ReadDigit(networks=networks._replace(threshold=threshold, threads=1))
    watcher = FolderWatcher(Reader(str(folder), task, as_json), results, recursive, keep)
    signal.signal(signal.SIGTERM, lambda *_: watcher.stop())
    signal.signal(signal.SIGINT, lambda *_: watcher.stop())
    print_stderr(f"watching {folder}; {len(watcher.done)} pictures done")
    watcher.run()
