"""Train and export a recipe with many seeds: means, standard deviations and standard errors.

    python -m benchmarks.seeds [--network NAME] [--recipe NAME] [--count N] [--teacher RUN ...]
                               [--all-data] [--out DIR]

Interrupted, it goes on where it stopped: each seed has a run folder in --out. With --all-data, each
network learns from all 60,000 digits; the one of the same seed that learnt from 50,000, which must
be there, calibrates it. To use several cores, start the command several times with other --first.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np

from digits.errors import DigitsError
from digits.terminal import print_stderr
from digits_export.export import ExportConfig, export_run
from digits_train import checkpoint, models, prepare, trainer
from digits_train.config import TrainConfig, to_dict
from digits_train.run import RunDir, checkpoint_at

# Columns of the table, in percent but for the seconds.
COLUMNS = ("validation", "test", "test int8", "ECE int8", "seconds")


def folder(options: argparse.Namespace, seed: int, all_data: bool) -> Path:
    name = f"{options.network}-{options.recipe}"
    if options.teacher:
        name += "-distilled"
    if all_data:
        name += "-all"
    out: Path = options.out
    return out / f"{name}-{seed}"


def finish(options: argparse.Namespace, seed: int) -> RunDir:
    """Train and export with this seed, or what is left to do of that. Raises DigitsError."""
    run = RunDir(folder(options, seed, options.all_data))
    recipe = models.get_recipe(options.network, options.recipe, epochs=options.epochs)
    config = TrainConfig(options.network, recipe, seed, all_data=options.all_data)
    reference = folder(options, seed, False) if options.all_data else None
    if reference:
        checkpoint.load(RunDir(reference).checkpoint)  # hours before it is needed
    result = None
    if not run.state.exists():
        result = trainer.train(config, options.device, teachers=options.teacher, out=run.folder)
    elif not is_trained(run, config, options.teacher):
        result = trainer.resume(run, options.device)
    if result and result.failure:
        raise DigitsError(f"{run.folder}: {result.failure}")
    is_trained(run, config, options.teacher)  # raises if the one resumed was started as another
    if not (run.folder / "export.json").exists():
        export_run(run, ExportConfig(quantize=True, reference=reference))
    return run


def is_trained(run: RunDir, config: TrainConfig, teachers: list[Path]) -> bool:
    """Whether a run is finished. Raises DigitsError if it is another one than that."""
    if not run.summary.exists():
        return False
    summary = json.loads(run.summary.read_bytes())
    loaded = [checkpoint.load(checkpoint_at(path)) for path in teachers]
    wanted = {"recipe": to_dict(config)["recipe"], "teacher": prepare.join_checksums(loaded)}
    for name, value in wanted.items():
        if summary[name] != value:
            raise DigitsError(f"{run.folder} has another {name}: choose another --out")
    return "test_accuracy" in summary


def figures(run: RunDir) -> list[float]:
    """The values of COLUMNS; the validation accuracy is NaN with --all-data. Raises DigitsError."""
    summary = json.loads(run.summary.read_bytes())
    forms = json.loads((run.folder / "export.json").read_bytes())["forms"]
    small = next((form for form in forms if form["name"] == "int8"), None)
    if small is None:
        raise DigitsError(f"{run.folder} was exported without --quantize: delete its export.json")
    shares = (
        summary.get("validation_accuracy", math.nan),
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
    parser.add_argument("--teacher", type=Path, action="append", default=[])
    parser.add_argument("--all-data", action="store_true")
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
