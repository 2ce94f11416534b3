"""`digits export`."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from digits.cli import plain_app
from digits.terminal import emit

app = plain_app()

_METHODS = ["static"], ["dynamic"], ["weights"]


class _Command(TyperCommand):
    """Lets `--quantize` stand alone, and not take the run folder after it for a method."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given: list[str] = []
        for place, argument in enumerate(args):
            given.append(argument)
            if argument == "--quantize" and args[place + 1 : place + 2] not in _METHODS:
                given += _METHODS[0]
        return super().parse_args(ctx, given)


@app.command(cls=_Command)
def export(
    run: Annotated[
        Path | None, typer.Argument(help="Run folder.", show_default="the newest under runs/")
    ] = None,
    quantize: Annotated[
        Literal["static", "dynamic", "weights"] | None,
        typer.Option(
            help="Write an int8 file too. Without a word after it: static, which is smallest to"
            " run and, for these networks, fastest.",
        ),
    ] = None,
    calibration: Annotated[
        Literal["minmax", "entropy", "percentile"],
        typer.Option(help="How static quantization chooses the range of an activation."),
    ] = "minmax",
    calibration_images: Annotated[
        int, typer.Option(min=1, help="Training digits that it looks at.")
    ] = 1000,
    max_accuracy_drop: Annotated[
        float, typer.Option(min=0, help="Points of validation accuracy that int8 may cost.")
    ] = 0.05,
    triton: Annotated[
        Path | None, typer.Option(help="Folder for a model repository for Triton or KServe.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder with MNIST's four IDX files.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print export.json on one line.")] = False,
) -> None:
    """Turn a trained network into ONNX files that are proven to agree with it."""
    if not math.isfinite(max_accuracy_drop):
        raise typer.BadParameter("--max-accuracy-drop is a number of points")
    # torch and onnx take seconds to import and may not be installed; --help needs neither.
    from digits_export.export import Request
    from digits_export.export import export as write
    from digits_train.run import Run, newest

    request = Request(quantize, calibration, calibration_images, max_accuracy_drop, triton)
    report = write(newest() if run is None else Run(run), request, data)
    if as_json:
        emit(json.dumps(dataclasses.asdict(report)))
        return
    emit("form        kernels        size  validation    test    ece  changed       time  file")
    for form in report.forms:
        emit(
            f"{form.name:10}  {form.kernels:7}  {form.bytes / 1000:7,.0f} KB"
            f"  {form.validation_accuracy:10.2%}  {form.test_accuracy:.2%}"
            f"  {form.test_calibration_error:.2%}  {form.changed:7.2%}"
            f"  {form.microseconds:6,.0f} µs  {form.file}"
        )
