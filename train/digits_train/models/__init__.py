"""The networks: uint8 pixels in, logits out. Each is one file, with the recipes that train it.

Each is a plain chain of named layers, so that the exporter can walk it and a student can read it.
"""

from dataclasses import replace
from typing import Any

from digits.errors import DigitsError
from digits_train.models import custom
from digits_train.models.lenet5 import LeNet5
from digits_train.models.network import Network, Normalize
from digits_train.models.vgg16 import VGG16
from digits_train.recipe import Recipe

__all__ = [
    "ARCHITECTURES",
    "VGG16",
    "LeNet5",
    "Network",
    "Normalize",
    "add",
    "build",
    "choose",
    "find",
]

# Those of the user's own are added to them.
ARCHITECTURES: dict[str, type[Network]] = {"lenet5": LeNet5, "vgg16": VGG16}


def add(spec: str) -> str:
    """The name of the network that `--model` means; one in a FILE.py:CLASS is known from now on.

    A checkpoint holds that name, and never the file's. Raises DigitsError when the class can't be
    used, or another network has its name.
    """
    if not custom.is_file(spec):
        return spec
    network = custom.load(spec)
    name = network.__name__.lower()
    known = ARCHITECTURES.setdefault(name, network)
    if known.__module__ != network.__module__:
        raise DigitsError(f"{spec}: another network is called {name}; rename the class")
    ARCHITECTURES[name] = network
    return name


def find(architecture: str) -> type[Network]:
    """Raises DigitsError for a name that isn't known."""
    if architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise DigitsError(
            f"there is no network called {architecture!r}; there are: {known}; one of your own"
            " needs --model FILE.py:CLASS, as a teacher --teacher-model FILE.py:CLASS"
        )
    return ARCHITECTURES[architecture]


def build(architecture: str) -> Network:
    """A new network with random weights. Raises DigitsError for a name that isn't known."""
    return find(architecture)()


def choose(architecture: str, name: str, **changes: Any) -> Recipe:
    """The network's recipe called `name`, with the changes that are not None.

    Raises DigitsError for an unknown name or a value out of range.
    """
    recipes = find(architecture).recipes
    if name not in recipes:
        raise DigitsError(f"there is no recipe called {name!r}; there are: {', '.join(recipes)}")
    given = {field: value for field, value in changes.items() if value is not None}
    return replace(recipes[name], **given)
