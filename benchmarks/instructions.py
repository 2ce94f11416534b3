"""Instructions that a Raspberry Pi 4 executes to read a picture or a page, counted in an emulator.

    tests/arm/root.sh plugins
    python -m benchmarks.instructions . ../before    # trees to compare; by default this one

Unlike the time under emulation, their number says something about the board: two runs differ by
0.1 %, and two layouts of memory by up to 2 %. A process reads N and 2 N; the difference is warm.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.timing import print_row

REPOSITORY = Path(__file__).parents[1]
ARM = Path(os.environ.get("DIGITS_ARM", REPOSITORY / ".arm"))
PICTURE, PAGE = REPOSITORY / "tests/pictures/0.png", REPOSITORY / "docs/page.jpg"  # 0.png: 28x28
PICTURES, PAGES = 100, 1

# QEMU's plugin.h, of which Debian has no package, in so far as it is needed: the API's version 1.
# https://www.qemu.org/docs/master/devel/tcg-plugins.html
PLUGIN = r"""
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
struct qemu_plugin_tb;
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t, void (*)(uint64_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int, void *, uint64_t);
void qemu_plugin_register_atexit_cb(uint64_t, void (*)(uint64_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
int qemu_plugin_version = 1;
enum { ADD };
static uint64_t count;
static void translated(uint64_t id, struct qemu_plugin_tb *block) {
    qemu_plugin_register_vcpu_tb_exec_inline(block, ADD, &count, qemu_plugin_tb_n_insns(block));
}
static void ended(uint64_t id, void *data) {
    dprintf(2, "\n%" PRIu64 " instructions\n", count);
}
int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv) {
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
"""
# What Debian 12's QEMU doesn't show of the emulated processor, and onnxruntime asks for.
CPU = "processor: 0\nFeatures: fp asimd crc32\nCPU implementer: 0x41\nCPU part: 0xd08\n\n"
WARM = """
import sys
import digits.inference.session
digits.inference.session.monotonic = lambda: 0.0  # no time is too long
method = getattr(digits.Classifier(), sys.argv[1])
for _ in range(int(sys.argv[3])):
    method(sys.argv[2])
"""


def count(plugin: Path, tree: Path, *words: object) -> float:
    """Millions of instructions that Python executes with these words and the tree's runtime."""
    settings = {
        "PYTHONPATH": f"{tree / 'runtime'}:{ARM / 'packages'}",
        "PYTHONPYCACHEPREFIX": f"{ARM / 'bytecode'}",
        "PYTHONHASHSEED": "0",
    }
    command = [ARM / "qemu/usr/bin/qemu-aarch64", "-cpu", "cortex-a72", "-plugin", plugin]
    command += ["-L", ARM / "debian", "-U", "LD_LIBRARY_PATH"]
    command += ["-E", ",".join(f"{name}={value}" for name, value in settings.items())]
    done = subprocess.run(
        [*map(str, (*command, ARM / "debian/usr/bin/python3", *words))],
        env={"LD_LIBRARY_PATH": f"{ARM / 'qemu/usr/lib/x86_64-linux-gnu'}"},
        capture_output=True,
        text=True,
    )
    match = re.search(r"^(\d+) instructions$", done.stderr, re.MULTILINE)
    assert done.returncode == 0 and match, done.stderr
    return int(match[1]) / 1e6


def main() -> None:
    trees = [Path(tree).resolve() for tree in sys.argv[1:]] or [REPOSITORY]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    (ARM / "debian/proc").mkdir(exist_ok=True)
    (ARM / "debian/proc/cpuinfo").write_text(CPU)
    cold, picture, page = (dict[str, float]() for _ in range(3))
    with TemporaryDirectory() as folder:
        plugin = Path(folder) / "count.so"
        compile = ["gcc", "-O2", "-shared", "-fPIC", "-x", "c", "-o", str(plugin), "-"]
        subprocess.run(compile, input=PLUGIN, text=True, check=True)
        for tree in trees:
            start, name = ("-m", "digits", "predict", PICTURE), str(tree)
            count(plugin, tree, *start)  # writes the bytecode
            count(plugin, tree, "-c", WARM, "read", PICTURE, 1)
            cold[name] = count(plugin, tree, *start)
            for counts, calls, *words in (
                (picture, PICTURES, "predict", PICTURE),
                (page, PAGES, "read", PAGE),
            ):
                once, twice = (count(plugin, tree, "-c", WARM, *words, n * calls) for n in (1, 2))
                counts[name] = (twice - once) / calls
    print_row("instructions in millions", *trees)
    print_row("a cold `digits predict`", *cold.values())
    print_row("a warm PNG of 28x28", *picture.values())
    print_row("a warm page, docs/page.jpg", *page.values())


if __name__ == "__main__":
    main()
