"""`digits export`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from digits.commands.options import Data, make_app, option, path_argument
from digits.errors import DigitsError, reporting
from digits.files import write_all
from digits.terminal import print_result
from digits.text import escape_control

_NETWORK = "Your own network, as given to `digits train --network`."
_QUANTIZE = "Also write an int8 file; without this option, an earlier one is deleted."
_FORCE = "Export even if int8 makes the network read worse."
_FORMAT = "Also write the int8 file as C99."

app = make_app()


@app.command()
def export(
    run: Annotated[Path | None, path_argument("RUN")] = None,
    network: Annotated[str | None, option("FILE.py:CLASS", _NETWORK)] = None,
    quantize: Annotated[bool, typer.Option("--quantize", help=_QUANTIZE)] = False,
    port: Annotated[Literal["c"] | None, typer.Option("--format", help=_FORMAT)] = None,
    force: Annotated[bool, typer.Option("--force", help=_FORCE)] = False,
    data: Data = None,
) -> None:
    """Export a trained network to ONNX files, and verify that they agree with it.

    RUN is a run folder, or the checkpoint in it; by default the newest under runs/. With --format,
    it may be a classifier's ONNX file, beside which it is written.
    """
    # torch and onnx take seconds to import and may not be installed; --help needs neither.
    from digits_export.c_export import make_c

    if run and run.suffix == ".onnx":
        if port is None or network or quantize or force or data:
            raise typer.BadParameter(f"an ONNX file takes --format alone: {run}")
        files = make_c(run, run)
        for path, content in files.items():
            with reporting(f"read {path}"):
                if path.exists() and path.read_bytes() != content:
                    raise DigitsError(f"{path} exists, with other content: move it first")
        write_all(files)
        for path in files:
            print_result(escape_control(str(path)))
        return
    from digits_export.export import ExportConfig, export_run
    from digits_train import models
    from digits_train.run import find_run, latest_run

    name = None if network is None else models.register(network)
    config = ExportConfig(quantize, name, force, port == "c")
    report = export_run(latest_run() if run is None else find_run(run), config, data)
    for line in report.lines():
        print_result(escape_control(line))
