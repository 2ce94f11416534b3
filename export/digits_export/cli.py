"""`digits export`."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from digits.cli import plain_app
from digits.progress import progress_bar

app = plain_app()


@app.command()
def export(
    run: Annotated[
        Path | None, typer.Argument(help="Run folder.", show_default="the newest under runs/")
    ] = None,
    quantize: Annotated[bool, typer.Option("--quantize", help="Write an int8 file too.")] = False,
    data: Annotated[Path | None, typer.Option(help="Folder with MNIST's four IDX files.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print export.json on one line.")] = False,
) -> None:
    """Turn a trained network into ONNX files that are proven to agree with it."""
    # torch and onnx take seconds to import and may not be installed; --help needs neither.
    from digits_export.export import export as write
    from digits_train.run import Run, newest

    with progress_bar() as bar:
        bar.add_task("exporting and verifying", total=None)
        report = write(newest() if run is None else Run(run), quantize, data)
    if as_json:
        print(json.dumps(dataclasses.asdict(report)))
        return
    print("form        kernels     size  validation    test  changed  file")
    for form in report.forms:
        print(
            f"{form.name:10}  {form.kernels:7}  {form.bytes / 1000:4.0f} KB"
            f"  {form.measured.validation_accuracy:10.2%}  {form.measured.test_accuracy:.2%}"
            f"  {form.measured.changed:7}  {form.file}"
        )
