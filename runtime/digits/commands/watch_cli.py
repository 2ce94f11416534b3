"""The options of `digits watch`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from digits.commands import options, runner
from digits.errors import DigitsError


def watch(
    folder: Annotated[Path, options.path_argument("DIR")],
    results: Annotated[Path, options.path_argument("RESULTS.csv")],
    recursive: options.Recursive = False,
    model: options.Models = None,
    threshold: options.Threshold = None,
    numbers: Annotated[bool, typer.Option("--numbers", help="Read numbers.")] = False,
    digits_only: options.DigitsOnly = False,
    length: options.Length = None,
    pattern: options.Pattern = None,
    check: options.Check = None,
    allowed: options.AllowedList = None,
    value_range: options.ValueRange = None,
    max_errors: options.MaxErrors = None,
    frames: Annotated[
        int, typer.Option(min=1, max=16, metavar="N", help="Read the last N pictures together.")
    ] = 1,
    not_below_last: Annotated[
        bool, typer.Option("--not-below-last", help="Refuse less than the last accepted number.")
    ] = False,
    max_step: Annotated[
        float | None,
        typer.Option(min=0, metavar="X", help="Refuse what differs from it by more than X."),
    ] = None,
    start_at: Annotated[
        float | None, typer.Option(max=1e15, metavar="X", help="Take X for it until there is one.")
    ] = None,
    mqtt: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Publish each number: mqtt://USER@HOST:PORT/TOPIC, or mqtts. The password is in"
            ' $DIGITS_MQTT_PASSWORD. Needs "digits[mqtt]".',
        ),
    ] = None,
    unit: Annotated[
        str | None, typer.Option(metavar="UNIT", help="Of the number, in Home Assistant: kWh.")
    ] = None,
    device_class: Annotated[
        str | None, typer.Option(metavar="CLASS", help="What it measures there: energy, water.")
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
    from digits.commands import watch
    from digits.commands.watch_readers import DigitReader, NumberReader

    asked = options.constraints(length, pattern, check, allowed, value_range, digits_only)
    follows = not_below_last or max_step is not None
    if (unit and mqtt is None) or (device_class and not unit):
        raise typer.BadParameter("--unit needs --mqtt, and --device-class needs --unit")
    folders = Path(os.path.realpath(keep), "copy").parents if keep else ()
    if Path(os.path.realpath(folder)) in folders[: None if recursive else 1]:
        raise typer.BadParameter("--keep must be a folder whose pictures aren't read")
    networks = runner.reader_options(model)
    if not numbers:
        is_number_asked = asked or digits_only or max_errors or frames > 1 or mqtt
        if is_number_asked or follows or start_at is not None:
            raise typer.BadParameter("options for numbers need --numbers")
        digits = DigitReader(str(folder), networks._replace(threshold=threshold, threads=1))
        watch.watch(digits, results, recursive, None, keep)
        return
    if threshold is not None:
        raise typer.BadParameter("--max-errors says which numbers are accepted, not --threshold")
    reader = NumberReader(
        str(folder),
        networks,
        constraints=asked,
        max_errors=options.max_errors(max_errors, networks, asked),
        results=results,
        frames=frames,
        not_below_last=not_below_last,
        max_step=max_step,
        start_at=start_at,
        publishes=mqtt is not None,
    )
    if start_at is not None and reader.plausible(start_at) == asked:
        raise typer.BadParameter(
            "--start-at needs --not-below-last or --max-step, and a number that may follow itself"
        )
    publisher = None
    if mqtt is not None:
        state_class = "total_increasing" if not_below_last else "measurement" if unit else None
        try:
            from digits.commands.mqtt import Publisher

            publisher = Publisher(mqtt, unit, device_class, state_class)
        except ModuleNotFoundError as error:
            raise DigitsError('--mqtt needs paho: pip install "digits[mqtt]"') from error
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
    watch.watch(reader, results, recursive, publisher, keep)
