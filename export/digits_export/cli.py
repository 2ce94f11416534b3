"""`digits export`."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from digits.cli import plain_app
from digits.terminal import emit

app = plain_app()


@app.command()
def export(
    run: Annotated[
        Path | None, typer.Argument(help="Run folder.", show_default="the newest under runs/")
    ] = None,
    quantize: Annotated[bool, typer.Option("--quantize", help="Write an int8 file too.")] = False,
    max_accuracy_drop: Annotated[
        float, typer.Option(min=0, help="Points of validation accuracy that int8 may cost.")
    ] = 0.05,
    data: Annotated[Path | None, typer.Option(help="Folder with MNIST's four IDX files.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print export.json on one line.")] = False,
) -> None:
    """Turn a trained network into ONNX files that are proven to agree with it."""
    # torch and onnx take seconds to import and may not be installed; --help needs neither.
    from digits_export.export import export as write
    from digits_train.run import Run, newest

    report = write(newest() if run is None else Run(run), quantize, data, max_accuracy_drop)
    if as_json:
        emit(json.dumps(dataclasses.asdict(report)))
        return
    emit("form        kernels       size  validation    test    ece  changed  file")
    for form in report.forms:
        emit(
            f"{form.name:10}  {form.kernels:7}  {form.bytes / 1000:6.0f} KB"
            f"  {form.measured.validation_accuracy:10.2%}  {form.measured.test_accuracy:.2%}"
            f"  {form.measured.test_calibration_error:.2%}"
            f"  {form.measured.changed:7}  {form.file}"
        )
