"""What networks learn: to classify digits, or to find the symbols of a page.

The training loop calls the same methods of both. `own` and `parent` are those of a fine-tuning:
one's own pictures or pages, and the network as it was.

    examples, steps   how many an epoch has
    samples           some typical inputs, uint8 [n, 1, height, width], to measure batch norm on
    divergence        a mean loss from which on a training has failed
    metrics           of an epoch's number, its means, what `validate` returns, and times
    start             generate what takes a while and only training needs
    batches           the minibatches of an epoch, counted from 0; they depend on nothing but the
                      seed, the epoch and the network at its beginning
    validate          the fields of the metrics that begin with `validation_`
    evaluate          after the last epoch: draw confusion and mistakes into a folder; return the
                      results for run.json, and why the network is useless, or None
    compare           the network before and after a fine-tuning
"""

from digits_train.tasks.classification import Classification
from digits_train.tasks.detection import Detection

__all__ = ["Classification", "Detection", "Task"]

Task = Classification | Detection
