"""A process that forks one for each `digits` command, because importing torch takes seconds.

python -m tests.crash.driver DESCRIPTOR: of a socket, which brings the commands (JSON, with the
descriptors of stdout and stderr) and takes of each the process's number, and its exit code.
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
            become(json.loads(message), descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(b"%d" % process)
        end = os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
        assert end is not None
        code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
        connection.send(b"%d" % code)
        message, descriptors, *_ = socket.recv_fds(connection, 1 << 16, 2)
        os.waitpid(process, 0)  # until now, a signal that comes too late hits no other process


def become(command: dict[str, Any], descriptors: list[int]) -> None:
    """Be `digits`, with the slice in place of MNIST and little patience."""
    from digits.__main__ import main
    from tests.crash.faults import Faults

    for target, descriptor in enumerate(descriptors, 1):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.chdir(command["folder"])
    match command["arguments"][0]:
        case "export":
            from digits_export import evaluate

            evaluate._microseconds = lambda call: 1.0  # all else in the files is the same each time
        case "watch":
            from digits.commands import watch

            watch._STABLE_SECONDS, watch._POLL_SECONDS = 0.02, 0.01
    if command["faults"]:
        Faults(**command["faults"]).install()
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.argv[1:] = command["arguments"]
    main()


def warm() -> None:
    """Import what takes long, and have matplotlib find its fonts.

    But not onnxruntime: it starts a thread, which a forked process wouldn't have.
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
    gc.freeze()  # what is never collected isn't copied either


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        warm()
        connection.send(b"ready")
        serve(connection)
