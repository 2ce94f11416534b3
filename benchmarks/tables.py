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
DOCUMENTS = (ROOT / "docs" / "results.md", ROOT / "docs" / "textbook.md")
MARKED = re.compile(r"(<!-- bench: ([^:>]+)(?:: (.+?))? -->)(\n?).*?(<!-- end -->)", re.DOTALL)

Rows = list[list[Any]]  # as in the JSON: what `Row` has


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


def table(rows: Rows) -> str:
    lines = [["", "digits", "others"], ["---"] * 3]
    for title, group in groupby(rows, lambda row: row[0]):
        ours, others = list[str](), list[str]()
        for name, figures in joined(group).items():
            own = name.startswith(("digits", "before"))
            label = name.removeprefix("digits").removeprefix(", ") if own else name
            (ours if own else others).append(f"{label} {figures}".strip())
        lines.append([title, "; ".join(ours), "; ".join(others)])
    return "".join(f"| {' | '.join(each)} |\n".replace("|  |", "| |") for each in lines)


def filled(text: str, results: Mapping[str, Any]) -> str:
    """A document with the figures of these results. Raises LookupError if one isn't there."""

    def fill(match: re.Match[str]) -> str:
        start, name, title, line, end = match.groups()
        rows = results[name]
        if name == "machine":
            return f"{start}{'; '.join(f'{key} {value}' for key, value in rows.items())}{end}"
        if title:
            title, _, other = title.partition(" / ")
            figures = joined(row for row in rows if row[0] == title)
            return f"{start}{line}{figures[other or [*figures][0]]}{end}"
        return f"{start}\n{table(rows)}{end}"

    return MARKED.sub(fill, text)


def main() -> None:
    results = json.loads(RESULTS.read_text())
    for path in DOCUMENTS:
        path.write_text(filled(path.read_text(), results))


if __name__ == "__main__":
    main()
