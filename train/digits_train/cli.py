"""`digits train`."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from digits.cli import plain_app
from digits.errors import DigitsError

app = plain_app()


@app.command()
def train(
    model: Annotated[str, typer.Option(help="The network: lenet5.")] = "lenet5",
    recipe: Annotated[str, typer.Option(help="How to train it: default or classic.")] = "default",
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Instead of the recipe's.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the weights, order and augmentation.")] = 0,
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
    # torch takes seconds to import and may not be installed; --help needs neither.
    from digits_train import session
    from digits_train.recipe import choose
    from digits_train.run import Run

    if resume is None:
        changes = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
        plan = session.Plan(model, choose(recipe, **changes), seed)
        run, summary = session.train(plan, device, data, out)
    else:
        if (epochs, batch_size, learning_rate, out) != (None, None, None, None):
            raise DigitsError(
                "--resume goes on as the run was started; add only --device or --data"
            )
        run, summary = session.resume(Run(resume), device, data)

    if as_json:
        print(json.dumps({"run": str(run.folder), **summary}))
    else:
        print(
            f"{run.folder}  validation {summary['validation_accuracy']:.2%}"
            f"  test {summary['test_accuracy']:.2%}"
        )
