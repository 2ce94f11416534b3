"""Structs as JSON values, and how these differ."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec


def to_dict(struct: Any) -> dict[str, Any]:
    """The fields of a struct or dataclass, and of those in it, in JSON's types.

    Equal ones give the same text: a float is one even where the code says 10.
    """
    typed = msgspec.convert(msgspec.to_builtins(struct), type(struct))
    values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(typed))
    return values


def differences(values: Any, others: Any, name: str = "") -> Iterator[str]:
    """Yield which values aren't those of the others, as NAME=VALUE, or as "no NAME"."""
    if not (isinstance(values, dict) and isinstance(others, dict)):
        if values != others:
            yield f"{name}={json.dumps(values)}"
        return
    for key in values | others:
        path = f"{name}.{key}" if name else key
        if key in values and key in others:
            yield from differences(values[key], others[key], path)
        else:
            yield f"{path}={json.dumps(values[key])}" if key in values else f"no {path}"
