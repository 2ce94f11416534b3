"""How recognizers are exported: calibrated and judged on synthetic crops of numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference.detector_model import DetectorModel
from digits.inference.interface import CROP_HEIGHT, RECOGNIZER
from digits.inference.metadata import ComputeType, RecognizerMetadata
from digits.inference.model_file import BUNDLED_DETECTOR
from digits.inference.recognizer_model import CropReading, padded
from digits.inference.second_opinion import SecondOpinion
from digits.inference.session import open_session
from digits.reader.looks import OpinionFn
from digits.terminal import print_stderr
from digits_export import verify
from digits_export.exporter import Batches, Exporter
from digits_export.number_calibration import fit_calibration, fit_second_opinion, read_pages
from digits_export.temperature import fit_log_odds
from digits_train.checkpoint import Checkpoint
from digits_train.data import held_out
from digits_train.data.recognizer_batches import TextBatch
from digits_train.tasks.recognition import evaluate_outputs

_PARITY_BATCHES = 4


class RecognizerExporter(Exporter):
    """Synthetic crops of numbers, by hands that it was not trained on, judge a recognizer."""

    metadata = RecognizerMetadata
    max_difference = 1e-4  # in log probability and log odds, of which most are above -20
    max_drop, judges = 0.3, "validation numbers"  # some are as likely as not, and turn either way

    def __init__(self, loaded: Checkpoint, data: Path | None) -> None:
        super().__init__(loaded, data)
        self._batches = batches = held_out.draw_batches()
        self.total = sum(bool(text) for batch in batches for text in batch.targets.texts)
        self.parity = self.calibration = parity_inputs(batches)
        self.network = loaded.model.eval()
        run = verify.module_outputs(self.network)

        def recognize(crops: Sequence[NDArray[np.uint8]]) -> list[CropReading]:
            outputs = (run(padded([crop])) for crop in crops)
            return [CropReading(rows, float(log_odds)) for [rows], [log_odds] in outputs]

        log_odds = np.concatenate([run(batch.inputs.numpy())[1] for batch in batches])
        are_whole = torch.cat([batch.targets.whole for batch in batches]).numpy()
        whole_temperature, whole_shift = fit_log_odds(log_odds.astype(np.float64), are_whole)
        maps = DetectorModel(BUNDLED_DETECTOR, sha256="").maps
        second_opinion = _second_opinion()
        numbers = [*read_pages(maps, recognize, held_out.draw_number_pages(), second_opinion)]
        alone = fit_calibration(numbers)
        together = fit_second_opinion(numbers) if second_opinion else alone
        provenance = loaded.provenance
        self.facts = {
            "training_crops": provenance.progress * provenance.experiment.recipe.batch_size,
            "temperature": 1.0,
            "number_temperature": alone.temperature,
            "number_shift": alone.shift,
            "whole_temperature": whole_temperature,
            "whole_shift": whole_shift,
            "second_opinion_temperature": together.temperature,
            "second_opinion_shift": together.shift,
            "second_opinion_weight": together.second_opinion_weight,
            "validation_crops": sum(batch.size for batch in batches),
            "validation_numbers": self.total,
        }

    def evaluate(self, model: bytes, compute_type: ComputeType) -> dict[str, Any]:
        """The figures of a file, see `recognition.evaluate_outputs`."""
        run = verify.session_outputs(open_session(model, compute_type), RECOGNIZER)
        outputs = (map(torch.from_numpy, run(batch.inputs.numpy())) for batch in self._batches)
        figures, _ = evaluate_outputs(self._batches, [(rows, whole) for rows, whole in outputs])
        return {
            "validation_accuracy": figures["accuracy"],
            "validation_error": figures["errors"],
            "invented": figures["invented"],
            "whole": figures["whole"],
        }


def _second_opinion() -> OpinionFn | None:
    """The other recognizer, if it is installed; without it, a file can't be used with it."""
    try:
        return SecondOpinion().log_probabilities
    except ModelError as error:
        print_stderr(f"warning: no calibration of a second opinion: {error}")
        return None


def parity_inputs(batches: Sequence[TextBatch]) -> Batches:
    """Return noise of two widths, and some of the crops, as inputs of a network."""
    noise = np.random.default_rng(0).integers(0, 256, (3, 1, CROP_HEIGHT, 320), np.uint8)
    some = batches[:: max(1, len(batches) // _PARITY_BATCHES)]
    return [noise, noise[:1, ..., :16], *(batch.inputs.numpy() for batch in some)]
