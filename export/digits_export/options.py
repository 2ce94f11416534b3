"""The options of `digits export`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

# As in digits_export.quantize and .ranges, which import onnx.
Method = Literal["static", "dynamic", "weights"]

RunFolder = Annotated[
    Path | None,
    typer.Argument(
        help="Run folder, or the checkpoint in it.", show_default="the newest under runs/"
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.py:CLASS",
        help="The network, where it is one of your own: what `digits train --model` had.",
    ),
]
Quantize = Annotated[
    Method | None,
    typer.Option(
        help="Write an int8 file too (without this, one from before goes). Without a word"
        " after it: static, with which VGG-16 is fastest, and LeNet-5 as fast as in float.",
    ),
]
Calibration = Annotated[
    Literal["minmax", "entropy", "percentile"] | None,
    typer.Option(
        help="How static quantization chooses the range of an activation.", show_default="minmax"
    ),
]
CalibrationImages = Annotated[
    int | None,
    typer.Option(min=1, help="Training digits that it looks at.", show_default="1000"),
]
MaxAccuracyDrop = Annotated[
    float, typer.Option(min=0, help="Points of validation accuracy that int8 may cost.")
]
Triton = Annotated[
    Path | None,
    typer.Option(
        help="Folder for a model repository for Triton or KServe, with the file that default"
        " options run fastest: of LeNet-5 the float one."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print export.json on one line.")]
