"""What networks learn: to classify digits, to find the symbols of a page, or to read a number.

The training loop calls the same methods of all. `own` and `parent` are those of a fine-tuning:
one's own pictures or pages, and the network as it was. `dist`: see `digits_train.distributed`.

    examples, steps   how many an epoch has
    samples           some typical inputs, uint8 [n, 1, height, width], to measure batch norm on
    divergence        a mean loss from which on a training has failed
    line              an epoch's metrics for the terminal, to be formatted
    start             generate what takes a while and only training needs
    batches           this process's parts of an epoch's batches; they depend on nothing but the
                      seed, the epoch (from 0) and the network at its beginning. `inputs` are on the
                      device; `size` counts the training examples, over all processes
    loss              of the network's outputs: a scalar, which summed over all processes is what
                      the step reduces; and float32 [k], sums over the training examples, the loss
                      first, whose `means` the epoch's metrics have
    validate          the metrics that begin with `validation_`
    evaluate          after the last epoch: draw confusion and mistakes into a folder; return the
                      results for run.json, and why the network is useless, or None
    compare           the network before and after a fine-tuning
"""

from digits_train.tasks.classification import Classification
from digits_train.tasks.detection import Detection
from digits_train.tasks.recognition import Recognition

__all__ = ["Classification", "Detection", "Recognition", "Task"]

Task = Classification | Detection | Recognition
