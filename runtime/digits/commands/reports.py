"""Format evaluations, models and benchmarks, as text for people and as values for JSON."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from digits.commands.bench import BenchResult, ReaderResult
from digits.evaluation import Evaluation
from digits.inference.metadata import to_dict
from digits.inference.model_file import ModelInfo
from digits.page_evaluation import PageEvaluation, Score
from digits.text import escape_control, escape_name

_MAX_LISTED = 10  # mistakes, or pages
_MAX_SHOWN = 88  # characters of a page's text
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
    """The figures of `evaluation_lines` as values; NaN for a ratio without digits."""
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


def page_evaluation_lines(result: PageEvaluation) -> Iterator[str]:
    """Format the output of `digits eval --pages`."""
    score, what = result.score, "symbols" if result.signs else "digits"
    yield (
        f"error rate {_percent(result.error_rate).strip()} of {score.symbols:,} {what}:"
        f" {_counts(score)}"
    )
    yield (
        f"pages without an error: {result.exact:,} of {result.pages:,}, {result.same_layout:,} of"
        " them in the same lines and columns"
    )
    yield f"expected calibration error {_percent(result.calibration_error).strip()}"
    yield (
        f"rejected (?) below a confidence of {result.threshold:.2%}: {result.rejected:,}"
        f" ({_percent(result.rejection_rate).strip()} of those read), {result.rejected_right:,} of"
        " them right"
    )
    if result.worst:
        yield ""
        listed = min(_MAX_LISTED, len(result.worst))
        yield f"worst pages ({listed} of {result.with_errors:,} with errors), most errors first:"
    for page in result.worst[:_MAX_LISTED]:
        yield f"  {escape_name(page.name)}: {_counts(page.score)}"
        yield f"    written  {_one_line(page.written)}"
        yield f"    read     {_one_line(page.read)}"


def _counts(score: Score) -> str:
    return f"{score.missed:,} missed, {score.wrong:,} wrong, {score.invented:,} invented"


def _one_line(text: str) -> str:
    """The start of a page's text, with `/` between lines."""
    line = text.replace("\n", "/")
    return line if len(line) <= _MAX_SHOWN else line[: _MAX_SHOWN - 1] + "…"


def page_evaluation_dict(result: PageEvaluation) -> dict[str, Any]:
    """The figures of `page_evaluation_lines` as values; NaN for a ratio without symbols."""
    return {
        "pages": result.pages,
        "exact": result.exact,
        "same_layout": result.same_layout,
        "signs": result.signs,
        **result.score._asdict(),
        "error_rate": result.error_rate,
        "calibration_error": result.calibration_error,
        "threshold": result.threshold,
        "read": result.found,
        "rejected": result.rejected,
        "rejected_right": result.rejected_right,
        "worst": [
            {
                "name": escape_name(page.name),
                "text": page.written,
                "read": page.read,
                "missed": page.score.missed,
                "wrong": page.score.wrong,
                "invented": page.score.invented,
            }
            for page in result.worst
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
    metadata = {key: parse_nested(value) for key, value in to_dict(model.metadata).items()}
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
    """What `info_lines` says as values, with JSON texts in the metadata parsed."""
    values = vars(model) | {"file": escape_name(model.file)}
    metadata = to_dict(model.metadata)
    values["metadata"] = {key: parse_nested(value) for key, value in metadata.items()}
    return values


def bench_lines(
    about: Mapping[str, object],
    results: Sequence[BenchResult],
    readers: Sequence[ReaderResult] = (),
) -> Iterator[str]:
    """Format the output of `digits bench`: a row for each figure, a column for each model."""
    yield ", ".join(f"{key.removesuffix('_version')} {value}" for key, value in about.items())
    if results:
        yield from _table(_classifier_rows(results))
    if readers:
        yield from _table(_reader_rows(readers))


def _classifier_rows(results: Sequence[BenchResult]) -> dict[str, list[str]]:
    rows = {"": [one.name for one in results]}
    rows["file"] = [f"{one.bytes / 1000:,.0f} KB" for one in results]
    rows["session start"] = [_duration(one.session_start) for one in results]
    for percent in results[0].latency:
        rows[f"one digit, p{percent}"] = [_duration(one.latency[percent]) for one in results]
    for batch, threads in results[0].throughput:
        rows[f"batch {batch}, {_threads(threads)}"] = [
            f"{one.throughput[batch, threads]:,.0f} /s" for one in results
        ]
    rows["picture to digit"] = [_duration(one.image_latency) for one in results]
    rows["cold start"] = [_duration(one.cold_start) for one in results]
    rows["peak memory"] = [_megabytes(one.peak_memory) for one in results]
    return rows


def _reader_rows(readers: Sequence[ReaderResult]) -> dict[str, list[str]]:
    rows = {"": [one.name for one in readers]}
    rows["file"] = [f"{one.bytes / 1000:,.0f} KB" for one in readers]
    rows["session start"] = [_duration(one.session_start) for one in readers]
    for size, threads in readers[0].pages:
        rows[f"{size}, {_threads(threads)}"] = [
            _duration(one.pages[size, threads]) for one in readers
        ]
    rows["cold start"] = [_duration(one.cold_start) for one in readers]
    rows["peak memory"] = [_megabytes(one.peak_memory) for one in readers]
    return rows


def _table(rows: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name, cells in rows.items():
        yield f"  {name:22}" + "".join(f"{cell:>22}" for cell in cells)


def bench_dict(results: Sequence[BenchResult]) -> list[dict[str, Any]]:
    """The figures of classifiers as values, in seconds and bytes."""
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


def reader_bench_dict(readers: Sequence[ReaderResult]) -> list[dict[str, Any]]:
    """The figures of readers as values, in seconds and bytes."""
    return [
        vars(one)
        | {
            "pages": [
                {"size": size, "threads": threads, "seconds": value}
                for (size, threads), value in one.pages.items()
            ],
        }
        for one in readers
    ]


def _threads(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def _megabytes(size: int | None) -> str:
    return "–" if size is None else f"{size / 1e6:.0f} MB"


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
