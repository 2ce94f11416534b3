"""What a request asks of numbers, in its query."""

from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from digits.constraints.constraints import Constraints
from digits.evaluation.acceptance import parse_share

FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
PARSERS: dict[str, Any] = {  # from text, by the parameter
    **dict.fromkeys(("length", "pattern", "check", "range"), str),
    "list": lambda numbers: numbers.replace(",", " ").split(),
    **{"digits_only": lambda flag: FLAGS.get(flag.lower()), "max_errors": parse_share},
}


@lru_cache(8)  # a visitor's camera asks the same again and again
def parse_query(query: str) -> tuple[Constraints, float | None]:
    """The constraints and `max_errors`, as for `Classifier.read`. Raises ValueError."""
    asked = {name: PARSERS[name](value) for name, value in parse_qsl(query) if name in PARSERS}
    if asked.get("digits_only", False) is None:
        raise ValueError("digits_only must be true or false")
    values, max_errors = asked.pop("list", None), asked.pop("max_errors", None)
    return Constraints(values=values, **asked), max_errors
