"""The options of `digits watch`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digits.commands import options, runner
from digits.errors import DigitsError

if TYPE_CHECKING:
    from digits.commands.mqtt import Publisher


def watch(
    folder: Annotated[Path, options.path_argument("DIR")],
    results: Annotated[Path, options.path_argument("RESULTS.csv")],
    recursive: options.Recursive = False,
    model: options.Model = None,
    threshold: options.Threshold = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per picture.")
    ] = False,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Read numbers; --model then names a reader.")
    ] = False,
    digits_only: options.DigitsOnly = False,
    length: options.Length = None,
    pattern: options.Pattern = None,
    check: options.Check = None,
    allowed: options.AllowedList = None,
    value_range: options.ValueRange = None,
    max_errors: options.MaxErrors = None,
    frames: Annotated[
        int,
        typer.Option(min=1, max=16, metavar="N", help="Read the last N pictures together."),
    ] = 1,
    not_below_last: Annotated[
        bool, typer.Option("--not-below-last", help="Refuse less than the last accepted number.")
    ] = False,
    max_step: Annotated[
        float | None,
        typer.Option(min=0, metavar="X", help="Refuse what differs from it by more than X."),
    ] = None,
    mqtt: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Publish each number: mqtt://USER@HOST:PORT/TOPIC, or mqtts. The password is in"
            ' $DIGITS_MQTT_PASSWORD. Needs "digits[mqtt]".',
        ),
    ] = None,
    keep: Annotated[
        Path | None, options.path_option("KEEP", "Copy doubtful pictures to this folder.")
    ] = None,
    keep_mb: Annotated[
        int, typer.Option(min=1, metavar="MB", help="Delete the oldest copies beyond this size.")
    ] = 200,
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
    if keep:
        folders = Path(os.path.realpath(keep), "copy").parents
        if Path(os.path.realpath(folder)) in folders[: None if recursive else 1]:
            raise typer.BadParameter("--keep must be a folder whose pictures aren't read")
    if not numbers:
        if asked or digits_only or max_errors or frames > 1 or follows or mqtt:
            raise typer.BadParameter("options for numbers need --numbers")
        digits = DigitReader(str(folder), runner.ClassifierOptions(model, threshold), as_json)
        watch.watch(digits, results, recursive, None, keep, keep_mb)
        return
    if threshold is not None:
        raise typer.BadParameter("--max-errors says which numbers are accepted, not --threshold")
    may_err = options.max_errors(max_errors, model, asked)
    reader = NumberReader(
        *(str(folder), runner.reader_options(model), as_json, asked, may_err, results),
        *(frames, not_below_last, max_step, mqtt is not None),
    )
    publisher = None if mqtt is None else _publisher(mqtt)
    watch.watch(reader, results, recursive, publisher, keep, keep_mb)


def _publisher(url: str) -> "Publisher":
    """Raises BadParameter for a malformed URL, and DigitsError if paho is missing."""
    try:
        from digits.commands.mqtt import Publisher
    except ModuleNotFoundError as error:
        raise DigitsError('--mqtt needs paho: pip install "digits[mqtt]"') from error
    try:
        return Publisher(url)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
