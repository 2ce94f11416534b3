"""Peak memory of processes, ours and other packages', and for small and large folders.

    make bench

VmHWM, the peak resident set, which each process reads when it exits. It includes library pages
shared with other processes.
"""

import os
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import commands, pictures
from benchmarks.timing import show

STATUS = Path("/proc/self/status")  # Linux has it
ROUNDS = 3
FEW, MANY = 100, 10_000

# Runs the script, or the code after -c, of the rest of the command line. It registers first, so it
# runs last.
MEASURED = f"""
import atexit, sys
def tell():
    with open({str(STATUS)!r}) as status:
        print(*[line for line in status if line.startswith("VmHWM")], file=sys.stderr)
atexit.register(tell)
del sys.argv[0]
if sys.argv[0] == "-c":
    exec(sys.argv.pop(1))
else:
    import runpy
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


def megabytes(words: list[str]) -> float:
    """The median peak memory of the command's process."""
    peaks = []
    for _ in range(ROUNDS):
        python = [sys.executable, "-c", MEASURED]
        rest = words[1:] if words[0] == sys.executable else words
        done = subprocess.run(
            [*python, *rest], check=True, text=True, stdout=subprocess.DEVNULL, stderr=-1
        )
        [line] = [line for line in done.stderr.splitlines() if line.startswith("VmHWM")]
        peaks.append(int(line.split()[1]) / 1024)
    return statistics.median(peaks)


def folders() -> dict[str, float]:
    """The peak memory of `digits predict` for few and for many pictures."""
    peaks = {}
    for count in (FEW, MANY):
        with TemporaryDirectory() as folder:
            for number in range(count):
                os.symlink(commands.PICTURE, Path(folder) / f"{number:05}.png")
            words = [commands.script("digits"), "predict", "--jobs", "1", folder]
            peaks[f"digits predict --jobs 1, {count:,} pictures"] = megabytes(words)
    return peaks


def main() -> None:
    if not STATUS.exists():
        print(f"memory: skipped, this system has no {STATUS}")
        return
    peaks = {command.name: megabytes(command.words) for command in commands.one_picture()}
    with TemporaryDirectory() as folder:
        words = [commands.script("digits"), "read", str(pictures.a4(Path(folder)))]
        peaks["digits read, A4 of 12 megapixels"] = megabytes(words)
    show("Memory, one picture, peak of the process", "MB", peaks)
    show("Memory, a folder, peak of the process", "MB", folders())


if __name__ == "__main__":
    main()
