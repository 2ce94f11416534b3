"""Measure speed and memory in ten minutes: python -m benchmarks [--before TREE] [NAME ...]

The figures go into docs/results.json, from which `python -m benchmarks.tables` makes the tables of
docs/. NAME: which benchmarks to run, instead of all of SPEED; those of accuracy are run one at a
time, with options of their own: `python -m benchmarks reader --pages 40`.

--before: another checkout, such as the last commit's, whose figures are measured in turn with ours,
twice: it takes four times as long.
"""

import json
import math
import os
import platform
import re
import subprocess
import sys
import time
from argparse import SUPPRESS
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import timing
from benchmarks.tables import RESULTS, ROOT, shown
from benchmarks.timing import Row, parser

SPEED = ("speed", "processes", "training", "growth")
COMMIT = ("git", "describe", "--always", "--dirty", "--abbrev=7")
FLAGS = {"avx2", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "asimddp", "i8mm", "bf16"}


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if sys.platform == "linux" else ""
    sizes = ("SC_PHYS_PAGES", "SC_PAGE_SIZE") if cpuinfo else ()
    return {
        "processor": (re.findall(r"model name\s*: (.*)", cpuinfo) or [platform.processor()])[0],
        "cores": os.cpu_count(),
        "flags": " ".join(sorted(FLAGS & set(cpuinfo.split()))),
        "memory": f"{math.prod(map(os.sysconf, sizes)) / 2**30:.0f} GiB",
        "system": platform.platform(),
        "Python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "onnxruntime", "pillow", "torch")},
        "commit": subprocess.run(COMMIT, cwd=ROOT, capture_output=True, text=True).stdout.strip(),
    }


def rows_of(name: str, tree: Path) -> Iterator[Row]:
    """The rows of a benchmark of the packages in `tree`, each measured when it is asked for."""
    packages = os.pathsep.join(str(tree / package) for package in ("runtime", "train", "export"))
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "--serve", name],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": packages},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    with process:
        while line := process.stdout.readline():
            yield Row(*json.loads(line))
            print(file=process.stdin, flush=True)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)


def serve(name: str) -> None:
    """Print the rows as JSON, each after the first when a line comes on stdin."""
    stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # for what libraries print
    for title, unit, values in import_module(f"benchmarks.{name}").rows():
        # The digits after the third change from run to run.
        rounded = {name: float(f"{value:.3g}") for name, value in values.items()}
        print(json.dumps((title, unit, rounded)), file=stdout, flush=True)
        sys.stdin.readline()


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
        yield row._replace(values=values)


def show(row: Row) -> None:
    """Print the figures, and the time of each relative to the first."""
    print(row.title)
    first, *_ = row.values.values()
    for name, value in row.values.items():
        ratio = first / value if row.unit.endswith("/s") else value / first
        print(f"  {name:36}{shown(value, row.unit):>20}   x {ratio:.2f}", flush=True)


def record(results: dict[str, Any], name: str, rows: list[Any]) -> None:
    """Write all results so far, a row a line. The machine is that of the times."""
    if name in SPEED:
        results["machine"] = machine()
    results[name] = rows
    lines = []
    for key, value in results.items():
        if isinstance(value, list):
            parts = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in value)
            lines.append(f'"{key}": [\n  {parts}\n ]')
        else:
            lines.append(f'"{key}": {json.dumps(value)}')
    RESULTS.write_text("{\n " + ",\n ".join(lines) + "\n}\n")


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("names", nargs="*", metavar="NAME")
    arguments.add_argument("--before", type=Path, metavar="TREE")
    arguments.add_argument("--serve", help=SUPPRESS)
    options, others = arguments.parse_known_args()
    if options.serve:
        serve(options.serve)
        return
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if options.names and not set(options.names) <= set(SPEED):
        name = sys.argv.pop(1)
        code = import_module(f"benchmarks.{name}").main()
        record(results, name, timing.printed)
        sys.exit(code)
    if others:
        arguments.error(f"unrecognized: {' '.join(others)}")
    started, names = time.perf_counter(), options.names or SPEED
    for number, name in enumerate(names, 1):
        print(f"{name} ({number} of {len(names)}, after {time.perf_counter() - started:.0f} s)")
        rows = []
        for row in measure(name, options.before):
            show(row)
            rows.append(row)
        record(results, name, rows)


if __name__ == "__main__":
    main()
