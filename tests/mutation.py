"""Break the code in random places, and say which breaks the tests notice.

    python -m tests.mutation [--seed 0] [--count 20]

Each time, one operator, bound or condition of one file is changed in a copy of the repository, and
the tests of `make test` run there until one fails, the nearest first. Left out are the generators
of pictures, whose numbers are ranges for random choices.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PACKAGES = {"runtime": "digits", "train": "digits_train", "export": "digits_export"}
LEFT_OUT = {"camera"}
TIMEOUT = 1800  # seconds for all tests; a hang is noticed, too
# What makes a bound off by one, turns a condition round, or is another operator.
_SWAPPED = [
    *((ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot)),
    *((ast.In, ast.NotIn), (ast.And, ast.Or), (ast.Add, ast.Sub), (ast.Mult, ast.Div)),
]
SWAPS: dict[type, Any] = {a: b for pair in _SWAPPED for a, b in (pair, pair[::-1])}


def mutate(node: ast.AST) -> bool:
    """Change an expression in place. Returns whether it is of a kind that is changed."""
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in SWAPS:
            node.ops = [SWAPS[type(operator)]()]
        case ast.BoolOp(op=operator) | ast.BinOp(op=operator) if type(operator) in SWAPS:
            node.op = SWAPS[type(operator)]()
        case ast.UnaryOp(op=ast.Not()):
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.IfExp(body=body, orelse=other):
            node.body, node.orelse = other, body
        case _:
            return False
    return True


def changeable(tree: ast.Module) -> list[ast.expr]:
    """What may be changed of what functions do."""
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    nodes = (node for each in functions for part in each.body for node in ast.walk(part))
    unique = dict.fromkeys(node for node in nodes if isinstance(node, ast.expr))
    return [node for node in unique if mutate(copy.copy(node))]


def parsed(file: Path) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


def mutation(file: Path, number: int) -> tuple[str, str]:
    """What is changed, and the whole source with this change."""
    tree = parsed(file)
    node = changeable(tree)[number]
    before = ast.unparse(node)
    mutate(node)
    return f"{file}:{node.lineno}: {before} -> {ast.unparse(node)}", ast.unparse(tree)


def sample(seed: int, count: int) -> list[tuple[Path, int]]:
    """Draw mutations, of each package alike many: a file, and the number of one in it."""
    rng, drawn = random.Random(seed), list[tuple[Path, int]]()
    for number, (folder, package) in enumerate(PACKAGES.items()):
        paths = (path.relative_to(ROOT) for path in (ROOT / folder / package).rglob("*.py"))
        files = [file for file in sorted(paths) if not LEFT_OUT & {*file.parts}]
        all_of_them = [(file, n) for file in files for n in range(len(changeable(parsed(file))))]
        drawn += rng.sample(all_of_them, (count + number) // len(PACKAGES))
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
        for file, number in sample(options.seed, options.count):
            change, source = mutation(file, number)
            (root / file).write_text(source, encoding="utf-8")
            runs = (failing_test(root, tests) for tests in test_files(file))
            test = next((name for name in runs if name), None)
            shutil.copy2(ROOT / file, root / file)
            noticed += test is not None
            print(f"{change}\n    {test or 'NOT NOTICED'}", flush=True)
    print(f"{noticed} of {options.count} noticed")


if __name__ == "__main__":
    main()
