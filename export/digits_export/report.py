"""The figures of an export: for the terminal, the model card and export.json."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from digits_export.detector_calibrate import MapScaling
from digits_export.temperature import TemperatureScaling, TextScaling

# A network's file, run with one kind of kernels, as in export.json: name (fp32 or int8), kernels
# (float or integer), file, bytes, and the figures of its exporter. Shares are 0 to 1.
Variant = dict[str, Any]
Scaling = TemperatureScaling | MapScaling | TextScaling


class Report(NamedTuple):
    """The results of an export.

    scaling: what calibrates the outputs. largest_difference: of an output's value, between fp32 and
    PyTorch. variants: fp32 first. columns: how to format a variant as the row of a table.
    """

    scaling: Scaling
    largest_difference: float
    variants: Sequence[Variant]
    columns: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the contents of export.json."""
        return {
            **self.scaling._asdict(),
            "largest_difference": self.largest_difference,
            "forms": self.variants,
        }

    def table(self) -> list[list[str]]:
        """The head and a row for each variant."""
        cells = [*self.columns.values()]
        rows = ([cell.format(**variant) for cell in cells] for variant in self.variants)
        return [[*self.columns], *rows]

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table for the terminal, with the files' paths."""
        paths = ["file", *(variant["file"] for variant in self.variants)]
        rows = [[*row, path] for row, path in zip(self.table(), paths, strict=True)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            yield "  ".join(map(str.ljust, row, widths)).rstrip()
