"""`digits train`."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from digits.cli import plain_app
from digits.terminal import emit

app = plain_app()


@app.command()
def train(
    model: Annotated[
        Literal["lenet5"] | None, typer.Option(help="The network.", show_default="lenet5")
    ] = None,
    recipe: Annotated[
        Literal["classic", "default"] | None,
        typer.Option(help="How to train it.", show_default="default"),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
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
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"],
        typer.Option(help="auto takes a GPU if there is one."),
    ] = "auto",
    data: Annotated[Path | None, typer.Option(help="Folder with MNIST's four IDX files.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder to make.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this interrupted run.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print run.json on one line.")] = False,
) -> None:
    """Train a network on MNIST; leave a run folder with its checkpoint, figures and curves."""
    planned = (model, recipe, epochs, batch_size, learning_rate, seed, out)
    if resume is not None and any(value is not None for value in planned):
        raise typer.BadParameter(
            "--resume goes on as the run was started: only --device and --data fit"
        )

    # torch takes seconds to import and may not be installed; --help needs neither.
    from digits_train import session
    from digits_train.recipe import choose
    from digits_train.run import Run

    if resume is None:
        chosen = choose(
            recipe or "default", epochs=epochs, batch_size=batch_size, learning_rate=learning_rate
        )
        plan = session.Plan(model or "lenet5", chosen, seed or 0)
        run, summary = session.train(plan, device, data, out)
    else:
        run, summary = session.resume(Run(resume), device, data)

    if as_json:
        emit(json.dumps({"run": str(run.folder), **summary}))
    else:
        emit(
            f"{run.folder}  validation {summary['validation_accuracy']:.2%}"
            f"  test {summary['test_accuracy']:.2%}"
        )
