"""Format evaluations, models and benchmarks, as text for people and as values for JSON."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from digits.evaluation.alignment import Score
from digits.evaluation.digits import Evaluation
from digits.evaluation.pages import PageEvaluation
from digits.inference.metadata import parse_objects, to_dict
from digits.inference.model_file import ModelInfo
from digits.text import escape_control, escape_name

_MAX_LISTED = 10  # mistakes, or pages
_MAX_SHOWN = 88  # characters of a page's text

_EVALUATION_KEYS = (
    *("total", "wrong", "accuracy", "interval", "calibration_error", "threshold", "rejected"),
    *("rejected_right", "selective_accuracy", "precision", "recall"),
)
_PAGE_KEYS = (*("pages", "exact", "same_layout", "signs", "error_rate", "calibration_error"),)


def evaluation_lines(result: Evaluation) -> Iterator[str]:
    """What `digits eval` prints about a classifier."""
    low, high = result.interval
    yield (
        f"accuracy {result.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%}):"
        f" {result.wrong:,} of {result.total:,} wrong"
    )
    yield f"expected calibration error {result.calibration_error:.2%}"
    yield (
        f"rejected (?) below a confidence of {result.threshold:.2%}: {result.rejected:,},"
        f" {result.rejected_right:,} of them right; accuracy of the others:"
        f" {_percent(result.selective_accuracy)}"
    )
    width = max(5, len(str(result.confusion.max())) + 1)
    yield ""
    yield "digit  precision   recall   read as" + "".join(f"{d:{width}}" for d in range(10))
    rows = zip(result.precision, result.recall, result.confusion.tolist(), strict=True)
    for digit, (precision, recall, counts) in enumerate(rows):
        cells = "".join(f"{count or '.':>{width}}" for count in counts)
        yield f"{digit:5}  {_percent(precision):>9}  {_percent(recall):>7}         {cells}"
    if result.mistakes:
        yield ""
        listed = min(_MAX_LISTED, len(result.mistakes))
        yield f"worst mistakes ({listed} of {result.wrong:,}), least probable labels first:"
    for mistake in result.mistakes[:_MAX_LISTED]:
        yield (
            f"  {escape_name(mistake.name)}: {mistake.label}, read as {mistake.predicted}"
            f" ({mistake.confidence:.1%})"
        )


def evaluation_dict(result: Evaluation) -> dict[str, Any]:
    """The figures of `evaluation_lines` as values; NaN for a ratio without digits."""
    mistakes = [vars(each) | {"name": escape_name(each.name)} for each in result.mistakes]
    for mistake in mistakes:
        del mistake["image"]
    values = {key: getattr(result, key) for key in _EVALUATION_KEYS}
    return values | {"confusion": result.confusion.tolist(), "mistakes": mistakes}


def page_evaluation_lines(result: PageEvaluation) -> Iterator[str]:
    """What `digits eval` prints about a reader."""
    score, what = result.score, "symbols" if result.signs else "digits"
    yield f"error rate {_percent(result.error_rate)} of {score.symbols:,} {what}: {_counts(score)}"
    yield (
        f"pages without an error: {result.exact:,} of {result.pages:,}, {result.same_layout:,} of"
        " them in the same lines and columns"
    )
    yield f"expected calibration error {_percent(result.calibration_error)}"
    if result.worst:
        yield ""
        listed = min(_MAX_LISTED, len(result.worst))
        yield f"worst pages ({listed} of {result.with_errors:,} with errors), most errors first:"
    for page in result.worst[:_MAX_LISTED]:
        yield f"  {escape_name(page.name)}: {_counts(page.score)}"
        yield f"    written  {_one_line(page.written)}"
        yield f"    read     {_one_line(page.read)}"


def page_evaluation_dict(result: PageEvaluation) -> dict[str, Any]:
    """The figures of `page_evaluation_lines` as values; NaN for a ratio without symbols."""
    worst = [
        {"name": escape_name(page.name), "text": page.written, "read": page.read}
        | {key: getattr(page.score, key) for key in ("missed", "wrong", "invented")}
        for page in result.worst
    ]
    values = {key: getattr(result, key) for key in _PAGE_KEYS}
    return values | result.score._asdict() | {"read": result.symbols_read, "worst": worst}


def number_lines(values: Mapping[str, Any]) -> Iterator[str]:
    """What `digits eval --numbers` prints. values: of `NumberEvaluation.to_dict`."""
    low, high = values["interval"]
    yield (
        f"exact {_percent(values['accuracy'])} (95 % interval {_percent(low)} to {_percent(high)}):"
        f" {values['exact']:,} of {values['numbers']:,} numbers; {values['invented']:,} invented"
    )
    yield f"expected calibration error {_percent(values['calibration_error'])}"
    for row in values["curve"]:
        low, high = row["risk_interval"]
        yield (
            f"--max-errors {100 * row['max_errors']:>4.3g}%: answers {_percent(row['coverage']):>7}"
            f" of the numbers, {_percent(row['risk']):>6} of them wrong"
            f" ({_percent(low)} to {_percent(high)})"
        )
    if values["worst"]:
        yield ""
        yield f"worst of {values['silent_errors']:,} silent errors, surest first:"
    for error in values["worst"]:
        written = error["written"] or "nothing"
        yield f"  {error['name']}: {written}, read as {error['read']} ({error['probability']:.2%})"
    if promise := values["promise"]:
        yield (
            f"stored in {promise['file']}: accepts {promise['accepted']:,} of"
            f" {promise['numbers']:,} numbers; of such, at most {100 * promise['wanted']:.3g}% are"
            " wrong, with 95 % confidence"
        )


def info_lines(model: ModelInfo) -> Iterator[str]:
    """What `digits info` prints about an ONNX file."""
    values = info_dict(model)
    opsets = ", ".join(f"{domain} {version}" for domain, version in model.opsets.items())
    rows = {
        "sha256": model.sha256,
        "input": model.input,
        "output": model.output,
        "opset": f"{opsets}; IR version {model.ir_version}; written by {model.producer}",
        "operators": _format_counts(model.operators),
        "stored numbers": _format_counts(model.parameter_counts),
    }
    yield from description_lines(model.file, model.bytes, rows | values["metadata"])


def description_lines(file: str, size: int, about: Mapping[str, object]) -> Iterator[str]:
    """Format the properties of an intact file, with a line for each item of a dict.

    size: in bytes.
    """
    rows = dict(row for key, value in about.items() for row in _flatten(key, value))
    width = max(map(len, rows))
    yield f"{escape_name(file)}: {size:,} bytes, intact"
    for key, value in rows.items():
        yield escape_control(f"  {key:{width}}  {value}")


def info_dict(model: ModelInfo) -> dict[str, Any]:
    """What `info_lines` says as values, with JSON texts in the metadata parsed."""
    metadata = to_dict(model.metadata) | parse_objects(model.metadata, escape_name(model.file))
    return vars(model) | {"file": escape_name(model.file), "metadata": metadata}


def bench_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """What `digits bench` prints: a row for each figure, a column for each model.

    report: as `bench.benchmark` returns it.
    """
    device = {key: value for key, value in report.items() if not isinstance(value, list)}
    yield escape_control(
        ", ".join(f"{key.removesuffix('_version')} {value}" for key, value in device.items())
    )
    for models in (report["models"], report["readers"]):
        columns = [_bench_cells(figures) for figures in models]
        for name in columns[0] if columns else ():
            cells = "".join(f"{column[name]:>22}" for column in columns)
            yield escape_control(f"  {name:22}{cells}")


def _bench_cells(figures: Mapping[str, Any]) -> dict[str, str]:
    """The cells of a model, by the names of their rows."""
    is_reader = "pages" in figures
    form = "int8 weights" if is_reader else f"int8, {figures['kernels']} kernels"
    form = "fp32" if figures["quantization"] == "none" else form
    cells = {
        "": f"reader, {form}" if is_reader else form,
        "file": f"{figures['bytes'] / 1000:,.0f} KB",
        "session start": _duration(figures["session_start"]),
    }
    for percentile, seconds in figures.get("latency", {}).items():
        cells[f"one digit, {percentile}"] = _duration(seconds)
    for row in figures.get("throughput", []):
        cells[f"batch {row['batch']}, {_threads(row)}"] = f"{row['images_per_second']:,.0f} /s"
    for row in figures.get("pages", []):
        cells[f"{row['size']}, {_threads(row)}"] = _duration(row["seconds"])
    if "image_latency" in figures:
        cells["picture to digit"] = _duration(figures["image_latency"])
    peak = figures["peak_memory"]
    cells["cold start"] = _duration(figures["cold_start"])
    return cells | {"peak memory": "–" if peak is None else f"{peak / 1e6:.0f} MB"}


def _flatten(key: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for inner, item in value.items():
            yield from _flatten(f"{key}.{inner}", item)
    else:
        yield key, str(value)


def _format_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _counts(score: Score) -> str:
    return f"{score.missed:,} missed, {score.wrong:,} wrong, {score.invented:,} invented"


def _one_line(text: str) -> str:
    """The start of a page's text, with `/` between lines."""
    line = text.replace("\n", "/")
    return line if len(line) <= _MAX_SHOWN else line[: _MAX_SHOWN - 1] + "…"


def _threads(row: Mapping[str, Any]) -> str:
    return "1 thread" if row["threads"] == 1 else f"{row['threads']} threads"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.1f} µs"


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{share:.2%}"
