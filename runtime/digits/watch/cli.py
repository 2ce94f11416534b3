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
    number.
    """
    from digits.watch.readers import Reader
    from digits.watch.watcher import FolderWatcher

    follows = not_below_last or max_step is not None
    if (unit and mqtt is None) or (device_class and not unit):
        raise typer.BadParameter("--unit needs --mqtt, and --device-class needs --unit")
    folders = Path(os.path.realpath(keep), "copy").parents if keep else ()
    if Path(os.path.realpath(folder)) in folders[: None if recursive else 1]:
        raise typer.BadParameter("--keep must be a folder whose pictures aren't read")
    task, source, publisher = asked.task(model), str(folder), None
    if numbers:
        if threshold is not None:
            raise typer.BadParameter("numbers have --max-errors, not --threshold")
        series = frames, not_below_last, max_step, start_at, mqtt is not None
        reader = Reader(source, results, task, *series)
        if start_at is not None and reader.plausible(start_at) == task.constraints:
            raise typer.BadParameter("--start-at bounds nothing: see --not-below-last, --max-step")
        state_class = "total_increasing" if not_below_last else "measurement" if unit else None
        if mqtt is not None:
            with options.needs_package("--mqtt", '"digits[mqtt]"'):
                from digits.watch.mqtt import Publisher
            try:
                publisher = Publisher(mqtt, unit, device_class, state_class)
            except ValueError as error:
                raise typer.BadParameter(str(error)) from error
    else:
        is_series = frames > 1 or mqtt or follows or start_at is not None
        if is_series or asked != options.NumberOptions():
            raise typer.BadParameter("options for numbers need --numbers")
        networks = task.networks._replace(threshold=threshold, threads=1)
        reader = Reader(source, results, runner.Task(networks))
    watcher = FolderWatcher(reader, recursive, publisher, keep)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: watcher.stop())
    print_stderr(f"watching {folder}; {len(watcher.done)} pictures done")
    with publisher or nullcontext():
        watcher.run()
