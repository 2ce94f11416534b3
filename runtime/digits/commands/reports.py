"""Format evaluations, models and benchmarks, as text for people and as values for JSON."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from digits.commands.bench import BenchResult
from digits.evaluation import Evaluation
from digits.inference.model_file import ModelInfo
from digits.text import escape_control, escape_name

_MAX_LISTED = 10  # mistakes
_MAX_NESTED = 100  # objects and lists


def evaluation_lines(result: Evaluation) -> Iterator[str]:
    """Format the output of `digits eval`."""
    low, high = result.interval
    yield (
        f"accuracy {result.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%}):"
        f" {result.wrong:,} of {result.total:,} wrong"
    )
    yield f"expected calibration error {result.calibration_error:.2%}"
    yield (
        f"rejected (?) below a confidence of {result.threshold:.2%}: {result.rejected:,},"
        f" {result.rejected_right:,} of them right; accuracy of the others:"
        f" {_percent(result.selective_accuracy).strip()}"
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
    """The same as values; NaN for a ratio without digits."""
    return {
        "total": result.total,
        "wrong": result.wrong,
        "accuracy": result.accuracy,
        "interval": result.interval,
        "calibration_error": result.calibration_error,
        "threshold": result.threshold,
        "rejected": result.rejected,
        "rejected_right": result.rejected_right,
        "selective_accuracy": result.selective_accuracy,
        "precision": result.precision,
        "recall": result.recall,
        "confusion": result.confusion.tolist(),
        "mistakes": [
            {
                "name": escape_name(mistake.name),
                "label": mistake.label,
                "predicted": mistake.predicted,
                "confidence": mistake.confidence,
                "label_probability": mistake.label_probability,
            }
            for mistake in result.mistakes
        ],
    }


def info_lines(model: ModelInfo) -> Iterator[str]:
    """Format the output of `digits info`."""
    opsets = ", ".join(f"{domain} {version}" for domain, version in model.opsets.items())
    rows: dict[str, object] = {
        "sha256": model.sha256,
        "input": model.input,
        "output": model.output,
        "opset": f"{opsets}; IR version {model.ir_version}; written by {model.producer}",
        "operators": _format_counts(model.operators),
        "stored numbers": _format_counts(model.parameter_counts),
    }
    metadata = {key: parse_nested(value) for key, value in asdict(model.metadata).items()}
    yield from description_lines(model.file, model.bytes, rows | metadata)


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
    """The same as values, with JSON texts in the metadata parsed."""
    values = asdict(model) | {"file": escape_name(model.file)}
    values["metadata"] = {key: parse_nested(value) for key, value in vars(model.metadata).items()}
    return values


def bench_lines(about: Mapping[str, object], results: Sequence[BenchResult]) -> Iterator[str]:
    """Format the output of `digits bench`: a row for each figure, a column for each model."""
    yield ", ".join(f"{key.removesuffix('_version')} {value}" for key, value in about.items())
    rows = {"": [one.name for one in results]}
    rows["file"] = [f"{one.bytes / 1000:,.0f} KB" for one in results]
    rows["session start"] = [_duration(one.session_start) for one in results]
    for percent in results[0].latency:
        rows[f"one digit, p{percent}"] = [_duration(one.latency[percent]) for one in results]
    for batch, threads in results[0].throughput:
        cores = "1 thread" if threads == 1 else f"{threads} threads"
        rows[f"batch {batch}, {cores}"] = [
            f"{one.throughput[batch, threads]:,.0f} /s" for one in results
        ]
    rows["picture to digit"] = [_duration(one.image_latency) for one in results]
    rows["cold start"] = [_duration(one.cold_start) for one in results]
    rows["peak memory"] = [
        "–" if one.peak_memory is None else f"{one.peak_memory / 1e6:.0f} MB" for one in results
    ]
    for name, cells in rows.items():
        yield f"  {name:22}" + "".join(f"{cell:>22}" for cell in cells)


def bench_dict(results: Sequence[BenchResult]) -> list[dict[str, Any]]:
    """The same as values, in seconds and bytes."""
    return [
        vars(one)
        | {
            "latency": {f"p{percent}": value for percent, value in one.latency.items()},
            "throughput": [
                {"batch": batch, "threads": threads, "images_per_second": value}
                for (batch, threads), value in one.throughput.items()
            ],
        }
        for one in results
    ]


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.1f} µs"


def parse_nested(value: object) -> object:
    """Parse a JSON object; return anything else, and what is nested too deeply, as it is."""
    if (
        not isinstance(value, str)
        or value[:1] != "{"
        or len(re.findall(r"[{[]", value)) > _MAX_NESTED
    ):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _flatten(key: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for inner, item in value.items():
            yield from _flatten(f"{key}.{inner}", item)
    else:
        yield key, str(value)


def _format_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _percent(share: float) -> str:
    return "     –" if math.isnan(share) else f"{share:6.2%}"
