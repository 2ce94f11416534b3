"""What a request's query asks for: the options of `digits predict` and `read`."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException

from digits.evaluation.acceptance import parse_share

Command = Literal["predict", "read"]
Options = Mapping[str, Any]

BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def parse_query(command: Command, query: str) -> Options:
    """Parse a query string: `with_frame` for predict; of a `Constraints` and `max_errors` for read.

    Whether the constraints make sense is for a worker to say: a pattern may take for ever.

    Raises HTTPException (422) for an unknown or repeated parameter, and for a malformed value.
    """
    parsers, options = QUERY_PARSERS[command], dict[str, Any]()
    pairs = parse_qsl(query, keep_blank_values=True)
    for name in Counter(name for name, _ in pairs) - Counter(parsers.keys()):
        message = f"the query may have, once each: {', '.join(parsers)}; not {name[:30]!r}"
        raise HTTPException(422, message)
    for name, text in pairs:
        option, parse = parsers[name]
        if not text:  # as of a script's unset variable
            raise HTTPException(422, f"{name} is empty")
        try:
            options[option] = parse(text)
        except ValueError as error:
            raise HTTPException(422, f"{name}: {error}") from error
    return options


def _parse_boolean(text: str) -> bool:
    value = BOOLEANS.get(text.lower())
    if value is None:
        raise ValueError("it is neither true nor false")
    return value


def _parse_list(text: str) -> list[str]:
    return text.replace(",", " ").split()


# By the name of a parameter: that of the option, and what makes its value of the text.
QUERY_PARSERS: dict[Command, dict[str, tuple[str, Callable[[str], Any]]]] = {
    "predict": {"frame": ("with_frame", _parse_boolean)},
    "read": {
        "length": ("length", str),
        "pattern": ("pattern", str),
        "check": ("check", str),
        "range": ("range", str),
        "list": ("allowed", _parse_list),
        "digits_only": ("digits_only", _parse_boolean),
        "max_errors": ("max_errors", parse_share),
    },
}
