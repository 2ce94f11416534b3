"""Train and export a recipe with many seeds: means, standard deviations and standard errors.

    python -m benchmarks.seeds [--network NAME] [--recipe NAME] [--count N] [--all-data] [--out DIR]

Interrupted, it goes on where it stopped: each seed has a run folder in --out. With --all-data, each
network learns from all 60,000 digits, and the one of the same seed that learnt from 50,000 is its
reference, which calibrates it; that has to be there. To use a second GPU or core, start the command
again with another --first.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from digits.terminal import print_stderr
from digits_export.export import ExportConfig, export_run
from digits_train import models, trainer
from digits_train.config import TrainConfig
from digits_train.run import RunDir

# Columns of the table, in percent but for the seconds.
COLUMNS = ("validation", "test", "test int8", "ECE int8", "seconds")


def folder(options: argparse.Namespace, seed: int, all_data: bool) -> Path:
    out: Path = options.out
    kinds = [options.network, options.recipe, *["distilled"] * bool(options.teacher)]
    return out / "-".join([*kinds, *["all"] * all_data, str(seed)])


def finish(options: argparse.Namespace, seed: int) -> RunDir:
    """Train and export with this seed, or what is left to do of that."""
    run = RunDir(folder(options, seed, options.all_data))
    if not run.state.exists():
        recipe = models.get_recipe(options.network, options.recipe, epochs=options.epochs)
        config = TrainConfig(options.network, recipe, seed, all_data=options.all_data)
        trainer.train(config, options.device, teachers=options.teacher, out=run.folder)
    elif not is_trained(run):
        trainer.resume(run, options.device)
    if not (run.folder / "export.json").exists():
        reference = folder(options, seed, False) if options.all_data else None
        export_run(run, ExportConfig(quantize=True, reference=reference))
    return run


def is_trained(run: RunDir) -> bool:
    return run.summary.exists() and "test_accuracy" in json.loads(run.summary.read_bytes())


def figures(run: RunDir) -> list[float]:
    """The values of COLUMNS; the validation accuracy is NaN with --all-data."""
    summary = json.loads(run.summary.read_bytes())
    forms = json.loads((run.folder / "export.json").read_bytes())["forms"]
    small = next(form for form in forms if form["name"] == "int8")
    shares = (
        summary.get("validation_accuracy", float("nan")),
        summary["test_accuracy"],
        small["test_accuracy"],
        small["test_calibration_error"],
    )
    return [*(100 * share for share in shares), summary["seconds"]]


def show(name: str, values: list[float]) -> None:
    print(f"{name:16}" + "".join(f"{value:12.3f}" for value in values), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--network", default="lenet5")
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--epochs", type=int, help="override the recipe's")
    parser.add_argument("--teacher", type=Path, action="append", default=[])
    parser.add_argument("--all-data", action="store_true")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=Path("runs/seeds"))
    options = parser.parse_args()
    rows = []
    for seed in range(options.first, options.first + options.count):
        print_stderr(f"seed {seed}")
        rows.append(figures(finish(options, seed)))
    print(f"{'':16}" + "".join(f"{column:>12}" for column in COLUMNS))
    for seed, row in enumerate(rows, options.first):
        show(f"seed {seed}", row)
    if len(rows) > 1:
        deviations = np.std(rows, axis=0, ddof=1)
        show(f"mean of {len(rows)}", np.mean(rows, axis=0).tolist())
        show("deviation", deviations.tolist())
        show("standard error", (deviations / len(rows) ** 0.5).tolist())


if __name__ == "__main__":
    main()
