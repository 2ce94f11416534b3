"""Train and export a recipe with many seeds: means, standard deviations and standard errors.

    python -m benchmarks seeds [--network NAME] [--recipe NAME] [--count N] [--out DIR]

Interrupted, it goes on where it stopped: each seed has a run folder in --out. To use several cores,
start the command several times with other --first.
"""

import json
from argparse import Namespace
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from benchmarks.timing import parser, print_row
from digits.errors import DigitsError
from digits.terminal import print_stderr
from digits_export.export import ExportConfig, export_run
from digits_train import trainer
from digits_train.experiment import Experiment, change, default_experiment
from digits_train.run import RunDir

# Columns of the table, in percent but for the seconds.
COLUMNS = ("validation", "test", "test int8", "ECE int8", "seconds")


def finish(options: Namespace, experiment: Experiment) -> RunDir:
    """Train and export, or do what is left of that. Raises DigitsError."""
    recipe = experiment.recipe
    name = f"{options.network}-{options.recipe}-{recipe.total}-{experiment.seed}"
    run = RunDir(options.out / name)
    if not (run.folder / "export.json").exists():
        if run.state.exists():
            trainer.resume(run, options.device)
        else:
            trainer.train(experiment, options.device, out=run.folder)
        export_run(run, ExportConfig(quantize=True))
    return run


def figures(run: RunDir) -> list[float]:
    """The values of COLUMNS."""
    summary = json.loads(run.summary.read_bytes())
    forms = json.loads((run.folder / "export.json").read_bytes())["forms"]
    small = next(form for form in forms if form["name"] == "int8")
    shares = [summary[name] for name in ("validation_accuracy", "test_accuracy")]
    shares += [small[name] for name in ("test_accuracy", "test_calibration_error")]
    return [*(100 * share for share in shares), summary["seconds"]]


def main() -> int:
    run = {"network": "lenet5", "recipe": "default", "device": "auto", "out": Path("runs/seeds")}
    arguments = parser(__doc__, **run, count=10, first=0)
    arguments.add_argument("--set", action="append", default=[], help="as of digits train")
    options = arguments.parse_args()
    experiment = change(default_experiment(options.network, options.recipe), options.set)
    rows = []
    print_row("", *COLUMNS)
    for seed in range(options.first, options.first + options.count):
        try:
            rows.append(figures(finish(options, replace(experiment, seed=seed))))
            print_row(f"seed {seed}", *rows[-1])
        except DigitsError as error:
            print_stderr(f"seed {seed} is missing: {error}")
    if len(rows) > 1:
        deviations = np.std(rows, axis=0, ddof=1)
        print_row(f"mean of {len(rows)}", *np.mean(rows, axis=0).tolist())
        print_row("deviation", *deviations.tolist())
        print_row("standard error", *(deviations / len(rows) ** 0.5).tolist())
    return 0 if len(rows) == options.count else 1
