"""What is in a checkpoint: how its network was trained, and the tensors."""

import json
import math
import re
from pathlib import Path
from typing import Any

from digits_train import checkpoint
from digits_train.run import checkpoint_at

# Batch norm measures these; it doesn't learn them.
_STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")
_MAX_NESTED = 100  # objects and lists in a value of a checkpoint


def inspect(path: Path) -> dict[str, Any]:
    """The properties of a checkpoint, or of that of a run folder, of any network.

    provenance: what is nested too deep for a table as JSON. parameters: how many values were
    learnt. tensors: the shape of each, by name. Raises ModelError if the checkpoint is missing,
    damaged or not ours.
    """
    path = checkpoint_at(path)
    provenance, tensors, sha256 = checkpoint.read(path)
    shapes = {name: list(tensor.shape) for name, tensor in sorted(tensors.items())}
    learnt = [shape for name, shape in shapes.items() if not name.endswith(_STATISTICS)]
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "sha256": sha256,
        "provenance": {
            name: text if _is_deep(text := json.dumps(value)) else value
            for name, value in vars(provenance).items()
        },
        "parameters": sum(map(math.prod, learnt)),
        "tensors": shapes,
    }


def _is_deep(text: str) -> bool:
    """Whether a JSON text is nested too deeply for recursive functions."""
    return len(re.findall(r"[{[]", text)) > _MAX_NESTED
