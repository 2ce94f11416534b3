"""Which module of digits_train may import which."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import digits_train

PACKAGE = Path(digits_train.__file__).parent
LOOP = {f"digits_train.{name}" for name in ("fit", "trainer", "cli")}


def import_graph() -> dict[str, set[str]]:
    """For each module, the modules that it imports at the top."""
    files = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        files[".".join(parts).removesuffix(".__init__")] = path
    graph = {}
    for module, path in files.items():
        froms = [n for n in ast.parse(path.read_text()).body if isinstance(n, ast.ImportFrom)]
        names = {f"{node.module}.{alias.name}" for node in froms for alias in node.names}
        names |= {str(node.module) for node in froms}
        graph[module] = (names & files.keys()) - {"digits_train", module}
    return graph


def test_training_loop_is_imported_by_nothing_below_it() -> None:
    graph = import_graph()
    TopologicalSorter(graph).prepare()  # which finds circles
    assert graph["digits_train.config"] == set()
    for module in graph.keys() - LOOP:
        assert not graph[module] & LOOP, module
