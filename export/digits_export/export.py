"""Export a run: its checkpoint becomes verified ONNX files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
import onnx_ir as ir

import digits
from digits.errors import DigitsError, ModelError
from digits.files import remove, write_all
from digits.inference.metadata import FORMAT_VERSION, AnyMetadata, add_metadata
from digits.inference.model_file import ModelBytes, check
from digits.inference.session import open_session
from digits.terminal import print_stderr
from digits.text import escape_control
from digits_export import model_card, triton, verify
from digits_export.classifier_export import ClassifierExporter
from digits_export.detector_export import DetectorExporter
from digits_export.exporter import Exporter
from digits_export.optimize import optimize
from digits_export.ports import make_ports
from digits_export.quantize import quantize
from digits_export.recognizer_export import RecognizerExporter
from digits_export.report import Report, Variant
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

    quantize: whether to write an int8 file, too. triton: folder for a Triton model repository.
    network: the name of the only one accepted; None for any. force: whether a network may read
    worse as int8. ports: what to make of the last file, too.
    """

    quantize: bool = False
    triton: Path | None = None
    network: str | None = None
    force: bool = False
    ports: tuple[str, ...] = ()


def export_run(run: RunDir, config: ExportConfig, data: Path | None = None) -> Report:
    """Write NETWORK.onnx, NETWORK.int8.onnx if requested, export.json and MODEL_CARD.md.

    Writes to the run folder, atomically, after all checks; deletes the int8 file of an earlier
    export if it isn't replaced. data: for a classifier; others' pictures are drawn. Raises
    DigitsError if the checkpoint is unusable, a check fails or a file can't be written.
    """
    loaded = _load(run, config)
    experiment = loaded.provenance.experiment
    exporter = EXPORTERS[loaded.model.task].prepare(loaded, data)
    path = run.folder / f"{experiment.network}.onnx"
    small_path = path.with_suffix(".int8.onnx")
    graph = optimize(to_onnx(exporter.network, exporter.interface))
    raw = verify.checked(graph)
    difference = _compare(exporter, raw)
    exact = _make_artifact("fp32", path, raw, exporter)
    artifacts = [exact]
    if config.quantize:
        artifacts.append(_quantize(exporter, graph, small_path, exact.variants[0], config.force))
    variants = [variant for artifact in artifacts for variant in artifact.variants]
    report = Report(exporter.scaling, difference, variants, exporter.columns)
    card = model_card.render(artifacts[-1].metadata, experiment, report.table())
    last = artifacts[-1]
    ports = make_ports(last.path, ModelBytes(last.path.name, last.file), config.ports)
    files = {
        run.folder / "export.json": (json.dumps(report.to_dict(), indent=2) + "\n").encode(),
        **{artifact.path: artifact.file for artifact in artifacts},
        run.folder / "MODEL_CARD.md": (card + ports.card).encode(),
        **ports.files,
    }
    if config.triton is not None:
        # The clients of a server can't choose float kernels.
        served = artifacts[-1] if artifacts[-1].metadata.kernels == "integer" else exact
        name = experiment.network
        files |= triton.repository(config.triton, name, served.file, exporter.interface)
        print_stderr(f"{config.triton} will serve {served.path.name}")
    write_all(files)
    if not config.quantize:
        remove(small_path)
    return report


def _load(run: RunDir, config: ExportConfig) -> Checkpoint:
    """Load the checkpoint. Raises DigitsError if it isn't the wanted one, or can't be exported."""
    loaded = checkpoint.load(run.checkpoint)
    name, recipe = (getattr(loaded.provenance.experiment, field) for field in ("network", "recipe"))
    if config.network not in (None, name):
        raise ModelError(
            f"{run.folder} contains {name}, not {config.network}; name the run to export"
        )
    done = f"{recipe.unit} {loaded.provenance.progress} of {recipe.total}"
    print_stderr(escape_control(f"exporting {run.folder}, {done}"))
    if config.triton is not None and config.triton.exists() and not config.triton.is_dir():
        raise DigitsError(f"{config.triton} is not a folder")
    return loaded


class _Artifact(NamedTuple):
    """A file that passed its checks. variants: with each kind of kernels, the fastest first."""

    path: Path
    file: bytes
    metadata: AnyMetadata
    variants: list[Variant]


def _compare(exporter: Exporter, raw: bytes) -> float:
    """Compare a float file with the network; see `verify.check_parity`."""
    return verify.check_parity(
        verify.session_outputs(open_session(raw, "float"), exporter.interface),
        verify.module_outputs(exporter.network),
        exporter.parity,
        exporter.max_difference,
    )


def _quantize(
    exporter: Exporter, graph: ir.Model, path: Path, exact: Variant, force: bool
) -> _Artifact:
    """Make the int8 file. Raises ModelError if it reads worse than the float file, `exact`."""
    raw = verify.checked(quantize(graph, exporter.calibration, exporter.loaded.model.float_layers))
    artifact = _make_artifact("int8", path, raw, exporter, exact)
    for variant in artifact.variants:
        where = f"{exporter.judges} with {variant['kernels']} kernels"
        errors = exporter.error(exact), exporter.error(variant)
        verify.check_errors(*errors, exporter.total, exporter.max_drop, where, force)
    return artifact


def _make_artifact(
    name: str, path: Path, raw: bytes, exporter: Exporter, exact: Variant | None = None
) -> _Artifact:
    """Evaluate, describe and check a file. exact: the float file's figures, unless it is that."""
    kernels = exporter.int8_kernels if exact else ("float",)
    figures = [exporter.evaluate(raw, name, kind) for kind in kernels]
    experiment, kind = exporter.loaded.provenance.experiment, exporter.metadata
    metadata = kind(
        format_version=FORMAT_VERSION,
        architecture=experiment.network,
        digits_version=digits.__version__,
        recipe=msgspec.json.encode(experiment.recipe).decode(),
        seed=experiment.seed,
        data_sha256=json.dumps(experiment.data_sha256),
        checkpoint_sha256=exporter.loaded.sha256,
        quantization=exporter.quantization if exact else "none",
        kernels=kernels[0],
        **exporter.describe(figures[0], exact or figures[0]),
    )
    file = add_metadata(raw, metadata)
    check(ModelBytes(path.name, file), kind)  # never write what the runtime would refuse
    variants = [
        {"name": name, "kernels": kernel, "file": str(path), "bytes": len(file), **values}
        for kernel, values in zip(kernels, figures, strict=True)
    ]
    return _Artifact(path, file, metadata, variants)
