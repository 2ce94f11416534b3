"""An experiment: all that decides the weights of a network, in one object."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import reduce
from typing import Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from digits.errors import DigitsError
from digits_train.camera.fonts import LIST_SHA256
from digits_train.camera.ranges import Ranges
from digits_train.models import get_network
from digits_train.recipes import AnyRecipe
from digits_train.structs import differences, to_dict

Precision = Literal["auto", "float32", "bfloat16"]

_SYNONYMS = {"lr": "learning_rate"}
_SETTABLE = "recipe", "camera", "precision"
_ALL_NAMES = "recipes.py and camera/ranges.py in digits_train have all names"


class Experiment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On the same machine, equal experiments give equal weights.

    network: its name. camera: how the pictures vary that it learns from, None if it learns from
    none; the network's own takes those that it is validated on, so that experiments can be
    compared. fonts: SHA-256 of the list
    of those that they are written with. precision: of convolutions and products in training; auto:
    bfloat16 if network and device gain from it. data_sha256: of the training data, by name. init:
    SHA-256 of the file whose weights the training starts from.
    """

    network: str
    recipe: AnyRecipe
    camera: Ranges | None = None
    fonts: str = LIST_SHA256
    seed: int = 0
    precision: Precision = "auto"
    data_sha256: dict[str, str] = {}
    init: str | None = None


def default_experiment(network: str, recipe: str = "default", seed: int = 0) -> Experiment:
    """How a network is trained by one of its recipes. Raises DigitsError for an unknown name."""
    kind = get_network(network)
    if recipe not in kind.recipes:
        raise DigitsError(f"no recipe called {recipe!r}; there are: {', '.join(kind.recipes)}")
    chosen = kind.recipes[recipe]
    camera = kind.camera if chosen.draws else None
    return Experiment(network=network, recipe=chosen, camera=camera, seed=seed)


def changes(experiment: Experiment) -> list[str]:
    """How an experiment differs from the network's recipe of that name, as `--set` reads it.

    All of the recipe, if there is none of that name any more. Raises DigitsError if there is no
    such network.
    """
    network, values = get_network(experiment.network), to_dict(experiment)
    recipe = network.recipes.get(experiment.recipe.name)
    usual = {"recipe": to_dict(recipe) if recipe else {}, "camera": to_dict(network.camera)}
    return [
        change
        for group in ("recipe", "camera")
        for change in differences(values[group] or usual[group], usual[group], group)
    ]


def change(experiment: Experiment, assignments: Iterable[str]) -> Experiment:
    """Change values, as `--set` does.

    assignments: such as "recipe.ema_decay=0.9995", or with another JSON value. Raises DigitsError
    if there is no such value, or if it can't be that one.
    """
    network = get_network(experiment.network)
    usual = experiment.camera or network.camera
    values = to_dict(replace(experiment, camera=usual))
    settable = {name: values[name] for name in _SETTABLE}
    for section in network.undrawn:
        del settable["camera"][section]
    for assignment in assignments:
        path, _, text = assignment.partition("=")
        *groups, name = path.split(".")
        if not (path and text):
            raise DigitsError(f"--set {assignment}: expected NAME=VALUE")
        fields = _subfields(settable, groups)
        if name not in fields:
            names = [other for other in _paths(settable) if other not in groups]
            similar = [other for other in names if other.endswith(f".{_SYNONYMS.get(name, name)}")]
            similar = similar or get_close_matches(path, names, 1, 0.8)
            hint = f"did you mean {' or '.join(similar)}?" if similar else _ALL_NAMES
            raise DigitsError(f"--set {assignment}: there is no {path}; {hint}")
        fields[name] = _parse(text)
        try:
            experiment = msgspec.convert(values | settable, Experiment)
        except msgspec.ValidationError as error:
            cause, _, path = str(error).replace("`", "").partition(" - at $.")
            cause += _choices(experiment, path) if "enum" in cause else ""
            raise DigitsError(f"--set {assignment}: {cause[0].lower()}{cause[1:]}") from error
    recipe, camera = experiment.recipe, experiment.camera or usual
    if not recipe.draws and camera != usual:
        raise DigitsError(f"--set camera: the recipe {recipe.name} draws no pictures")
    return replace(experiment, camera=camera if recipe.draws else None)


def _choices(experiment: Experiment, path: str) -> str:
    """The texts that a value may be, as the end of a sentence."""
    *groups, name = path.split(".")
    hints = get_type_hints(type(reduce(getattr, groups, experiment)))
    return f"; there are: {', '.join(get_args(hints[name]))}"


def _paths(values: dict[str, Any], group: str = "") -> Iterator[str]:
    """Yield the names of the values in a group, such as recipe.epochs."""
    for name, value in values.items():
        yield group + name
        if isinstance(value, dict):
            yield from _paths(value, f"{group}{name}.")


def _subfields(values: Any, groups: Iterable[str]) -> dict[str, Any]:
    """The fields of a group in a group in these values; none if there is no such group."""
    for group in groups:
        values = values.get(group) if isinstance(values, dict) else None
    return values if isinstance(values, dict) else {}


def _parse(text: str) -> Any:
    """A JSON value; what isn't JSON is a string, so that nobody has to quote it twice."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
