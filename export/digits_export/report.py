"""The figures of an export: for the terminal, the model card and export.json."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from digits_export.detector_calibrate import MapScaling
from digits_export.temperature import TemperatureScaling, TextScaling

# A network's file, run with one kind of kernels, as in export.json: name (fp32 or int8), kernels
# (float or integer), bytes, the figures of its exporter, and the file. Shares are 0 to 1.
Form = dict[str, Any]
Scaling = TemperatureScaling | MapScaling | TextScaling


class Report(NamedTuple):
    """The results of an export.

    scaling: what calibrates the outputs. largest_difference: of an output's value, between fp32 and
    PyTorch. forms: fp32 first.
    """

    scaling: Scaling
    largest_difference: float
    forms: Sequence[Form]

    def to_dict(self) -> dict[str, Any]:
        """Return the contents of export.json."""
        return {
            **self.scaling._asdict(),
            "largest_difference": self.largest_difference,
            "forms": self.forms,
        }

    def table(self) -> list[list[str]]:
        """The head and a row for each form."""
        head = [name.replace("_", " ") for name in self.forms[0]]
        return [head, *([*map(_format, form.values())] for form in self.forms)]

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table for the terminal."""
        rows = self.table()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            yield "  ".join(map(str.ljust, row, widths)).rstrip()


def _format(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2%}"
    return f"{value:,}" if isinstance(value, int) else str(value)
