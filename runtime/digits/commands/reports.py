"""Print the values that `eval`, `info` and `bench` report: as JSON, or in lines for people."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from digits.inference.interface import INTERFACES, add_batch, describe
from digits.terminal import print_result
from digits.text import escape_control, to_json

if TYPE_CHECKING:
    from digits.inference.metadata import ModelMetadata
    from digits.inference.model_file import ModelFile

_MAX_ROWS = 12  # of a table of examples
_MAX_CELL = 44  # characters


def print_report(values: Mapping[str, Any], as_json: bool) -> None:
    """Print values, which docs/output.md describes, as a JSON object or for people."""
    for line in [to_json(values)] if as_json else lines(values):
        print_result(line)


def info(file: "ModelFile[ModelMetadata]") -> dict[str, Any]:
    """List what is in a model file. Raises ModelError for metadata that isn't JSON."""
    from digits.inference.metadata import parse_objects

    interface = INTERFACES[file.metadata.task]
    return {
        "file": file.name,
        "bytes": len(file.content),
        "sha256": file.sha256,
        "input": describe(add_batch([interface.input])),
        "output": describe(add_batch(interface.outputs)),
        "metadata": asdict(file.metadata) | parse_objects(file.metadata, file.name),
    }


def lines(values: Mapping[str, Any]) -> Iterator[str]:
    """Format values for people: a line for each, and a table for those that are alike.

    >>> print(*lines({"a": 0.98765, "b": {"c": 1000}, "d": [{"x": 1, "y": None}]}), sep="\\n")
    a    0.9877
    b.c  1,000
    <BLANKLINE>
    d
      x  y
      1  –
    """
    flat = dict(_flatten(values))
    width = max(map(len, flat))
    tables = {name: value for name, value in flat.items() if _is_table(value)}
    for name, value in flat.items():
        if name not in tables:
            yield escape_control(f"{name:{width}}  {_format(value)}")
    for name, rows in tables.items():
        yield from ("", name)
        examples = rows if name == "fields" else rows[:_MAX_ROWS]
        yield from (f"  {row}".rstrip() for row in _table(examples))


def _flatten(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values in all objects, with their paths."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _is_table(value: object) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(row, list | dict) for row in value)


def _table(rows: Sequence[Any]) -> Iterator[str]:
    """Yield the lines of a table, with a column for each path, or for each index of a matrix."""
    records = (row if isinstance(row, dict) else dict(enumerate(row)) for row in rows)
    flat = [dict(_flatten({str(key): value for key, value in row.items()})) for row in records]
    columns = [*dict.fromkeys(column for row in flat for column in row)]
    cells = [columns]
    cells += [[_format(row.get(key))[:_MAX_CELL] for key in columns] for row in flat]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield escape_control("  ".join(map(str.ljust, line, widths)))


def _format(value: object) -> str:
    """Format a number with four digits, a text in one line, or a list of these."""
    if value is None or isinstance(value, float) and math.isnan(value):
        return "–"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, list | tuple | dict):
        return " ".join(map(_format, value)) or "–"
    return str(value).replace("\n", "/")
