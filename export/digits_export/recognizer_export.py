"""How recognizers are exported: calibrated and judged on synthetic crops of numbers."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from digits.errors import ModelError
from digits.inference.detector_model import DetectorModel
from digits.inference.interface import CROP_HEIGHT, RECOGNIZER
from digits.inference.metadata import Kernels, RecognizerMetadata
from digits.inference.model_file import BUNDLED_DETECTOR
from digits.inference.recognizer_model import padded
from digits.inference.second_opinion import SecondOpinion
from digits.inference.session import open_session
from digits.reader.looks import RecognizeFn
from digits.terminal import print_stderr
from digits_export import verify
from digits_export.exporter import Batches, Exporter
from digits_export.number_calibration import fit_calibration, fit_second_opinion, read_pages
from digits_export.report import Variant
from digits_export.temperature import TextScaling
from digits_train.checkpoint import Checkpoint
from digits_train.data import held_out
from digits_train.data.recognizer_batches import Batch
from digits_train.symbols import LabelledPage
from digits_train.tasks.recognition import judge

# Divides the log probabilities: the network learns from what people can hardly read, and so doubts
# most symbols a little. Between 0.35 and 0.7, what is written on pages is about as likely.
TEMPERATURE = 0.5

_PARITY_BATCHES = 4


class CalibratedRecognizer(nn.Module):
    """A recognizer and its calibration as what is exported."""

    def __init__(self, network: nn.Module, scaling: TextScaling) -> None:
        super().__init__()
        self.network, self._scaling = network, scaling

    def forward(self, crops: Tensor) -> Tensor:
        scores: Tensor = self.network(crops) / self._scaling.temperature
        return scores.log_softmax(2)


class RecognizerExporter(Exporter):
    """Synthetic crops of numbers, by hands that it was not trained on, judge a recognizer."""

    metadata = RecognizerMetadata
    max_difference = 1e-4  # in log probability, of which most are above -20
    max_drop, judges = 0.3, "validation numbers"  # some are as likely as not, and turn either way
    columns = {
        "form": "{name}",
        "size": "{bytes:,} bytes",
        "exact": "{accuracy:.2%}",
        "errors": "{errors:.2%}",
        "invented": "{invented:.2%}",
        "loss": "{loss:.4f}",
    }

    def __init__(
        self,
        loaded: Checkpoint,
        batches: Sequence[Batch],
        pages: Sequence[LabelledPage],
    ) -> None:
        """batches: of validation crops. pages: of numbers, to calibrate their certainty."""
        super().__init__(loaded)
        self._batches = batches
        self.total = sum(bool(text) for batch in batches for text in batch.texts)
        self.parity = self.calibration = parity_inputs(batches)
        self.scaling = TextScaling(TEMPERATURE)
        self.network = CalibratedRecognizer(loaded.model, self.scaling).eval()
        recognize = partial(log_probabilities, self.network)
        maps = DetectorModel(BUNDLED_DETECTOR, sha256="").maps
        second_opinion = _second_opinion()
        numbers = [*read_pages(maps, recognize, pages, second_opinion)]
        self._alone = fit_calibration(numbers)
        self._together = fit_second_opinion(numbers) if second_opinion else self._alone

    @classmethod
    def prepare(cls, loaded: Checkpoint, data: Path | None) -> Self:
        return cls(loaded, held_out.draw_batches(), held_out.draw_number_pages())

    def evaluate(self, model: bytes, name: str, kernels: Kernels) -> dict[str, float]:
        """The figures of a file, see `judge`."""
        run = verify.session_outputs(open_session(model, kernels), RECOGNIZER)
        outputs = [torch.from_numpy(run(batch.inputs.numpy())[0]) for batch in self._batches]
        return judge(self._batches, outputs)[0]

    def error(self, variant: Variant) -> float:
        return 1 - float(variant["accuracy"])

    def describe(self, variant: Variant, exact: Variant) -> dict[str, Any]:
        provenance = self.loaded.provenance
        return {
            "training_crops": provenance.progress * provenance.experiment.recipe.batch_size,
            "temperature": round(self.scaling.temperature, 6),
            "number_temperature": round(self._alone.temperature, 6),
            "number_shift": round(self._alone.shift, 6),
            "second_opinion_temperature": round(self._together.temperature, 6),
            "second_opinion_shift": round(self._together.shift, 6),
            "second_opinion_weight": round(self._together.second_opinion_weight, 6),
            "validation_crops": sum(batch.size for batch in self._batches),
            "validation_numbers": self.total,
            "validation_accuracy_float": exact["accuracy"],
            "validation_accuracy": variant["accuracy"],
            "validation_error_float": exact["errors"],
            "validation_error": variant["errors"],
        }


def _second_opinion() -> RecognizeFn | None:
    """The other recognizer, if it is installed; without it, a file can't be used with it."""
    try:
        return SecondOpinion().log_probabilities
    except ModelError as error:
        print_stderr(f"warning: no calibration of a second opinion: {error}")
        return None


def log_probabilities(
    network: nn.Module, crops: Sequence[NDArray[np.uint8]]
) -> list[NDArray[np.float32]]:
    """See `RecognizerModel.log_probabilities`."""
    with torch.inference_mode():
        return [network(torch.from_numpy(padded([crop])))[0].numpy() for crop in crops]


def parity_inputs(batches: Sequence[Batch]) -> Batches:
    """Return noise of two widths, and some of the crops, as inputs of a network."""
    noise = np.random.default_rng(0).integers(0, 256, (3, 1, CROP_HEIGHT, 320), np.uint8)
    some = batches[:: max(1, len(batches) // _PARITY_BATCHES)]
    return [noise, noise[:1, ..., :16], *(batch.inputs.numpy() for batch in some)]
