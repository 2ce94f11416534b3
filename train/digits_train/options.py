"""The options of `digits train`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from digits.commands.options import path_option

# Spelt out, because `--help` must not wait for torch.
NETWORKS = """\b
Networks (--model) and their recipes (--recipe):
  lenet5         default: 80 epochs, with outliers and international styles;
                 quick: 30 epochs, MNIST alone; classic: 5 epochs, the textbook's
  vgg16          default: 6 epochs, as LeNet-5's; classic: 5 epochs, the textbook's
  reader         finds the digits, minus signs and points of a page; default: 60
                 epochs of generated pages; quick: 20 epochs
  FILE.py:CLASS  your own, with its own recipes: a chain of Normalize, ZeroPad2d,
                 Conv2d, BatchNorm2d, ReLU, MaxPool2d, Dropout, Flatten and Linear
"""

Model = Annotated[
    str | None,
    typer.Option(
        help="lenet5, vgg16, reader, or FILE.py:CLASS, which --resume needs again.",
        show_default="lenet5",
    ),
]
RecipeName = Annotated[
    str | None, typer.Option(help="How to train it; see below.", show_default="default")
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Override the recipe's.")]
BatchSize = Annotated[
    int | None, typer.Option(min=1, help="Override the recipe's; over all processes.")
]
LearningRate = Annotated[float | None, typer.Option(min=1e-12, help="Override the recipe's.")]
Seed = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=2**63 - 1,
        help="Seed of weights, order and augmentation.",
        show_default="0",
    ),
]
Precision = Annotated[
    Literal["auto", "float32", "bfloat16"] | None,
    typer.Option(help="auto: bfloat16 if network and device gain from it.", show_default="auto"),
]
Teacher = Annotated[
    Path | None, path_option("Run folder or checkpoint of a better network to distil.")
]
TeacherModel = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.py:CLASS",
        help="The teacher's network, if it is your own; --resume needs it again.",
    ),
]
Init = Annotated[
    Path | None,
    path_option("Run folder or checkpoint of the same network, to start from its weights."),
]
AllData = Annotated[
    bool, typer.Option("--all-data", help="Train on the validation digits too; validate on none.")
]
Patience = Annotated[
    int | None,
    typer.Option(min=1, help="Stop after so many epochs without improvement; keep the best."),
]
MaxMinutes = Annotated[
    float | None, typer.Option(min=0.0, help="Stop before an epoch that would exceed this time.")
]
Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"],
    typer.Option(help="auto: a GPU if there is one."),
]
Compiled = Annotated[
    bool, typer.Option("--compile", help="Compile the network with torch.compile.")
]
Out = Annotated[Path | None, path_option("Run folder to create.")]
Resume = Annotated[Path | None, path_option("Continue the interrupted run in this folder.")]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Log to the run folder for TensorBoard too.")
]
Json = Annotated[bool, typer.Option("--json", help="Print run.json on one line.")]
