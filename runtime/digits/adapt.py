"""Refit the last layer of a classifier to one's own digits, on the device, without torch.

The last layer of an int8 file of `digits export` is logistic regression on what the layers before
make of a picture. It is fitted to the labels anew, held near its old weights by a quadratic
penalty, which cross-validation chooses: the largest that is as good as the best within one standard
error (L. Breiman et al., "Classification and regression trees", 1984).
"""

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.data.datasets import OWN_CHECKSUM_NAME, OwnPictures
from digits.data.mnist import concat
from digits.data.table import NO_DIGIT
from digits.errors import DataError, ModelError
from digits.inference import metadata
from digits.inference.interface import CLASSIFIER, QMAX
from digits.inference.metadata import ClassifierMetadata, bytes_field
from digits.inference.model_file import ModelBytes, ModelFile, check
from digits.inference.onnx_file import last_dense_inputs, read_weights
from digits.inference.session import Session
from digits.reader.detections import log_softmax

Doubles = NDArray[np.float64]

PENALTIES = (1e4, 1e3, 1e2, 1e1, 1e0, 1e-1)
MIN_PICTURES = 5  # of each digit: of one without any, most would be forgotten
FOLDS = 5
_BATCH_SIZE = 100  # VGG-16's activations take 1.1 MB for each digit
_MAX_BIAS = 1 << 30  # of an int32
_MAX_FEATURES = 4096  # VGG-16 has 512; the time to fit grows with their square
_MAX_STEPS = 1000  # of the minimization
_MIN_GRADIENT = 1e-4  # its norm, for each picture, at which the minimization ends


class Adapted(NamedTuple):
    """The file with the refitted layer.

    model_content: its bytes.
    picture_count: how many labelled pictures there are.
    wrong_before: how many of them were read wrong.
    wrong_after: how many are read wrong now, by cross-validation.
    """

    model_content: bytes
    picture_count: int
    wrong_before: int
    wrong_after: int


class LastLayer(NamedTuple):
    """The last layer of a model file.

    feature_tensor: the name of what the layer multiplies.
    """

    name: str
    feature_tensor: str

    @classmethod
    def find(cls, content: bytes, name: str) -> "LastLayer":
        """Find the layer. Raises ModelError if the file isn't an int8 file of `digits export`."""
        with suppress(LookupError, ValueError):  # there is no such layer, or it isn't whole
            feature_tensor, weight = last_dense_inputs(content)[:2]
            layer = cls(weight.removesuffix(".weight"), feature_tensor)
            weights, scales, biases, bias_scales = layer.tensors(content)
            shapes = {weights.shape[:-1], scales.shape, biases.shape, bias_scales.shape}
            divisors = np.concatenate([scales, bias_scales])
            fits = shapes == {(NO_DIGIT + 1,)} and weights.shape[-1] <= _MAX_FEATURES
            if fits and 1e-20 < divisors.min() <= divisors.max() < 1e20:
                return layer
        raise ModelError(f"{name} isn't an int8 file of `digits export --quantize`")

    def tensors(self, content: bytes | bytearray) -> Iterator[NDArray[Any]]:
        """Yield the weights, their scales, the biases, their scales: of each digit and no digit."""
        stored = read_weights(content)
        for suffix in ("weight.int", "weight.scale", "bias.int", "bias.scale"):
            yield stored[f"{self.name}.{suffix}"]

    def weights(self, content: bytes) -> Doubles:
        """Return weights and, last, the bias of each digit and no digit: float64 [11, n + 1]."""
        tensors = (tensor.astype(np.float64) for tensor in self.tensors(content))
        weights, scales, biases, bias_scales = tensors
        return np.concatenate([weights * scales[:, None], (biases * bias_scales)[:, None]], 1)

    def replace(self, content: bytes, new: Doubles) -> bytes:
        """Return the file with new weights of the digits, rounded as `digits export` does."""
        changed = bytearray(content)
        tensors = (tensor[:NO_DIGIT] for tensor in self.tensors(changed))
        weights, scales, biases, bias_scales = tensors
        activation, new = bias_scales / scales, new[:NO_DIGIT]
        min_scales = np.abs(new[:, -1]) / (activation * _MAX_BIAS)
        scales[:] = np.maximum(np.abs(new[:, :-1]).max(1) / QMAX, min_scales)
        bias_scales[:] = activation * scales
        weights[:] = np.round(new[:, :-1] / scales[:, None])
        biases[:] = np.round(new[:, -1] / bias_scales)
        return bytes(changed)

    def compute_features(self, content: bytes, images: NDArray[np.uint8], name: str) -> Doubles:
        """Compute what the layer multiplies for each image, and last 1: float64 [k, n + 1].

        images: uint8 [k, 28, 28].
        name: what errors call the file.

        Raises ModelError if the file can't be run.
        """
        # A message that occurs twice is merged: this adds an output to the graph.
        output = bytes_field(12, bytes_field(1, self.feature_tensor.encode()))
        session = Session(content + bytes_field(7, output), name, "float")
        batches = [
            session.run({CLASSIFIER.input.name: batch}, [self.feature_tensor])[0]
            for batch in np.split(images[:, None], range(_BATCH_SIZE, len(images), _BATCH_SIZE))
        ]
        features = np.concatenate(batches).astype(np.float64)
        width = next(self.tensors(content)).shape[1]
        if features.shape != (len(images), width) or not np.isfinite(features).all():
            raise ModelError(f"{name}: its last layer reads invalid features")
        return np.concatenate([features, np.ones((len(features), 1))], 1)


