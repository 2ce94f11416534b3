"""`digits train`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from digits import options
from digits.cli import plain_app
from digits.terminal import emit

if TYPE_CHECKING:
    from digits_train.run import Run

app = plain_app()


@app.command()
def train(
    model: Annotated[
        str | None, typer.Option(help="The network: lenet5 or vgg16.", show_default="lenet5")
    ] = None,
    recipe: Annotated[
        Literal["classic", "default"] | None,
        typer.Option(help="How to train it.", show_default="default"),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Instead of the recipe's, over all processes.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-12, help="Instead of the recipe's.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2**63 - 1,
            help="Of the weights, the order and the augmentation.",
            show_default="0",
        ),
    ] = None,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"] | None,
        typer.Option(
            help="auto takes bfloat16 where network and device gain from it.", show_default="auto"
        ),
    ] = None,
    teacher: Annotated[
        Path | None, typer.Option(help="Checkpoint of a better network to learn from.")
    ] = None,
    all_data: Annotated[
        bool, typer.Option("--all-data", help="Train on the validation digits too, and have none.")
    ] = False,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1, help="Stop after so many epochs without a better one, and keep the best."
        ),
    ] = None,
    max_minutes: Annotated[
        float | None, typer.Option(min=0.0, help="Start no epoch that would end later.")
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"],
        typer.Option(help="auto takes a GPU if there is one."),
    ] = "auto",
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the network first (torch.compile).")
    ] = False,
    data: options.Data = None,
    out: Annotated[Path | None, typer.Option(help="Run folder to make.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this interrupted run.")] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write events into the run folder too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print run.json on one line.")] = False,
) -> None:
    """Train a network; leave a run folder with its checkpoint, figures and curves.

    With several GPUs or machines: torchrun --nproc-per-node N -m digits train ...
    """
    planned = (
        model, recipe, epochs, batch_size, learning_rate, seed, precision, teacher, patience, out,
    )  # fmt: skip
    if resume is not None and (all_data or any(value is not None for value in planned)):
        raise typer.BadParameter(
            "--resume goes on as the run was started: only --device, --data, --max-minutes,"
            " --compile, --tensorboard and --json fit"
        )
    if all_data and patience is not None:
        raise typer.BadParameter(
            "--patience needs the validation digits, which --all-data trains on"
        )

    # torch takes seconds to import and may not be installed; --help needs neither.
    from digits_train import session
    from digits_train.models import choose
    from digits_train.plan import Options, Plan
    from digits_train.run import Run

    how = Options(device, data, compiled, tensorboard, max_minutes)
    if resume is None:
        network = model or "lenet5"
        chosen = choose(
            network,
            recipe or "default",
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
        )
        plan = Plan(network, chosen, seed or 0, precision or "auto", all_data, patience)
        outcome = session.train(plan, how, teacher, out)
    else:
        outcome = session.resume(Run(resume), how)
    if outcome is not None:
        _print(*outcome, as_json)


def _print(run: "Run", summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit(json.dumps({"run": str(run.folder), **summary}))
        return
    validation = (
        f"validation {summary['validation_accuracy']:.2%}"
        if "validation_accuracy" in summary
        else "no validation: trained on its digits too"
    )
    emit(f"{run.folder}  {validation}  test {summary['test_accuracy']:.2%}")
