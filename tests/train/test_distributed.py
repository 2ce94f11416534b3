"""Several processes that train together."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor

from digits.__main__ import main
from digits.errors import DigitsError
from digits_train.distributed import CPU, DistributedContext, own_cores, trainer_threads
from digits_train.state import Metrics, TrainState
from digits_train.tasks import Classification
from digits_train.tasks.stream import StreamTask
from digits_train.tasks.task import AnyTask
from tests.conftest import Patch
from tests.train import subset_digits

ROOT = Path(__file__).parent.parent.parent
CLASSIFIER = "recipe.epochs=2 recipe.batch_size=33 recipe.learning_rate=0.01"
DETECTOR = (
    "recipe.steps=4 recipe.interval=2 recipe.batch_size=5 recipe.window=96"
    " recipe.validation=4 recipe.final_validation=4"
)


def digest(tensors: Iterable[Tensor]) -> str:
    content = b"".join(tensor.detach().numpy().tobytes() for tensor in tensors)
    return hashlib.sha256(content).hexdigest()


def noting(train: Any) -> Any:
    """A task's `train` that notes what this process sees first, and its weights at the end."""

    def noted(task: AnyTask, state: TrainState, *rest: Any) -> Iterator[Metrics]:
        seen = list[Tensor]()

        def see(_: Any, inputs: tuple[Tensor]) -> None:
            seen.append(inputs[0].clone())
            hook.remove()

        hook = state.model.register_forward_pre_hook(see)
        yield from train(task, state, *rest)
        note = {
            "size": len(seen[0]),
            "first": digest(seen),
            "weights": digest(state.model.parameters()),
        }
        Path(f"process-{task.dist.rank}.json").write_text(json.dumps(note))

    return noted


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "changes", "sizes", "line"),
    [
        ("lenet5 --recipe quick", CLASSIFIER, [16, 16], "epoch 1/2"),
        ("detector", DETECTOR, [2, 3], "step 2/4"),
    ],
)
def test_each_process_composes_its_own_and_weights_are_equal(
    network: str, changes: str, sizes: list[int], line: str, tmp_path: Path
) -> None:
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    settings = [argument for change in changes.split() for argument in ("--set", change)]
    options = ["--network", *network.split(), *settings, "--device", "cpu", "--out", "run"]
    done = subprocess.run(
        [sys.executable, *launcher, __file__, "train", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        text=True,
        capture_output=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("run  validation "), done.stderr
    assert (done.stdout.count("\n"), done.stderr.count(line)) == (1, 1)
    summary = json.loads((tmp_path / "run/run.json").read_text())
    assert summary["machines"][0]["processes"] == 2
    notes = [json.loads((tmp_path / f"process-{rank}.json").read_text()) for rank in range(2)]
    assert [note["size"] for note in notes] == sizes
    assert notes[0]["first"] != notes[1]["first"] and notes[0]["weights"] == notes[1]["weights"]


def test_error_of_the_main_process_ends_all_and_is_printed_by_it_alone(monkeypatch: Patch) -> None:
    error, sent = DigitsError("no such file"), list[Any]()

    def broadcast(outcome: list[Any]) -> None:
        sent.append(outcome[0])
        outcome[0] = error

    monkeypatch.setattr(torch.distributed, "broadcast_object_list", broadcast)
    for rank, end in ((0, DigitsError), (1, SystemExit)):
        with pytest.raises(end, match="no such file" if rank == 0 else "1"):
            DistributedContext(CPU.device, rank, 2).run_on_main(Mock(side_effect=error))
    assert sent == [error, None]


def test_processes_divide_the_cores_of_their_machine(monkeypatch: Patch) -> None:
    monkeypatch.setattr("digits.system.cpu_count", lambda: 12)
    assert (own_cores(), trainer_threads()) == (12, 8)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert (own_cores(), trainer_threads()) == (6, 4)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "16")
    assert (own_cores(), trainer_threads()) == (1, 1)


if __name__ == "__main__":
    for patch in subset_digits.patches():
        setattr(*patch)
    for task in (Classification, StreamTask):
        task.train = noting(task.train)  # type: ignore[method-assign]
    main()
