"""Measure speed and memory in ten minutes: python -m benchmarks [--before TREE] [NAME ...]

The figures go into docs/results.json, from which `python -m benchmarks.tables` makes the tables of
docs/. NAME: which of speed, processes and training to run; the others measure accuracy and have
options of their own: `python -m benchmarks accuracy numbers`.

--before: another checkout, such as the last commit's. Both are measured twice, in turn, and the
better figures count.
"""

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.tables import RESULTS, ROOT, shown
from benchmarks.timing import Row, parser

SPEED = ("speed", "processes", "training")
COMMIT = ("git", "describe", "--always", "--dirty", "--abbrev=7")


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if sys.platform == "linux" else ""
    return {
        "processor": (re.findall(r"model name\s*: (.*)", cpuinfo) or [platform.processor()])[0],
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "Python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "onnxruntime", "pillow", "torch")},
        "commit": subprocess.run(COMMIT, cwd=ROOT, capture_output=True, text=True).stdout.strip(),
    }


def rows_of(name: str, tree: Path) -> list[Row]:
    """The rows of a benchmark of the packages in `tree`."""
    packages = os.pathsep.join(str(tree / package) for package in ("runtime", "train", "export"))
    output = subprocess.check_output(
        [sys.executable, "-m", "benchmarks", "--json", name],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": packages},
        text=True,
    )
    return [Row(*row) for row in json.loads(output.splitlines()[-1])]


def measure(name: str, before: Path | None) -> Iterator[Row]:
    """The rows of a benchmark. With another checkout's, the better of two figures counts."""
    trees = [ROOT, before] * 2 if before else [ROOT]
    for measured in zip(*(rows_of(name, tree) for tree in trees), strict=True):
        values: dict[str, float] = {}
        for row, tree in zip(measured, trees, strict=True):
            best = min if row.unit == "s" else max
            for contestant, value in row.values.items():
                renamed = contestant.replace("digits", "before", 1)
                label = contestant if tree == ROOT else renamed
                if tree == ROOT or label != contestant:
                    values[label] = best(value, values.get(label, value))
        # The digits after the third change from run to run.
        rounded = {label: float(f"{value:.3g}") for label, value in values.items()}
        yield row._replace(values=rounded)


def show(row: Row) -> None:
    """Print the figures, and the time of each relative to the first."""
    print(row.title)
    first, *_ = row.values.values()
    for name, value in row.values.items():
        ratio = first / value if row.unit.endswith("/s") else value / first
        print(f"  {name:36}{shown(value, row.unit):>20}   x {ratio:.2f}", flush=True)


def record(results: dict[str, Any]) -> None:
    """Write all results so far, a row a line."""
    lines = []
    for key, value in results.items():
        if isinstance(value, list):
            parts = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in value)
            lines.append(f'"{key}": [\n  {parts}\n ]')
        else:
            lines.append(f'"{key}": {json.dumps(value)}')
    RESULTS.write_text("{\n " + ",\n ".join(lines) + "\n}\n")


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1].isidentifier() and sys.argv[1] not in SPEED:
        sys.exit(import_module(f"benchmarks.{sys.argv.pop(1)}").main())
    arguments = parser(__doc__)
    arguments.add_argument("names", nargs="*", metavar="NAME")
    arguments.add_argument("--before", type=Path, metavar="TREE")
    arguments.add_argument("--json", action="store_true", help="only print one benchmark's rows")
    options = arguments.parse_args()
    if options.json:
        [name] = options.names
        print(json.dumps([*import_module(f"benchmarks.{name}").rows()]))
        return
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in options.names or SPEED:
        rows = [*measure(name, options.before)]
        for row in rows:
            show(row)
        results |= {"machine": machine(), name: rows}
        record(results)


if __name__ == "__main__":
    main()
