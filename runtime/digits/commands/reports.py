"""Print the values that `eval` and `info` report, as JSON that people can read, too."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from digits.inference.interface import INTERFACES, add_batch, describe
from digits.terminal import print_result
from digits.text import to_json

if TYPE_CHECKING:
    from digits.inference.metadata import ModelMetadata
    from digits.inference.model_file import ModelFile


def print_report(values: Mapping[str, Any]) -> None:
    """Print values, which docs/output.md describes."""
    print_result(_indented(values, "\n"))


def info(file: "ModelFile[ModelMetadata]") -> dict[str, Any]:
    """List what is in a model file. Raises ModelError for metadata that isn't JSON."""
    from digits.inference.metadata import parse_objects

    interface = INTERFACES[file.metadata.task]
    return {
        "file": file.name,
        "bytes": len(file.content),
        "sha256": file.sha256,
        "input": describe(add_batch([interface.input])),
        "output": describe(add_batch(interface.outputs)),
        "metadata": asdict(file.metadata) | parse_objects(file.metadata, file.name),
    }


def _indented(value: object, line_end: str) -> str:
    """Format JSON with each value on a line, but what holds no other object or array on one."""
    if isinstance(value, Mapping):
        values = {to_json(str(key)) + ": ": item for key, item in value.items()}
        pairs, brackets = [*values.items()], "{}"
    elif isinstance(value, list | tuple):
        pairs, brackets = [("", item) for item in value], "[]"
    else:
        return to_json(value)
    if not any(isinstance(item, Mapping | list | tuple) for _, item in pairs):
        return to_json(value)
    deeper = f"{line_end}  "
    lines = (f"{key}{_indented(item, deeper)}" for key, item in pairs)
    return f"{brackets[0]}{deeper}{f',{deeper}'.join(lines)}{line_end}{brackets[1]}"
