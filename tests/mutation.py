"""Break the code in random places, and say which breaks the tests notice.

    python -m tests.mutation [--seed 0] [--count 20]

Each time, one operator, bound or condition of one file is changed in a copy of the repository, and
the tests of `make test` run there until one fails, the nearest first. Left out are the generators
of pictures, whose numbers are ranges for random choices.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
PACKAGES = {"runtime": "digits", "train": "digits_train", "export": "digits_export"}
LEFT_OUT = {"camera"}
TIMEOUT = 1800  # seconds for all tests; a hang is noticed, too
# What makes a bound off by one, turns a condition round, or is another operator.
_SWAPPED = [
    *((ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot)),
    *((ast.In, ast.NotIn), (ast.And, ast.Or), (ast.Add, ast.Sub), (ast.Mult, ast.Div)),
]
SWAPS: dict[type, Any] = {
    first: second for pair in _SWAPPED for first, second in (pair, pair[::-1])
}


class Mutation(NamedTuple):
    """An expression of a file, as in the source and as changed."""

    file: Path
    line: int
    start: int  # bytes from the beginning of the file
    before: str
    after: str

    def apply(self, root: Path) -> None:
        raw = (root / self.file).read_bytes()
        end = self.start + len(self.before.encode())
        (root / self.file).write_bytes(raw[: self.start] + self.after.encode() + raw[end:])


def mutate(node: ast.AST) -> ast.expr | None:
    """Return the changed expression; None for a node that isn't changed."""
    match node:
        case ast.Compare(left, [operator], comparators) if type(operator) in SWAPS:
            return ast.Compare(left, [SWAPS[type(operator)]()], comparators)
        case ast.BoolOp(operator, values):
            return ast.BoolOp(SWAPS[type(operator)](), values)
        case ast.BinOp(left, operator, right) if type(operator) in SWAPS:
            return ast.BinOp(left, SWAPS[type(operator)](), right)
        case ast.UnaryOp(ast.Not(), operand):
            return operand
        case ast.IfExp(test, body, other):
            return ast.IfExp(test, other, body)
    return None


def mutations(file: Path) -> Iterator[Mutation]:
    """Yield all mutations of what the functions of a file do."""
    source = (ROOT / file).read_text(encoding="utf-8")
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    nodes = {
        node
        for function in ast.walk(ast.parse(source))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for part in function.body
        for node in ast.walk(part)
    }
    # Before Python 3.12, what is in an f-string has the wrong position.
    for text in [node for node in nodes if isinstance(node, ast.JoinedStr)]:
        nodes -= {*ast.walk(text)}
    for node in sorted(nodes, key=lambda node: (getattr(node, "lineno", 0), ast.dump(node))):
        changed = mutate(node)
        before = ast.get_source_segment(source, node)
        if changed and before and isinstance(node, ast.expr):
            start = starts[node.lineno - 1] + node.col_offset
            yield Mutation(file, node.lineno, start, before, f"({ast.unparse(changed)})")


def sample(seed: int, count: int) -> list[Mutation]:
    """Draw mutations, of each package alike many."""
    rng = random.Random(seed)
    drawn = []
    for number, (folder, package) in enumerate(PACKAGES.items()):
        files = (path.relative_to(ROOT) for path in (ROOT / folder / package).rglob("*.py"))
        files = (file for file in sorted(files) if not LEFT_OUT & {*file.parts})
        share = (count + number) // len(PACKAGES)
        drawn += rng.sample([each for file in files for each in mutations(file)], share)
    return drawn


def test_files(file: Path) -> list[list[str]]:
    """Return the tests to run, one after the other: of the same name, of the same folder, all."""
    folder = Path("tests", file.parts[0], *file.parts[2:-1])
    nearest = [
        str(path) for path in (folder / f"test_{file.name}", folder) if (ROOT / path).exists()
    ]
    return [*([path] for path in nearest), []]


def failing_test(root: Path, tests: list[str]) -> str | None:
    """Run tests in a copy of the repository until one fails; return its name, None if none does."""
    pythonpath = os.pathsep.join(str(root / folder) for folder in (*PACKAGES, ""))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "auto", "--dist", "loadfile"]
    try:
        done = subprocess.run(
            [*command, "--no-loadscope-reorder", "-p", "no:cacheprovider", *tests],
            cwd=root,
            env=os.environ | {"PYTHONPATH": pythonpath, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return "a time limit"
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return None if done.returncode == 0 else next(iter(failed), done.stdout[-300:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=20)
    options = parser.parse_args()
    noticed = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "digits")
        tracked = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
        for name in tracked:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
        if failed := failing_test(root, []):
            sys.exit(f"The tests fail without a mutation, too: {failed}")
        for mutation in sample(options.seed, options.count):
            mutation.apply(root)
            runs = (failing_test(root, tests) for tests in test_files(mutation.file))
            test = next((name for name in runs if name), None)
            shutil.copy2(ROOT / mutation.file, root / mutation.file)
            noticed += test is not None
            print(f"{mutation.file}:{mutation.line}: {mutation.before} -> {mutation.after}")
            print(f"    {test or 'NOT NOTICED'}", flush=True)
    print(f"{noticed} of {options.count} noticed")


if __name__ == "__main__":
    main()
