"""`digits train`."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from digits.commands.options import Data, make_app, option, path_option
from digits.errors import DigitsError
from digits.terminal import print_result

# Spelt out, because `--help` must not wait for torch.
_NETWORKS = """\b
Networks (--network) and their recipes (--recipe):
  lenet5         classic (the textbook's), quick, default, finetune (from --start)
  vgg16          classic, default, finetune
  detector       finds the symbols of a page: quick, default
  recognizer     reads the crop of a number: quick, default
  FILE.py:CLASS  your own: any nn.Module from uint8 [n, 1, 28, 28] to logits
                 [n, 10]; or a DetectorNetwork or RecognizerNetwork
"""

_RECIPE = "How to train it; default: default, or finetune with --start."
_SET = "Change a value, such as recipe.epochs=3; run.json has all. May be repeated."
_START = "Start from these weights: fine-tune a classifier on --data, beside MNIST."
_RESUME = "Continue the interrupted run in this folder; your own --network again."

app = make_app()


@app.command(epilog=_NETWORKS)
def train(
    network: Annotated[
        str | None, option("NAME|FILE.py:CLASS", "What to train.", show_default="lenet5")
    ] = None,
    recipe: Annotated[str | None, option("NAME", _RECIPE)] = None,
    changes: Annotated[list[str] | None, option("NAME=VALUE", _SET, "--set")] = None,
    seed: Annotated[
        int, option("N", "Seed of weights, order and augmentation.", min=0, max=2**63 - 1)
    ] = 0,
    start: Annotated[Path | None, path_option("RUN", _START)] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="auto: a GPU if there is one.")
    ] = "auto",
    data: Data = None,
    out: Annotated[Path | None, path_option("DIR", "Run folder to create.")] = None,
    resume: Annotated[Path | None, path_option("DIR", _RESUME)] = None,
) -> None:
    """Train a network; write a run folder with its checkpoint, metrics and plots.

    With several GPUs or machines: torchrun --nproc-per-node N -m digits train ...
    """
    settings = (recipe, changes, seed or None, start, out)
    named = network is not None and ":" not in network
    if resume is not None and (named or any(settings)):
        raise typer.BadParameter(
            "--resume continues as the run was started: it allows only --device and --data, and"
            " for a network of your own --network FILE.py:CLASS. To train for longer, --start from"
            " the run"
        )

    # torch takes seconds to import and may not be installed; --help needs neither.
    from digits_train import checkpoint, experiment, trainer
    from digits_train.models import custom, get_network, register
    from digits_train.run import checkpoint_at, find_run

    name = "lenet5" if network is None else network
    # An unknown name is wrong usage, but a file that can't be used is not.
    with nullcontext() if custom.is_file(name) else _wrong_usage():
        name = register(name)
    if resume is None:
        finished = None
        if start is not None:
            finished = checkpoint.load(checkpoint_at(start))
            trained = finished.provenance.experiment.network
            if network and name != trained:
                raise DigitsError(f"{start} is a {trained}: a {name} can't start from its weights")
            name = trained
        with _wrong_usage():
            can_be_taught = finished and "finetune" in get_network(name).recipes
            chosen = recipe or ("finetune" if can_be_taught else "default")
            planned = experiment.default_experiment(name, chosen, seed)
            planned = experiment.change(planned, changes or ())
        result = trainer.train(planned, device, data, finished, out)
    else:
        result = trainer.resume(find_run(resume), device, data)
    if result is not None:  # in the main process
        print_result(f"{result.run.folder}  {_figures(result.summary)}")


@contextmanager
def _wrong_usage() -> Iterator[None]:
    try:
        yield
    except DigitsError as error:
        raise typer.BadParameter(str(error)) from error


def _figures(summary: dict[str, Any]) -> str:
    """What was measured, for people."""
    texts = []
    for name, value in summary.items():
        if name.startswith(("validation_", "test_", "own_")):
            style = "," if isinstance(value, int) else ".4f" if name.endswith("loss") else ".2%"
            texts.append(f"{name.replace('_', ' ')} {value:{style}}")
    return "  ".join(texts)
