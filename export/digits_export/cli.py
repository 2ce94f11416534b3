"""`digits export`."""

from pathlib import Path
from typing import Annotated

import typer

from digits.commands.options import Data, make_app, option, path_argument, path_option
from digits.terminal import print_result
from digits.text import escape_control

_NETWORK = "Your own network, as given to `digits train --network`."
_QUANTIZE = "Also write an int8 file; without this option, an earlier one is deleted."
_FORCE = "Export even if fine-tuning or int8 made the network read worse."
_TRITON = "Also write a model repository for Triton or KServe to this folder."

app = make_app()


@app.command()
def export(
    run: Annotated[Path | None, path_argument("RUN")] = None,
    network: Annotated[str | None, option("FILE.py:CLASS", _NETWORK)] = None,
    quantize: Annotated[bool, typer.Option("--quantize", help=_QUANTIZE)] = False,
    force: Annotated[bool, typer.Option("--force", help=_FORCE)] = False,
    triton: Annotated[Path | None, path_option("DIR", _TRITON)] = None,
    data: Data = None,
) -> None:
    """Export a trained network to ONNX files, and verify that they agree with it.

    RUN is a run folder, or the checkpoint in it; by default the newest under runs/.
    """
    # torch and onnx take seconds to import and may not be installed; --help needs neither.
    from digits_export.export import ExportConfig, export_run
    from digits_train import models
    from digits_train.run import find_run, latest_run

    name = None if network is None else models.register(network)
    config = ExportConfig(quantize, triton, name, force)
    report = export_run(latest_run() if run is None else find_run(run), config, data)
    for line in report.lines():
        print_result(escape_control(line))
