"""The options of `digits watch`."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from digits.commands import options
from digits.commands.tasks import ReadDigit, Task, make_classifier_options
from digits.terminal import print_stderr


@options.grouped
def watch(
    folder: Annotated[Path, options.path_argument("DIR")],
    results: Annotated[Path, options.path_argument("RESULTS.csv")],
    number_options: options.NumberOptions,
    recursive: options.Recursive = False,
    model: options.Models = None,
    threshold: options.Threshold = None,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Read all numbers in each picture.")
    ] = False,
    form: options.Form = None,
    second_opinion: options.SecondOpinion = False,
    keep: Annotated[
        Path | None, options.path_option("KEEP", "Copy doubtful pictures to here: 200 MB at most.")
    ] = None,
) -> None:
    """Read each picture that arrives in DIR, until stopped.

    Without --numbers or --form, a picture holds one digit. Its result is printed as a JSON
    object, and RESULTS.csv gets a row for it, or for each of its numbers; pictures with a row are
    not read again.
    """
    from digits.commands.sheets import form_task
    from digits.watch.job import WatchJob
    from digits.watch.watcher import FolderWatcher

    if keep:
        options.check_drawn("--keep", [keep / "copy"], [folder], recursive)
    if threshold is not None and (numbers or form):
        raise typer.BadParameter("numbers have --max-errors, not --threshold")
    if numbers and form:
        raise typer.BadParameter("constraints are in the form; --form excludes numbers' options")
    reads_numbers = numbers or form is not None
    classifier_options = make_classifier_options(model, reads_numbers, second_opinion)
    task: Task
    if form:
        task = form_task(form, number_options, classifier_options)
    elif numbers:
        task = number_options.task(classifier_options)
    elif second_opinion or number_options != options.NumberOptions():
        raise typer.BadParameter("options for numbers need --numbers")
    else:
        task = ReadDigit(
            classifier_options=classifier_options._replace(threshold=threshold, threads=1)
        )
    watcher = FolderWatcher(WatchJob(str(folder), task), results, recursive, keep)
    signal.signal(signal.SIGTERM, lambda *_: watcher.stop())
    signal.signal(signal.SIGINT, lambda *_: watcher.stop())
    print_stderr(f"watching {folder}; {len(watcher.done_hashes)} pictures done")
    watcher.run()
