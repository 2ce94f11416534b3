"""What export.json says of an export."""

from dataclasses import asdict, dataclass
from typing import Any

from digits_export.reader_calibrate import MapScaling
from digits_export.temperature import TemperatureScaling


@dataclass(frozen=True)
class Variant:
    """One form of a classifier, run with one kind of kernels. Shares are 0 to 1."""

    name: str  # checkpoint, fp32 or int8
    kernels: str  # torch, float or integer
    file: str
    bytes: int
    validation_accuracy: float
    test_accuracy: float
    test_calibration_error: float  # expected calibration error (ECE)
    rejection_threshold: float  # on confidence, see `temperature.rejection_threshold`
    changed: float  # share of the test digits read differently from the checkpoint
    microseconds: float  # one digit, one thread, on the machine that exported


@dataclass(frozen=True)
class ReaderVariant:
    """One form of a reader. Numbers of symbols are those on all validation pages."""

    name: str  # checkpoint, fp32 or int8
    file: str
    bytes: int
    symbols: int
    missed: int
    wrong: int
    invented: int
    exact_pages: int
    milliseconds: float  # a page of a megapixel, one thread, on the machine that exported
    crop_milliseconds: float  # 300x150 pixels
    error: float  # the error rate: may be above 1


@dataclass(frozen=True)
class Report:
    """The results of an export.

    scaling: what calibrates the outputs. largest_difference: of an output's value, between fp32 and
    PyTorch. variants: all Variant or all ReaderVariant, the checkpoint first.
    """

    scaling: TemperatureScaling | MapScaling
    largest_difference: float
    variants: list[Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the contents of export.json."""
        return {
            **self.scaling._asdict(),
            "largest_difference": self.largest_difference,
            "forms": [asdict(variant) for variant in self.variants],
        }
