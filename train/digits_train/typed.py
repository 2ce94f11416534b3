"""Values that were read from JSON, as the dataclass that they were written from."""

import math
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def typed(kind: type[T], values: dict[str, Any]) -> T:
    """A dataclass with these values. Raises TypeError when one is missing or of another type."""
    made = kind(**values)
    for name, hint in get_type_hints(kind).items():
        # A default would not be what an earlier version of digits did.
        if name not in values:
            raise TypeError(f"{name} is missing")
        if not _fits(getattr(made, name), hint):
            raise TypeError(f"{name} is {getattr(made, name)!r}")
    return made


def _fits(value: object, hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in inner
    if origin is dict:
        return isinstance(value, dict)
    if inner:  # a union
        return any(_fits(value, kind) for kind in inner)
    if hint is float:
        return _fits(value, int) or (isinstance(value, float) and math.isfinite(value))
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)
