"""Write what an export has made, all files or none."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import digits
from digits.files import remove, write_all
from digits.inference.interface import Interface
from digits.inference.metadata import FORMAT_VERSION
from digits.terminal import print_stderr
from digits_export import triton
from digits_train.checkpoint import Checkpoint


class Output(NamedTuple):
    """The results. files: the float file first. served: the fastest with default options."""

    report: Mapping[str, Any]
    card: str
    files: Sequence[tuple[Path, bytes]]
    served: tuple[Path, bytes]
    architecture: str
    interface: Interface


def provenance_metadata(loaded: Checkpoint) -> dict[str, Any]:
    """Return the metadata of all files: where the network comes from."""
    provenance = loaded.provenance
    return {
        "format_version": FORMAT_VERSION,
        "architecture": provenance.architecture,
        "digits_version": digits.__version__,
        "recipe": json.dumps(provenance.recipe),
        "seed": provenance.seed,
        "data_sha256": json.dumps(provenance.data_sha256),
        "checkpoint_sha256": loaded.sha256,
    }


def write(output: Output, repository: Path | None) -> None:
    """Write the files, export.json and MODEL_CARD.md, and a model repository if it is named.

    Deletes the int8 file of an earlier export if it isn't replaced. Raises DigitsError if a file
    can't be written.
    """
    path, _ = output.files[0]
    text = json.dumps(output.report, indent=2) + "\n"
    files = {path.with_name("export.json"): text.encode(), **dict(output.files)}
    files[path.with_name("MODEL_CARD.md")] = output.card.encode()
    served, content = output.served
    if repository is not None:
        files |= triton.repository(repository, output.architecture, content, output.interface)
    write_all(files)
    if repository is not None:
        print_stderr(f"{repository} serves {served.name}, the fastest with default options")
    if len(output.files) == 1:
        remove(path.with_suffix(".int8.onnx"))
