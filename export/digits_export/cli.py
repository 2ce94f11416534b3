"""`digits export`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer
from typer.core import TyperCommand

from digits.commands.options import Data, make_app, path_argument, path_option
from digits.terminal import print_result
from digits.text import escape_control

if TYPE_CHECKING:
    from digits_export.export import Report
    from digits_export.reader_export import ReaderReport

app = make_app()

# As in .quantize and .calibrate, which take seconds to import.
QuantizationMethod = Literal["static", "dynamic", "weights"]
CalibrationMethod = Literal["minmax", "entropy", "percentile"]

_METHODS = get_args(QuantizationMethod)

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
    QuantizationMethod | None,
    typer.Option(
        help="Also write an int8 file; without this option, an earlier one is deleted. Methods:"
        " static (the default), dynamic or weights; of a reader, the weights alone."
    ),
]
Calibration = Annotated[
    CalibrationMethod | None,
    typer.Option(
        help="How static quantization chooses the range of an activation.",
        show_default="minmax",
    ),
]
CalibrationImages = Annotated[
    int | None,
    typer.Option(min=1, help="Training digits used for calibration.", show_default="1000"),
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


class _OptionalValueCommand(TyperCommand):
    """Lets `--quantize` have no value, and doesn't take the run folder after it for one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--quantize" in args:
            place = args.index("--quantize") + 1
            after = args[place] if place < len(args) else "-"
            if after not in _METHODS:
                if not after.startswith("-") and not Path(after).exists():
                    methods = ", ".join(_METHODS)
                    raise typer.BadParameter(
                        f"{after!r} after --quantize is neither a run folder nor one of {methods}"
                    )
                args = [*args[:place], _METHODS[0], *args[place:]]
        return super().parse_args(ctx, args)


@app.command(cls=_OptionalValueCommand)
def export(
    run: RunFolder = None,
    model: Model = None,
    quantize: Quantize = None,
    calibration: Calibration = None,
    calibration_images: CalibrationImages = None,
    max_accuracy_drop: MaxAccuracyDrop = 0.05,
    triton: Triton = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Export a trained network to ONNX files, and verify that they agree with it."""
    if quantize != "static" and (calibration or calibration_images):
        raise typer.BadParameter("--calibration and --calibration-images need --quantize static")
    # torch and onnx take seconds to import and may not be installed; --help needs neither.
    from digits_export.export import ExportConfig, Report, export_run
    from digits_train import models
    from digits_train.run import find_run, latest_run

    config = ExportConfig(
        quantization=quantize,
        calibration=calibration or ExportConfig.calibration,
        calibration_images=calibration_images or ExportConfig.calibration_images,
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
