"""The options of `digits watch`."""

import os
import signal
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from digits.commands import options, runner
from digits.commands.options import option
from digits.terminal import print_stderr

_MQTT = (
    "Publish each number: mqtt://USER@HOST:PORT/TOPIC, or mqtts. The password is in"
    ' $DIGITS_MQTT_PASSWORD. Needs "digits[mqtt]".'
)


@options.grouped
def watch(
    folder: Annotated[Path, options.path_argument("DIR")],
    results: Annotated[Path, options.path_argument("RESULTS.csv")],
    asked: options.NumberOptions,
    recursive: options.Recursive = False,
    model: options.Models = None,
    threshold: options.Threshold = None,
    numbers: Annotated[bool, typer.Option("--numbers", help="Read numbers.")] = False,
    fields: options.Fields = None,
    mqtt: Annotated[str | None, option("URL", _MQTT)] = None,
    keep: Annotated[
        Path | None, options.path_option("KEEP", "Copy doubtful pictures to here: 200 MB at most.")
    ] = None,
) -> None:
    """Read each picture that arrives in DIR, until stopped.

    RESULTS.csv gets a row for each picture, or with --numbers for each number; pictures with a row
    are not read again. With --fields, a picture holds a sheet. --mqtt publishes the surest number.
    """
    from digits.commands import sheets
    from digits.watch.readers import Reader
    from digits.watch.watcher import FolderWatcher

    folders = Path(os.path.realpath(keep), "copy").parents if keep else ()
    if Path(os.path.realpath(folder)) in folders[: None if recursive else 1]:
        raise typer.BadParameter("--keep must be a folder whose pictures aren't read")
    if threshold is not None and (numbers or fields):
        raise typer.BadParameter("numbers have --max-errors, not --threshold")
    task, publisher = asked.task(model), None
    if fields:
        task = task._replace(kind=sheets.load_form(fields, asked, numbers))
    elif not numbers:
        if mqtt or asked != options.NumberOptions():
            raise typer.BadParameter("options for numbers need --numbers")
        task = runner.Task(task.networks._replace(threshold=threshold, threads=1))
    reader = Reader(str(folder), results, task, publishes=mqtt is not None)
    if mqtt is not None:
        names = [field.name for field in getattr(task.kind, "fields", ())]
        with options.needs_package("--mqtt", '"digits[mqtt]"'):
            from digits.watch.mqtt import Publisher
        try:
            publisher = Publisher(mqtt, names)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
    watcher = FolderWatcher(reader, recursive, publisher, keep)
    signal.signal(signal.SIGTERM, lambda *_: watcher.stop())
    signal.signal(signal.SIGINT, lambda *_: watcher.stop())
    print_stderr(f"watching {folder}; {len(watcher.done)} pictures done")
    with publisher or nullcontext():
        watcher.run()