def adapt(file: ModelFile[ClassifierMetadata], own: OwnPictures) -> Adapted:
    """Refit the last layer to all of one's own pictures.

    Raises DataError if there are too few, or cross-validation says that they are read no better,
    and ModelError for a float file.
    """
    objects = metadata.parse_objects(file.metadata, file.name)
    layer, pictures = LastLayer.find(file.content, file.name), concat(own.train, own.held_back)
    old, labels = layer.weights(file.content), pictures.labels
    counts = np.bincount(labels, minlength=NO_DIGIT)[:NO_DIGIT]
    if counts.min() < MIN_PICTURES:
        raise DataError(
            f"it takes {MIN_PICTURES} pictures of each digit, or others are forgotten: there are"
            f" only {counts.min()} of {counts.argmin()}"
        )
    features = layer.compute_features(file.content, pictures.images, file.name)
    wrong_before = int(are_wrong(features @ old.T, labels).sum())
    penalty, wrong_after = _choose_penalty(old, features, labels)
    if wrong_after >= wrong_before:
        raise DataError(
            f"refitting gains nothing: of {len(labels)} pictures {wrong_before} are read wrong"
            f" before, and {wrong_after} after it (cross-validated); label more, or train on a"
            " workstation"
        )
    new = fit(old, features, labels, penalty)
    recipe = {"name": "adapt", "penalty": penalty, "parent": objects["recipe"]}
    data = objects["data_sha256"] | {OWN_CHECKSUM_NAME: own.sha256}
    changed = replace(file.metadata, recipe=json.dumps(recipe), data_sha256=json.dumps(data))
    content = metadata.add_metadata(layer.replace(file.content, new), changed)
    # Never write what the runtime would refuse.
    check(ModelBytes("the adapted file", content), ClassifierMetadata)
    return Adapted(content, len(labels), wrong_before, wrong_after)


def fit(old: Doubles, features: Doubles, labels: NDArray[np.uint8], penalty: float) -> Doubles:
    """Find the likeliest weights near the old ones; those of no digit stay.

    old: float64 [11, n].
    features: float64 [k, n], the last of n is 1.
    labels: uint8 [k], 0 to 10.
    penalty: of the squared distance from the old weights.
    """
    truth = np.eye(NO_DIGIT + 1)[labels]
    # Newton's method with a bound instead of the second derivative (D. Böhning, 1992), so that no
    # step is too long, and with momentum, since many are too short (Y. Nesterov, 1983).
    inverse = np.linalg.inv(features.T @ features / 2 + penalty * np.eye(features.shape[1]))
    previous = new = ahead = old
    steps_downhill = 0
    for _ in range(_MAX_STEPS):
        shares = np.exp(log_softmax(features @ ahead.T))
        slope = (shares - truth).T @ features + penalty * (ahead - old)
        slope[NO_DIGIT] = 0
        if np.linalg.norm(slope) < _MIN_GRADIENT * len(labels):
            break
        is_downhill = (slope * (new - previous)).sum() < 0  # else momentum begins anew
        steps_downhill = steps_downhill + 1 if is_downhill else 0
        previous, new = new, ahead - slope @ inverse
        ahead = new + steps_downhill / (steps_downhill + 3) * (new - previous)
    return ahead


def _choose_penalty(
    old: Doubles, features: Doubles, labels: NDArray[np.uint8]
) -> tuple[float, int]:
    """Choose the penalty by cross-validation; return how many pictures it reads wrong, too."""
    folds = np.random.default_rng(0).permutation(len(labels)) % FOLDS
    losses = np.zeros((len(PENALTIES), len(labels)))
    wrong = np.zeros((len(PENALTIES), len(labels)), np.bool_)
    for fold in range(FOLDS):
        train, held_back = folds != fold, folds == fold
        for index, penalty in enumerate(PENALTIES):
            new = fit(old, features[train], labels[train], penalty)
            logits = features[held_back] @ new.T
            likelihoods = log_softmax(logits)[np.arange(len(logits)), labels[held_back]]
            losses[index, held_back] = -likelihoods
            wrong[index, held_back] = are_wrong(logits, labels[held_back])
    means = losses.mean(1)
    best = int(means.argmin())
    standard_error = losses[best].std() / math.sqrt(len(labels))
    chosen = int(np.argmax(means <= means[best] + standard_error))
    return PENALTIES[chosen], int(wrong[chosen].sum())


def are_wrong(logits: NDArray[Any], labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether each digit is read wrong, or non-digit taken for a digit. logits: [n, 11]."""
    answers = np.where(labels == NO_DIGIT, logits.argmax(1), logits[:, :NO_DIGIT].argmax(1))
    return np.asarray(answers != labels)
