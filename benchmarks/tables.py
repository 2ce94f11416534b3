"""Write the tables of docs/ from docs/results.json.

    python -m benchmarks.tables

What stands between `<!-- bench: NAME -->` and `<!-- end -->` becomes the table of the benchmark;
with `NAME: TITLE`, the figure of ours in that row, or with `NAME: TITLE / OTHER` another's; and of
`machine`, what the JSON says of it.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results.json"
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "results.md", ROOT / "docs" / "textbook.md")
MARKED = re.compile(r"(<!-- bench: ([^:>]+)(?:: (.+?))? -->)(\n?).*?(<!-- end -->)", re.DOTALL)

# As in the JSON: what `Row` has, or for a benchmark of accuracy a name and its cells.
Rows = list[list[Any]]


def shown(value: float, unit: str) -> str:
    """A figure with its unit: 20.1 µs."""
    if unit == "s":
        value, unit = next(
            (value * scale, smaller)
            for scale, smaller in ((1e6, "µs"), (1e3, "ms"), (1, "s"))
            if value * scale < 1000 or smaller == "s"
        )
    digits = max(0, 2 - math.floor(math.log10(value))) if value else 0
    return f"{value:,.{digits}f} {unit}"


def joined(rows: Iterable[list[Any]]) -> dict[str, str]:
    """Each contestant's figures, in rows of one title: time and memory."""
    figures: dict[str, list[str]] = {}
    for _, unit, values in rows:
        for name, value in values.items():
            figures.setdefault(name, []).append(shown(value, unit))
    return {name: ", ".join(texts) for name, texts in figures.items()}


def speed_table(rows: Rows) -> Iterable[list[str]]:
    yield from (["", "digits", "others"], ["---"] * 3)
    for title, group in groupby(rows, lambda row: row[0]):
        ours, others = list[str](), list[str]()
        for name, figures in joined(group).items():
            own = name.startswith(("digits", "before"))
            label = name.removeprefix("digits").removeprefix(", ") if own else name
            (ours if own else others).append(f"{label} {figures}".strip())
        yield [title, "; ".join(ours), "; ".join(others)]


def growth_table(rows: Rows) -> Iterable[list[str]]:
    yield from (["", "time of the most", "exponent", "memory"], ["---"] * 4)
    for (title, _, times), (_, unit, peaks) in zip(rows[::2], rows[1::2], strict=True):
        most, time = list(times.items())[-1]
        least_memory, *_, most_memory = (shown(peak, unit) for peak in peaks.values())
        yield [
            title,
            f"{shown(time, 's')} ({int(most):,})",
            f"{exponent(times):.2f}",
            f"{least_memory} to {most_memory}",
        ]


def exponent(curve: Mapping[str, float]) -> float:
    """k in time ~ number ** k, over the last decade of a curve: 1 if it is linear."""
    points = [(float(at), value) for at, value in curve.items()]
    last = points[-1]
    first = min(points[:-1], key=lambda point: abs(math.log10(last[0] / point[0]) - 1))
    return math.log(last[1] / first[1]) / math.log(last[0] / first[0])


def printed_table(rows: Rows) -> Iterable[list[str]]:
    """The table of a benchmark of accuracy."""
    width = max(map(len, rows))
    if not isinstance(rows[0][1], str):  # without a head
        rows = [[""] * width, *rows]
    for number, (name, *cells) in enumerate(rows):
        texts = (f"{cell:.1f}" if isinstance(cell, float) else f"{cell}" for cell in cells)
        yield [name.strip().rpartition("/")[2], *texts]  # of a model's path its name
        if not number:
            yield ["---"] * width


def table(name: str, rows: Rows) -> str:
    lines = speed_table if isinstance(rows[0][-1], dict) else printed_table
    cells = (growth_table if name == "growth" else lines)(rows)
    return "".join(f"| {' | '.join(each)} |\n".replace("|  |", "| |") for each in cells)


def filled(text: str, results: Mapping[str, Any]) -> str:
    """A document with the figures of these results. Raises LookupError if one isn't there."""

    def fill(match: re.Match[str]) -> str:
        start, name, title, line, end = match.groups()
        rows = results[name]
        if name == "machine":
            return f"{start}{'; '.join(f'{key} {value}' for key, value in rows.items())}{end}"
        if title:
            title, _, other = title.partition(" / ")
            rows = [row for row in rows if row[0].strip() == title]
            if isinstance(rows[0][-1], dict):
                figures = joined(rows)
                figure = figures[other or next(iter(figures))]
            else:
                figure = f"{rows[0][1]:.1f}"
            return f"{start}{line}{figure}{end}"
        return f"{start}\n{table(name, rows)}{end}"

    return MARKED.sub(fill, text)


def main() -> None:
    results = json.loads(RESULTS.read_text())
    for path in DOCUMENTS:
        path.write_text(filled(path.read_text(), results))


if __name__ == "__main__":
    main()
