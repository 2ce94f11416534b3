"""Refit a model to labelled pictures: `digits adapt`."""

from pathlib import Path

import typer

from digits.adapt import adapt as refit
from digits.data import datasets
from digits.files import write_bytes
from digits.inference.metadata import Metadata
from digits.inference.model_file import load
from digits.terminal import print_result


def adapt(model: Path | None, labels: Path, output: Path) -> None:
    """Write the model with its last layer refitted. Raises DigitsError, as `digits.adapt.adapt`."""
    if output.suffix.lower() != ".onnx":  # such as that of the labels
        raise typer.BadParameter("--output writes an .onnx file")

    file = load(model, Metadata)
    adapted = refit(file, datasets.load_own(labels, datasets.skip))
    write_bytes(output, adapted.content)
    print_result(
        f"{output}  of {adapted.total} pictures {adapted.before} were read wrong, and"
        f" {adapted.after} are now (cross-validated)"
    )
