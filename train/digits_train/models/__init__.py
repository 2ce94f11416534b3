"""The networks: uint8 pixels in, logits out. Each is one file.

LeNet-5 and VGG-16 classify digits; the detector finds the symbols of a page, the recognizer
reads a crop of a number.
"""

from digits.errors import DigitsError
from digits_train.models import custom
from digits_train.models.detection import DetectorNetwork, Maps, Targets
from digits_train.models.detector import Detector
from digits_train.models.lenet5 import LeNet5
from digits_train.models.network import BaseNetwork, Network, Normalize
from digits_train.models.recognizer import Recognizer, RecognizerNetwork
from digits_train.models.vgg16 import VGG16

# What is defined elsewhere.
__all__ = [
    "VGG16",
    "BaseNetwork",
    "Detector",
    "DetectorNetwork",
    "LeNet5",
    "Maps",
    "Network",
    "Normalize",
    "Recognizer",
    "RecognizerNetwork",
    "Targets",
]

# `register` adds the user's own.
ARCHITECTURES: dict[str, type[BaseNetwork]] = {
    "lenet5": LeNet5,
    "vgg16": VGG16,
    "detector": Detector,
    "recognizer": Recognizer,
}


def register(spec: str) -> str:
    """Register the network of a FILE.py:CLASS; return the name of any that `--network` takes.

    A checkpoint holds that name, never the file's. Raises DigitsError if the class can't be used,
    another network has its name, or the name is unknown.
    """
    if not custom.is_file(spec):
        get_network(spec)
        return spec
    network = custom.load(spec)
    name = network.__name__.lower()
    if ARCHITECTURES.get(name, network).__module__ != network.__module__:
        raise DigitsError(f"{spec}: there is another network called {name}; rename the class")
    ARCHITECTURES[name] = network
    return name


def get_network(name: str) -> type[BaseNetwork]:
    """The class of a network. Raises DigitsError for an unknown name."""
    if name not in ARCHITECTURES:
        raise DigitsError(
            f"no network called {name!r}; there are: {', '.join(ARCHITECTURES)}; your own"
            " needs --network FILE.py:CLASS"
        )
    return ARCHITECTURES[name]
