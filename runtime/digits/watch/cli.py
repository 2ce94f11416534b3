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
    frames: Annotated[int, option("N", "Read the last N pictures together.", min=1, max=16)] = 1,
    not_below_last: Annotated[
        bool, typer.Option("--not-below-last", help="Refuse less than the last accepted number.")
    ] = False,
    max_step: Annotated[
        float | None, option("X", "Refuse what differs from it by more than X.", min=0)
    ] = None,
    start_at: Annotated[
        float | None, option("X", "Take X for it until there is one.", max=1e15)
    ] = None,
    mqtt: Annotated[str | None, option("URL", _MQTT)] = None,
    unit: Annotated[str | None, option("UNIT", "Of the number, in Home Assistant: kWh.")] = None,
    device_class: Annotated[
        str | None, option("CLASS", "What it measures there: energy, water.")
    ] = None,
    keep: Annotated[
        Path | None, options.path_option("KEEP", "Copy doubtful pictures to here: 200 MB at most.")
    ] = None,
) -> None:
    """Read each picture that arrives in DIR, until stopped.

    RESULTS.csv gets a row for each picture, or with --numbers for each number; pictures with a row
    are not read again. With --frames, --not-below-last, --max-step or --mqtt, a picture holds one
    number; with --fields, a sheet.
    """
    from digits.commands import sheets
    from digits.watch.readers import Reader
    from digits.watch.watcher import FolderWatcher

    is_series = frames > 1 or not_below_last or max_step is not None or start_at is not None
    if (unit and mqtt is None) or (device_class and not unit):
        raise typer.BadParameter("--unit needs --mqtt, and --device-class needs --unit")
    folders = Path(os.path.realpath(keep), "copy").parents if keep else ()
    if Path(os.path.realpath(folder)) in folders[: None if recursive else 1]:
        raise typer.BadParameter("--keep must be a folder whose pictures aren't read")
    if threshold is not None and (numbers or fields):
        raise typer.BadParameter("numbers have --max-errors, not --threshold")
    task, publisher = asked.task(model), None
    if fields:
        task = task._replace(kind=sheets.load_form(fields, asked, numbers, unit, is_series))
    elif not numbers:
        if is_series or mqtt or asked != options.NumberOptions():
            raise typer.BadParameter("options for numbers need --numbers")
        task = runner.Task(task.networks._replace(threshold=threshold, threads=1))
    series = frames, not_below_last, max_step, start_at, mqtt is not None
    reader = Reader(str(folder), results, task, *series)
    if start_at is not None and reader.plausible(start_at) == task.constraints:
        raise typer.BadParameter("--start-at bounds nothing: see --not-below-last, --max-step")
    if mqtt is not None:
        state_class = "total_increasing" if not_below_last else "measurement" if unit else None
        shown = [of.name for of in getattr(task.kind, "fields", ())]
        with options.needs_package("--mqtt", '"digits[mqtt]"'):
            from digits.watch.mqtt import Publisher
        try:
            publisher = Publisher(mqtt, unit, device_class, state_class, fields=shown)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
    watcher = FolderWatcher(reader, recursive, publisher, keep)
    signal.signal(signal.SIGTERM, lambda *_: watcher.stop())
    signal.signal(signal.SIGINT, lambda *_: watcher.stop())
    print_stderr(f"watching {folder}; {len(watcher.done)} pictures done")
    with publisher or nullcontext():
        watcher.run()
