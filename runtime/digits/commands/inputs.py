"""Which files a command reads and draws, and in which form it answers."""

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import typer


def form(as_json: bool, as_csv: bool) -> Literal["text", "json", "csv"]:
    """How to answer. Raises BadParameter when it can't be both."""
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    if as_csv and isinstance(sys.stdout, io.TextIOWrapper):
        # For programs, on whatever terminal.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    return "json" if as_json else "csv" if as_csv else "text"


def left(
    files: Sequence[str], form: str, columns: Sequence[str], skip_done: Path | None
) -> tuple[Sequence[str], str]:
    """The files that aren't done, and the header of CSV, where it isn't there yet."""
    appends = False
    if skip_done:
        from digits.commands import results
        from digits.text import csv_name

        names, appends = results.done(skip_done, columns, form == "csv")
        files = [file for file in files if csv_name(file) not in names]
    return files, ",".join(columns) if form == "csv" and not appends else ""


def check_drawing(option: str, drawing: Path | None, files: Sequence[str]) -> None:
    """Raise BadParameter where the option can't draw this file of these pictures."""
    if drawing is None:
        return
    if drawing.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise typer.BadParameter(f"{option} writes .png or .jpg files")
    if len(files) > 1:
        raise typer.BadParameter(f"{option} draws one picture")
    if files and os.path.realpath(drawing) == os.path.realpath(files[0]):
        raise typer.BadParameter(f"{option} would overwrite the picture")


def is_checkpoint(path: Path) -> bool:
    """Whether this is meant for a checkpoint or the folder of a run, and not for an ONNX file."""
    return path.suffix in (".safetensors", ".pt") or os.path.isfile(path / "checkpoint.safetensors")
