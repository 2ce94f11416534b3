"""Train and export a recipe with many seeds: means, standard deviations and standard errors.

    python -m benchmarks.seeds [--network NAME] [--recipe NAME] [--count N] [--out DIR]

Interrupted, it goes on where it stopped: each seed has a run folder in --out. To use several cores,
start the command several times with other --first.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from digits.errors import DigitsError
from digits.terminal import print_stderr
from digits_export.export import ExportConfig, export_run
from digits_train import models, trainer
from digits_train.config import TrainConfig
from digits_train.run import RunDir

# Columns of the table, in percent but for the seconds.
COLUMNS = ("validation", "test", "test int8", "ECE int8", "seconds")


def finish(options: argparse.Namespace, seed: int) -> RunDir:
    """Train and export with this seed, or what is left to do of that. Raises DigitsError."""
    run = RunDir(options.out / f"{options.network}-{options.recipe}-{seed}")
    recipe = models.get_recipe(options.network, options.recipe, epochs=options.epochs)
    config = TrainConfig(options.network, recipe, seed)
    result = None
    if not run.state.exists():
        result = trainer.train(config, options.device, out=run.folder)
    elif not is_trained(run, config):
        result = trainer.resume(run, options.device)
    if result and result.failure:
        raise DigitsError(f"{run.folder}: {result.failure}")
    is_trained(run, config)  # raises if the one resumed was started as another
    if not (run.folder / "export.json").exists():
        export_run(run, ExportConfig(quantize=True))
    return run


def is_trained(run: RunDir, config: TrainConfig) -> bool:
    """Whether a run is finished. Raises DigitsError if it is another one than that."""
    if not run.summary.exists():
        return False
    summary = json.loads(run.summary.read_bytes())
    if summary["recipe"] != asdict(config.recipe):
        raise DigitsError(f"{run.folder} has another recipe: choose another --out")
    return "test_accuracy" in summary


def figures(run: RunDir) -> list[float]:
    """The values of COLUMNS. Raises DigitsError."""
    summary = json.loads(run.summary.read_bytes())
    forms = json.loads((run.folder / "export.json").read_bytes())["forms"]
    small = next((form for form in forms if form["name"] == "int8"), None)
    if small is None:
        raise DigitsError(f"{run.folder} was exported without --quantize: delete its export.json")
    shares = (
        summary["validation_accuracy"],
        summary["test_accuracy"],
        small["test_accuracy"],
        small["test_calibration_error"],
    )
    return [*(100 * share for share in shares), summary["seconds"]]


def show(name: str, values: list[float]) -> None:
    print(f"{name:16}" + "".join(f"{value:12.3f}" for value in values), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--network", default="lenet5")
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--epochs", type=int, help="override the recipe's")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    parser.add_argument("--out", type=Path, default=Path("runs/seeds"))
    options = parser.parse_args()
    try:
        models.get_recipe(options.network, options.recipe, epochs=options.epochs)
    except DigitsError as error:
        parser.error(str(error))
    rows = []
    print(f"{'':16}" + "".join(f"{column:>12}" for column in COLUMNS))
    for seed in range(options.first, options.first + options.count):
        try:
            rows.append(figures(finish(options, seed)))
            show(f"seed {seed}", rows[-1])
        except DigitsError as error:
            print_stderr(f"seed {seed} is missing: {error}")
    if len(rows) > 1:
        deviations = np.std(rows, axis=0, ddof=1)
        show(f"mean of {len(rows)}", np.mean(rows, axis=0).tolist())
        show("deviation", deviations.tolist())
        show("standard error", (deviations / len(rows) ** 0.5).tolist())
    return 0 if len(rows) == options.count else 1


if __name__ == "__main__":
    sys.exit(main())
