"""Export a run: give its checkpoint, and the data to verify it on, to the exporter of its kind."""

import math
from dataclasses import dataclass
from pathlib import Path

from digits.data import datasets
from digits.errors import DigitsError, ModelError
from digits.terminal import print_stderr, progress_bar
from digits.text import escape_control
from digits_export import output
from digits_export.classifier_export import Digits, Report, export_classifier
from digits_export.reader_export import ReaderReport, export_reader
from digits_train import calibration, checkpoint
from digits_train.checkpoint import Checkpoint
from digits_train.models import Network
from digits_train.run import RunDir


@dataclass(frozen=True)
class ExportConfig:
    """What to make of a checkpoint.

    quantize: whether to write an int8 file, too. max_accuracy_drop: validation accuracy that it may
    cost, in percentage points. triton: folder for a Triton model repository. architecture: the only
    one accepted; None for any.
    """

    quantize: bool = False
    max_accuracy_drop: float = 0.05
    triton: Path | None = None
    architecture: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.max_accuracy_drop < math.inf:
            raise DigitsError(
                f"max accuracy drop must be finite and >= 0, got {self.max_accuracy_drop}"
            )


def export_run(
    run: RunDir, config: ExportConfig, data: Path | None = None
) -> Report | ReaderReport:
    """Write ARCHITECTURE.onnx, ARCHITECTURE.int8.onnx if requested, export.json and MODEL_CARD.md.

    Writes to the run folder, atomically, after all checks; deletes the int8 file of an earlier
    export if it isn't replaced. data: for a classifier; a reader's pages are drawn. Raises
    DigitsError if the checkpoint is unusable, a check fails or a file can't be written.
    """
    loaded = checkpoint.load(run.checkpoint)
    provenance = loaded.provenance
    if config.architecture not in (None, provenance.architecture):
        raise ModelError(
            f"{run.folder} contains {provenance.architecture}, not {config.architecture};"
            " name the run to export"
        )
    epochs = provenance.recipe.get("epochs")
    print_stderr(escape_control(f"exporting {run.folder}, epoch {provenance.epoch} of {epochs}"))
    if config.triton is not None and config.triton.exists() and not config.triton.is_dir():
        raise DigitsError(f"{config.triton} is not a folder")
    limits = config.quantize, config.max_accuracy_drop
    report: Report | ReaderReport
    if isinstance(loaded.model, Network):
        digits = _load_digits(loaded, data)
        with progress_bar() as bar:
            bar.add_task("exporting and verifying", total=None)
            report, results = export_classifier(run, loaded, digits, *limits)
    else:
        with progress_bar() as bar:
            bar.add_task("drawing pages, exporting and verifying", total=None)
            pages = calibration.draw_pages()
            report, results = export_reader(run, loaded, pages, *limits)
    output.write(results, config.triton)
    return report


def _load_digits(loaded: Checkpoint, data: Path | None) -> Digits:
    """Load the same data as in training: other splits might contain training digits."""
    provenance = loaded.provenance
    if provenance.validation_accuracy is None:
        print_stderr(
            "warning: trained on the validation digits too; accuracy on them is optimistic"
        )
    dataset = datasets.load(data, lambda error: print_stderr(f"warning: {error}"))
    datasets.verify_checksums(dataset, provenance.data_sha256, data)
    if not provenance.recipe.get("outliers"):
        return Digits(dataset.splits)
    with progress_bar() as bar:
        bar.add_task("drawing outliers", total=None)
        return Digits(dataset.splits, calibration.draw_outliers(dataset.splits["validation"]))
