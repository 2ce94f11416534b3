"""`digits export`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digits.commands.options import Data, make_app, path_argument, path_option
from digits.terminal import print_result
from digits.text import escape_control

if TYPE_CHECKING:
    from digits_export.classifier_export import Report
    from digits_export.reader_export import ReaderReport

app = make_app()

RunFolder = Annotated[
    Path | None,
    path_argument("Run folder, or the checkpoint in it.", show_default="the newest under runs/"),
]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.py:CLASS",
        help="Your own network, as given to `digits train --model`.",
    ),
]
Quantize = Annotated[
    bool,
    typer.Option(
        "--quantize",
        help="Also write an int8 file; without this option, an earlier one is deleted.",
    ),
]
MaxAccuracyDrop = Annotated[
    float,
    typer.Option(min=0, help="Validation accuracy that int8 may cost, in percentage points."),
]
Triton = Annotated[
    Path | None,
    path_option(
        "Also write a model repository for Triton or KServe to this folder, with the file"
        " that is fastest with default options."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print export.json on one line.")]


@app.command()
def export(
    run: RunFolder = None,
    model: Model = None,
    quantize: Quantize = False,
    max_accuracy_drop: MaxAccuracyDrop = 0.05,
    triton: Triton = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Export a trained network to ONNX files, and verify that they agree with it."""
    # torch and onnx take seconds to import and may not be installed; --help needs neither.
    from digits_export.classifier_export import Report
    from digits_export.export import ExportConfig, export_run
    from digits_train import models
    from digits_train.run import find_run, latest_run

    config = ExportConfig(
        quantize=quantize,
        max_accuracy_drop=max_accuracy_drop,
        triton=triton,
        architecture=None if model is None else models.register(model),
    )
    report = export_run(latest_run() if run is None else find_run(run), config, data)
    if as_json:
        print_result(json.dumps(report.to_dict()))
        return
    for line in _lines(report) if isinstance(report, Report) else _reader_lines(report):
        print_result(line)


def _lines(report: "Report") -> Iterator[str]:
    yield "form        kernels        size  validation    test    ece  changed       time  file"
    for variant in report.variants:
        yield (
            f"{variant.name:10}  {variant.kernels:7}  {variant.bytes / 1000:7,.0f} KB"
            f"  {variant.validation_accuracy:10.2%}  {variant.test_accuracy:.2%}"
            f"  {variant.test_calibration_error:.2%}  {variant.disagreement:7.2%}"
            f"  {variant.microseconds:6,.0f} µs  {escape_control(variant.file)}"
        )


def _reader_lines(report: "ReaderReport") -> Iterator[str]:
    yield "form           size  errors  missed  wrong  invented  megapixel  300x150  file"
    for variant in report.variants:
        yield (
            f"{variant.name:10} {variant.bytes / 1000:5,.0f} KB  {variant.error:6.2%}"
            f"  {variant.missed:6}  {variant.wrong:5}  {variant.invented:8}"
            f"  {variant.milliseconds:6,.0f} ms  {variant.crop_milliseconds:4,.1f} ms"
            f"  {escape_control(variant.file)}"
        )
