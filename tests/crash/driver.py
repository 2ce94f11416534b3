"""Fork a process for each `digits` command, because importing torch takes seconds.

python -m tests.crash.driver DESCRIPTOR

DESCRIPTOR is that of a socket: it receives commands (JSON, with the descriptors of stdout and
stderr), and is sent each one's process id, then its exit code.
"""

import gc
import json
import os
import socket
import sys
from typing import Any


def serve(connection: socket.socket) -> None:
    message, descriptors, *_ = socket.recv_fds(connection, 1 << 16, 2)
    while message:
        process = os.fork()
        if process == 0:
            connection.close()
            run_command(json.loads(message), descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(b"%d" % process)
        end = os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
        assert end is not None
        code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
        connection.send(b"%d" % code)
        message, descriptors, *_ = socket.recv_fds(connection, 1 << 16, 2)
        # Only now: once a process is reaped, a late signal could hit another one.
        os.waitpid(process, 0)


def run_command(command: dict[str, Any], descriptors: list[int]) -> None:
    """Run `digits` in this process, with the subset of MNIST and short waits."""
    from digits.__main__ import main
    from tests.crash.faults import Faults

    for target, descriptor in enumerate(descriptors, 1):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.chdir(command["folder"])
    if command["arguments"][0] == "watch":
        from digits.watch import watcher

        watcher.STABLE, watcher.POLL = 0.02, 0.01
    if command["faults"]:
        Faults(**command["faults"]).install()
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.argv[1:] = command["arguments"]
    main()


def preload() -> None:
    """Import slow modules, and have matplotlib find its fonts.

    But not onnxruntime: it starts a thread, which forked processes would lack.
    """
    import onnx  # noqa: F401
    import torch._dynamo  # noqa: F401
    from matplotlib.figure import Figure

    import digits_train.cli
    import digits_train.trainer  # noqa: F401
    from tests.train import subset_digits

    subset_digits.install()
    figure = Figure(layout="constrained")
    figure.subplots().set_title("0")
    figure.savefig(os.devnull, format="png")
    gc.freeze()  # forked processes needn't copy what is never collected


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        preload()
        connection.send(b"ready")
        serve(connection)
