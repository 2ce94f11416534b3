"""Export a run: its checkpoint becomes verified ONNX files."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import onnx_ir as ir

import digits
from digits.errors import ModelError
from digits.files import remove, write_all
from digits.inference.metadata import FORMAT_VERSION, AnyMetadata, add_metadata
from digits.inference.model_file import ModelBytes, check
from digits.inference.session import open_session
from digits.terminal import print_stderr
from digits.text import escape_control
from digits_export import model_card, verify
from digits_export.c_export import make_c
from digits_export.classifier_export import ClassifierExporter
from digits_export.detector_export import DetectorExporter
from digits_export.exporter import Exporter, Form
from digits_export.optimize import optimize
from digits_export.quantize import quantize
from digits_export.recognizer_export import RecognizerExporter
from digits_train import checkpoint
from digits_train.checkpoint import Checkpoint
from digits_train.onnx_graph import to_onnx
from digits_train.run import RunDir

EXPORTERS: dict[str, type[Exporter]] = {
    "classifier": ClassifierExporter,
    "detector": DetectorExporter,
    "recognizer": RecognizerExporter,
}


@dataclass(frozen=True)
class ExportConfig:
    """What to make of a checkpoint.

    quantize: whether to write an int8 file, too. network: the name of the only one accepted; None
    for any. force: whether a network may read worse as int8. as_c: whether to write the last file
    as C, too.
    """

    quantize: bool = False
    network: str | None = None
    force: bool = False
    as_c: bool = False


class ExportedFile(NamedTuple):
    """A file that passed its checks. forms: with each kind of kernels, the fastest first."""

    path: Path
    content: bytes
    metadata: AnyMetadata
    forms: list[Form]


class Report(NamedTuple):
    """The results of an export.

    facts: of the network, see `Exporter`. largest_difference: of an output's value, between fp32
    and PyTorch. forms: fp32 first.
    """

    facts: dict[str, float]
    largest_difference: float
    forms: list[Form]

    def to_json(self) -> bytes:
        """The contents of export.json."""
        values = {"largest_difference": self.largest_difference, "forms": self.forms}
        return (json.dumps(self.facts | values, indent=2) + "\n").encode()

    def table(self) -> list[list[str]]:
        """The head and a row for each form."""
        head = [name.replace("_", " ") for name in self.forms[0]]
        return [head, *([*map(_format, form.values())] for form in self.forms)]

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table for the terminal."""
        rows = self.table()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            yield "  ".join(map(str.ljust, row, widths)).rstrip()


def _format(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2%}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def export_run(run: RunDir, config: ExportConfig, data: Path | None = None) -> Report:
    """Write NETWORK.onnx, NETWORK.int8.onnx if requested, export.json and MODEL_CARD.md.

    Writes to the run folder, atomically, after all checks; deletes the int8 file of an earlier
    export if it isn't replaced. data: for a classifier; others' pictures are drawn. Raises
    DigitsError if the checkpoint is unusable, a check fails or a file can't be written.
    """
    loaded = _load(run, config.network)
    experiment = loaded.provenance.experiment
    exporter = EXPORTERS[loaded.model.task](loaded, data)
    path = run.folder / f"{experiment.network}.onnx"
    small_path = path.with_suffix(".int8.onnx")
    graph = optimize(to_onnx(exporter.network, exporter.interface))
    raw = verify.checked(graph)
    difference = verify.check_parity(
        verify.session_outputs(open_session(raw, "float"), exporter.interface),
        verify.module_outputs(exporter.network),
        exporter.parity,
        exporter.max_difference,
    )
    exported = [_make_file(exporter, raw, path)]
    if config.quantize:
        exported.append(_quantize(exporter, graph, small_path, exported[0].forms[0], config.force))
    forms = [form for file in exported for form in file.forms]
    report = Report(exporter.facts, difference, forms)
    last = exported[-1]
    table = [row[:-1] for row in report.table()]  # without the files' paths
    card = model_card.render(last.metadata, experiment, table)
    source = ModelBytes(last.path.name, last.content)
    c_files = make_c(last.path, source) if config.as_c else {}
    write_all(
        {
            run.folder / "export.json": report.to_json(),
            **{file.path: file.content for file in exported},
            run.folder / "MODEL_CARD.md": card.encode(),
            **c_files,
        }
    )
    if not config.quantize:
        remove(small_path)
    return report


def _load(run: RunDir, network: str | None) -> Checkpoint:
    """Load the checkpoint. Raises DigitsError if it isn't the wanted one, or can't be used."""
    loaded = checkpoint.load(run.checkpoint)
    name, recipe = (getattr(loaded.provenance.experiment, field) for field in ("network", "recipe"))
    if network not in (None, name):
        raise ModelError(f"{run.folder} contains {name}, not {network}; name the run to export")
    done = f"{recipe.unit} {loaded.provenance.progress} of {recipe.total}"
    print_stderr(escape_control(f"exporting {run.folder}, {done}"))
    return loaded


def _quantize(
    exporter: Exporter, graph: ir.Model, path: Path, exact: Form, force: bool
) -> ExportedFile:
    """Make the int8 file. Raises ModelError if it reads worse than the float file, `exact`."""
    raw = verify.checked(quantize(graph, exporter.calibration, exporter.loaded.model.float_layers))
    file = _make_file(exporter, raw, path, exact)
    for form in file.forms:
        where = f"{exporter.judges} with {form['kernels']} kernels"
        errors = exporter.error(exact), exporter.error(form)
        verify.check_errors(*errors, exporter.total, exporter.max_drop, where, force)
    return file


def _make_file(
    exporter: Exporter, raw: bytes, path: Path, exact: Form | None = None
) -> ExportedFile:
    """Evaluate, describe and check a file. exact: the float file, unless it is that."""
    kernels = exporter.int8_kernels if exact else ("float",)
    figures = [exporter.evaluate(raw, kind) for kind in kernels]
    experiment, kind = exporter.loaded.provenance.experiment, exporter.metadata
    values: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "architecture": experiment.network,
        "digits_version": digits.__version__,
        "recipe": msgspec.json.encode(experiment.recipe).decode(),
        "seed": experiment.seed,
        "data_sha256": json.dumps(experiment.data_sha256),
        "checkpoint_sha256": exporter.loaded.sha256,
        "quantization": exporter.quantization if exact else "none",
        "kernels": kernels[0],
        **{name: round(value, 6) for name, value in exporter.facts.items()},
        **figures[0],
        **{f"{name}_float": value for name, value in (exact or figures[0]).items()},
    }
    names = {field.name for field in fields(kind)}
    metadata = kind(**{name: value for name, value in values.items() if name in names})
    content = add_metadata(raw, metadata)
    check(ModelBytes(path.name, content), kind)  # never write what the runtime would refuse
    name = "int8" if exact else "fp32"
    forms = [
        {"name": name, "kernels": kernel, "bytes": len(content), **values, "file": str(path)}
        for kernel, values in zip(kernels, figures, strict=True)
    ]
    return ExportedFile(path, content, metadata, forms)
