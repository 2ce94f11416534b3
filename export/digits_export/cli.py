"""`digits export`."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import typer
from typer.core import TyperCommand

from digits.commands.options import Data, plain_app
from digits.terminal import emit, printable
from digits_export import options

if TYPE_CHECKING:
    from digits_export.export import Report

app = plain_app()

_METHODS = get_args(options.Method)


class _Command(TyperCommand):
    """Lets `--quantize` stand alone, and not take the run folder after it for a method."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--quantize" in args:
            place = args.index("--quantize") + 1
            after = args[place] if place < len(args) else "-"
            if after not in _METHODS:
                if not after.startswith("-") and not Path(after).exists():
                    methods = ", ".join(_METHODS)
                    raise typer.BadParameter(f"{after!r} is no run folder, and not {methods}")
                args = [*args[:place], _METHODS[0], *args[place:]]
        return super().parse_args(ctx, args)


@app.command(cls=_Command)
def export(
    run: options.RunFolder = None,
    model: options.Model = None,
    quantize: options.Quantize = None,
    calibration: options.Calibration = None,
    calibration_images: options.CalibrationImages = None,
    max_accuracy_drop: options.MaxAccuracyDrop = 0.05,
    triton: options.Triton = None,
    data: Data = None,
    as_json: options.Json = False,
) -> None:
    """Turn a trained network into ONNX files that are proven to agree with it."""
    if quantize != "static" and (calibration or calibration_images):
        raise typer.BadParameter("only static quantization is calibrated")
    # torch and onnx take seconds to import and may not be installed; --help needs neither.
    from digits_export.export import Request
    from digits_export.export import export as write
    from digits_train import models
    from digits_train.run import find, newest

    architecture = models.add(model) if model is not None else None
    request = Request(
        quantize,
        calibration or Request.calibration,
        calibration_images or Request.calibration_images,
        max_accuracy_drop,
        triton,
        architecture,
    )
    report = write(newest() if run is None else find(run), request, data)
    if as_json:
        emit(json.dumps(dataclasses.asdict(report)))
    else:
        _print(report)


def _print(report: "Report") -> None:
    emit("form        kernels        size  validation    test    ece  changed       time  file")
    for form in report.forms:
        emit(
            f"{form.name:10}  {form.kernels:7}  {form.bytes / 1000:7,.0f} KB"
            f"  {form.validation_accuracy:10.2%}  {form.test_accuracy:.2%}"
            f"  {form.test_calibration_error:.2%}  {form.changed:7.2%}"
            f"  {form.microseconds:6,.0f} µs  {printable(form.file)}"
        )
