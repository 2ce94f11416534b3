"""The figures of an export: for the terminal, the model card and export.json."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from digits_export.reader_calibrate import MapScaling
from digits_export.temperature import TemperatureScaling

Row = dict[str, str]  # by column


@dataclass(frozen=True)
class Variant:
    """One form of a classifier, run with one kind of kernels. Shares are 0 to 1."""

    name: str  # fp32 or int8
    kernels: str  # float or integer
    file: str
    bytes: int
    validation_accuracy: float
    test_accuracy: float
    test_calibration_error: float  # expected calibration error (ECE)
    rejection_threshold: float  # on confidence, see `temperature.rejection_threshold`
    changed: float  # share of the test digits read differently from the fp32 file
    microseconds: float  # one digit, one thread, on the machine that exported

    def row(self) -> Row:
        """The cells of a table."""
        return {
            "form": self.name,
            "kernels": self.kernels,
            "size": f"{self.bytes:,} bytes",
            "validation": f"{self.validation_accuracy:.2%}",
            "test": f"{self.test_accuracy:.2%}",
            "ECE": f"{self.test_calibration_error:.2%}",
            "changed": f"{self.changed:.2%}",
            "time": f"{self.microseconds:,.0f} µs",
        }


@dataclass(frozen=True)
class ReaderVariant:
    """One form of a reader. Numbers of symbols are those on all validation pages."""

    name: str  # fp32 or int8
    file: str
    bytes: int
    symbols: int
    missed: int
    wrong: int
    invented: int
    milliseconds: float  # a page of a megapixel, one thread, on the machine that exported
    crop_milliseconds: float  # 300x150 pixels
    error: float  # the error rate: may be above 1

    def row(self) -> Row:
        """The cells of a table."""
        return {
            "form": self.name,
            "size": f"{self.bytes:,} bytes",
            "errors": f"{self.error:.2%}",
            "missed": f"{self.missed}",
            "wrong": f"{self.wrong}",
            "invented": f"{self.invented}",
            "megapixel": f"{self.milliseconds:,.0f} ms",
            "300x150": f"{self.crop_milliseconds:,.1f} ms",
        }


@dataclass(frozen=True)
class Report:
    """The results of an export.

    scaling: what calibrates the outputs. largest_difference: of an output's value, between fp32 and
    PyTorch. variants: all Variant or all ReaderVariant, fp32 first.
    """

    scaling: TemperatureScaling | MapScaling
    largest_difference: float
    variants: Sequence[Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the contents of export.json."""
        return {
            **self.scaling._asdict(),
            "largest_difference": self.largest_difference,
            "forms": [asdict(variant) for variant in self.variants],
        }

    def lines(self) -> Iterator[str]:
        """Yield the lines of a table for the terminal."""
        rows = [variant.row() | {"file": variant.file} for variant in self.variants]
        cells = [[*rows[0]], *([*row.values()] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for line in cells:
            yield "  ".join(map(str.ljust, line, widths)).rstrip()
