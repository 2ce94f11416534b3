"""`digits export`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digits.commands.options import Data, make_app, path_argument, path_option
from digits.terminal import print_result
from digits.text import escape_control

if TYPE_CHECKING:
    from digits_export.report import ReaderVariant, Variant

app = make_app()


@app.command()
def export(
    run: Annotated[Path | None, path_argument("RUN")] = None,
    network: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.py:CLASS",
            help="Your own network, as given to `digits train --network`.",
        ),
    ] = None,
    quantize: Annotated[
        bool,
        typer.Option(
            "--quantize",
            help="Also write an int8 file; without this option, an earlier one is deleted.",
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Export even if fine-tuning or int8 made the network read worse."
        ),
    ] = False,
    triton: Annotated[
        Path | None,
        path_option(
            "DIR",
            "Also write a model repository for Triton or KServe to this folder.",
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Export a trained network to ONNX files, and verify that they agree with it.

    RUN is a run folder, or the checkpoint in it; by default the newest under runs/.
    """
    # torch and onnx take seconds to import and may not be installed; --help needs neither.
    from digits_export.export import ExportConfig, export_run
    from digits_export.report import Variant
    from digits_train import models
    from digits_train.run import find_run, latest_run

    architecture = None if network is None else models.register(network)
    config = ExportConfig(quantize, triton, architecture, force)
    report = export_run(latest_run() if run is None else find_run(run), config, data)
    first, *_ = report.variants
    for line in (_lines if isinstance(first, Variant) else _reader_lines)(report.variants):
        print_result(line)


def _lines(variants: "Sequence[Variant]") -> Iterator[str]:
    yield "form        kernels        size  validation    test    ece  changed       time  file"
    for variant in variants:
        yield (
            f"{variant.name:10}  {variant.kernels:7}  {variant.bytes / 1000:7,.0f} KB"
            f"  {variant.validation_accuracy:10.2%}  {variant.test_accuracy:.2%}"
            f"  {variant.test_calibration_error:.2%}  {variant.changed:7.2%}"
            f"  {variant.microseconds:6,.0f} µs  {escape_control(variant.file)}"
        )


def _reader_lines(variants: "Sequence[ReaderVariant]") -> Iterator[str]:
    yield "form           size  errors  missed  wrong  invented  megapixel  300x150  file"
    for variant in variants:
        yield (
            f"{variant.name:10} {variant.bytes / 1000:5,.0f} KB  {variant.error:6.2%}"
            f"  {variant.missed:6}  {variant.wrong:5}  {variant.invented:8}"
            f"  {variant.milliseconds:6,.0f} ms  {variant.crop_milliseconds:4,.1f} ms"
            f"  {escape_control(variant.file)}"
        )
