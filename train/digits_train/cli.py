"""`digits train`."""

import json
from typing import TYPE_CHECKING, Any

import typer

from digits.commands.options import Data, plain_app
from digits.errors import DigitsError
from digits.terminal import emit
from digits_train import options

if TYPE_CHECKING:
    from digits_train.recipe import Recipe
    from digits_train.session import Outcome

app = plain_app()


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
    """Train a network; leave a run folder with its checkpoint, figures and curves.

    With several GPUs or machines: torchrun --nproc-per-node N -m digits train ...
    """
    if resume is not None:
        _goes_on_as_it_was(
            None if model and ":" in model else model, recipe, epochs, batch_size, learning_rate,
            seed, precision, teacher, patience, out, all_data or None,
        )  # fmt: skip
    if all_data and patience is not None:
        raise typer.BadParameter("--all-data trains on the digits that --patience needs")

    # torch takes seconds to import and may not be installed; --help needs neither.
    from digits_train import models, run, session, world
    from digits_train.plan import Options, Plan

    network = models.add(model or "lenet5")
    models.add(teacher_model or "lenet5")
    how = Options(device, data, compiled, tensorboard, max_minutes)
    if resume is None:
        changes = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
        chosen = _recipe(network, recipe or "default", changes)
        plan = Plan(network, chosen, seed or 0, precision or "auto", all_data, patience)
        outcome = session.train(plan, how, teacher, out)
    else:
        outcome = session.resume(run.find(resume), how)
    _report(outcome, as_json)
    world.leave()


def _goes_on_as_it_was(*planned: object) -> None:
    if any(value is not None for value in planned):
        raise typer.BadParameter(
            "--resume goes on as the run was started: only --device, --data, --max-minutes,"
            " --compile, --tensorboard and --json fit, and for networks of your own --model"
            " FILE.py:CLASS and --teacher-model"
        )


def _recipe(network: str, name: str, changes: dict[str, Any]) -> "Recipe":
    from digits_train.models import choose

    try:
        return choose(network, name, **changes)
    except DigitsError as error:
        raise typer.BadParameter(str(error)) from error


def _report(outcome: "Outcome | None", as_json: bool) -> None:
    """Print what came of a training. Raises DigitsError when the network is of no use."""
    if outcome is None:  # another process prints it
        return
    run, summary, failure = outcome
    validation = "no validation: trained on its digits too"
    if "validation_accuracy" in summary:
        validation = f"validation {summary['validation_accuracy']:.2%}"
    if as_json:
        emit(json.dumps({"run": str(run.folder), **summary}))
    else:
        emit(f"{run.folder}  {validation}  test {summary['test_accuracy']:.2%}")
    if failure:
        raise DigitsError(failure)
