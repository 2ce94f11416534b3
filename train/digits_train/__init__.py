"""Train LeNet-5 and VGG-16 on MNIST, and the networks that read whole pages.

For example, in a notebook:

    data = digits_train.load_mnist()
    model = digits_train.LeNet5()
    history = digits_train.fit(model, data, digits_train.recipes.CLASSIC)
    digits_train.evaluate(model, data.test)
    digits_train.plot_curves(history)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digits_train import recipes
    from digits_train.classifier import evaluate, fit, load_mnist, plot_curves
    from digits_train.models import VGG16, LeNet5

_MODULES = {
    **dict.fromkeys(("load_mnist", "fit", "evaluate", "plot_curves"), "digits_train.classifier"),
    **dict.fromkeys(("LeNet5", "VGG16"), "digits_train.models"),
}
__all__ = ["VGG16", "LeNet5", "evaluate", "fit", "load_mnist", "plot_curves", "recipes"]


def __getattr__(name: str) -> Any:
    """Import what is asked for: `digits train --help` must not wait for torch."""
    if name == "recipes":
        return import_module("digits_train.recipes")
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
