"""`digits train`."""

import json
from typing import TYPE_CHECKING, Any

import typer

from digits.commands.options import Data, make_app
from digits.errors import DigitsError
from digits.terminal import print_result
from digits_train import options

if TYPE_CHECKING:
    from digits_train.config import ReaderRecipe, Recipe
    from digits_train.trainer import TrainResult

app = make_app()


@app.command(epilog=options.NETWORKS)
def train(
    model: options.Model = None,
    recipe: options.RecipeName = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    seed: options.Seed = None,
    precision: options.Precision = None,
    teacher: options.Teacher = None,
    teacher_model: options.TeacherModel = None,
    init: options.Init = None,
    all_data: options.AllData = False,
    patience: options.Patience = None,
    max_minutes: options.MaxMinutes = None,
    device: options.Device = "auto",
    compiled: options.Compiled = False,
    data: Data = None,
    out: options.Out = None,
    resume: options.Resume = None,
    tensorboard: options.TensorBoard = False,
    as_json: options.Json = False,
) -> None:
    """Train a network; write a run folder with its checkpoint, metrics and plots.

    With several GPUs or machines: torchrun --nproc-per-node N -m digits train ...
    """
    if resume is not None:
        _forbid_with_resume(
            None if model and ":" in model else model, recipe, epochs, batch_size, learning_rate,
            seed, precision, teacher, init, patience, out, all_data or None,
        )  # fmt: skip
    elif teacher is None and teacher_model is not None:
        raise typer.BadParameter("--teacher-model needs --teacher")
    if all_data and patience is not None:
        raise typer.BadParameter("--all-data trains on the digits that --patience needs")

    # torch takes seconds to import and may not be installed; --help needs neither.
    from digits_train import run, trainer
    from digits_train.config import RuntimeOptions, TrainConfig
    from digits_train.distributed import exit_worker

    network = _register("lenet5" if model is None else model)
    _register("lenet5" if teacher_model is None else teacher_model)
    if network == "reader":
        _forbid_with_reader(teacher, all_data)
    runtime_options = RuntimeOptions(device, data, compiled, tensorboard, max_minutes)
    if resume is None:
        changes = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
        chosen = _recipe(network, "default" if recipe is None else recipe, changes)
        config = TrainConfig(network, chosen, seed or 0, precision or "auto", all_data, patience)
        result = trainer.train(config, runtime_options, teacher, out, init)
    else:
        result = trainer.resume(run.find_run(resume), runtime_options)
    _report(result, as_json)
    exit_worker()


def _forbid_with_resume(*values: object) -> None:
    if any(value is not None for value in values):
        raise typer.BadParameter(
            "--resume continues as the run was started: it allows only --device, --data,"
            " --max-minutes, --compile, --tensorboard and --json, and for networks of your own"
            " --model FILE.py:CLASS and --teacher-model"
        )


def _forbid_with_reader(teacher: object, all_data: bool) -> None:
    if teacher is not None:
        raise typer.BadParameter(
            "--teacher is for networks that classify digits: on a reader's pages, which are"
            " generated, it is known what is written"
        )
    if all_data:
        raise typer.BadParameter(
            "--all-data is for networks that classify digits: a reader's pages never run out, and"
            " its validation pages need digits that training hasn't seen"
        )


def _register(spec: str) -> str:
    """Register a network: an unknown name is wrong usage, a file that can't be used is not."""
    from digits_train.models import custom, register

    try:
        return register(spec)
    except DigitsError as error:
        if custom.is_file(spec):
            raise
        raise typer.BadParameter(str(error)) from error


def _recipe(network: str, name: str, changes: dict[str, Any]) -> "Recipe | ReaderRecipe":
    from digits_train.models import get_recipe

    try:
        return get_recipe(network, name, **changes)
    except DigitsError as error:
        raise typer.BadParameter(str(error)) from error


def _report(result: "TrainResult | None", as_json: bool) -> None:
    """Print the result of a training. Raises DigitsError if the network is useless."""
    if result is None:  # another process prints it
        return
    run, summary, failure = result
    if as_json:
        print_result(json.dumps({"run": str(run.folder), **summary}))
    else:
        print_result(f"{run.folder}  {_accuracy(summary)}")
    if failure:
        raise DigitsError(failure)


def _accuracy(summary: dict[str, Any]) -> str:
    if "validation_errors" in summary:
        return (
            f"validation errors {summary['validation_errors']:.2%}:"
            f" {summary['validation_missed']} missed, {summary['validation_invented']} invented,"
            f" {summary['validation_wrong']} wrong of {summary['validation_symbols']} symbols"
        )
    validation = "no validation (--all-data)"
    if "validation_accuracy" in summary:
        validation = f"validation {summary['validation_accuracy']:.2%}"
    return f"{validation}  test {summary['test_accuracy']:.2%}"
