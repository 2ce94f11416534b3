"""Which packages may import which, how files are written, and whether documents are up to date."""

import ast
import importlib
import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Container, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from benchmarks import tables
from PIL import Image

from digits.inference.model_file import BUNDLED_DETECTOR, BUNDLED_RECOGNIZER
from digits_train import checkpoint
from digits_train.checkpoint import Provenance
from digits_train.experiment import default_experiment
from digits_train.models import LeNet5
from digits_train.run import RunDir
from tests.conftest import Patch, Run

ROOT = Path(__file__).parent.parent
FOLDERS = {"digits": "runtime", "digits_train": "train", "digits_export": "export"}
HEAVY = {"torch", "onnx", "matplotlib", "scipy", "cv2", "safetensors"}
# Which packages the files may import whose paths begin so, beside Python's own.
ALLOWED = {
    "runtime/digits/": "numpy onnxruntime PIL typer",
    "runtime/digits/forms/": "cv2 fpdf msgspec starlette tomli_w",
    "runtime/digits/images/": "pillow_heif pypdfium2",
    "runtime/digits/review/": "starlette",
    "runtime/digits/serve/": "starlette",
    "runtime/digits/system.py": "ctypes fcntl resource select",
    "runtime/digits/terminal.py": "rich",
    "runtime/digits/web/": "starlette uvicorn",
    "train/digits_train/": "digits msgspec numpy PIL safetensors scipy skimage torch typer",
    "train/digits_train/fetch.py": "platformdirs truststore",
    "train/digits_train/onnx_graph.py": "onnx_ir",
    "train/digits_train/plots.py": "matplotlib",  # which has its own settings
    "export/digits_export/": "digits digits_train msgspec numpy onnx onnx_ir onnxruntime scipy"
    " torch typer",
}
OTHERS = sys.stdlib_module_names - {"ctypes", "fcntl", "resource", "select"}  # on all systems

MAX_LINES = 300


def python_files(*folders: str) -> list[Path]:
    return [file for folder in folders for file in (ROOT / folder).rglob("*.py")]


@cache
def imports(file: Path) -> set[str]:
    """The dotted names that a file imports, wherever in it."""
    names = set[str]()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("package", FOLDERS)
def test_packages_import_only_what_they_may(package: str) -> None:
    for file in python_files(f"{FOLDERS[package]}/{package}"):
        path = file.relative_to(ROOT).as_posix()
        rules = [packages for prefix, packages in ALLOWED.items() if path.startswith(prefix)]
        allowed = {package, *OTHERS, *" ".join(rules).split()}
        assert {name.split(".")[0] for name in imports(file)} <= allowed, file


def test_only_the_command_line_of_the_runtime_names_the_other_packages() -> None:
    """It imports them when they are asked for."""
    named = re.compile(r"[\"']digits_(train|export)\b")
    files = [file for file in python_files("runtime") if named.search(file.read_text("utf-8"))]
    assert files == [ROOT / "runtime" / "digits" / "cli.py"]


def test_the_room_of_forms_has_one_door() -> None:
    """Others import names of the package, not its modules."""
    room = ROOT / "runtime" / "digits" / "forms"
    names = {f"digits.forms.{name}" for name in importlib.import_module("digits.forms").__all__}
    for file in python_files("runtime"):
        if room not in file.parents:
            assert {name for name in imports(file) if "digits.forms" in name} <= names, file


@pytest.mark.parametrize("depth", [2, None], ids=["folders", "modules"])
@pytest.mark.parametrize("package", FOLDERS)
def test_no_imports_go_round_in_a_circle(package: str, depth: int | None) -> None:
    files = {}
    for file in python_files(f"{FOLDERS[package]}/{package}"):
        parts = file.relative_to(ROOT / FOLDERS[package]).with_suffix("").parts
        files[".".join(parts).removesuffix(".__init__")] = file
    graph = defaultdict[str, set[str]](set)
    for module, file in files.items():
        names = {name if name in files else name.rpartition(".")[0] for name in imports(file)}
        own, *others = (".".join(each.split(".")[:depth]) for each in (module, *names & {*files}))
        graph[own] |= {*others} - {own}
    TopologicalSorter(graph).prepare()  # it names the circle


def modules_loaded_by(code: str) -> set[str]:
    script = f"import sys\ntry:\n    {code}\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_import_of_cli_loads_no_heavy_module() -> None:
    assert not {"numpy", "onnxruntime", "PIL", *HEAVY} & modules_loaded_by("import digits.cli")


def test_training_loads_nothing_of_the_extra_for_export() -> None:
    loaded = modules_loaded_by("import digits_train.trainer")
    assert "torch" in loaded and not {"onnx", "onnx_ir", "onnxscript"} & loaded


def test_predict_loads_no_unused_module() -> None:
    arguments = ["predict", str(ROOT / "tests" / "pictures" / "0.png")]
    loaded = modules_loaded_by(
        f"sys.argv[1:] = {arguments}; from digits.__main__ import main; main()"
    )
    assert "onnxruntime" in loaded
    unused = {"pydantic", "rich", "json", "csv", "glob", "multiprocessing", "numpy.ma"}
    unused |= {"PIL.TiffImagePlugin", "PIL.ImageDraw", "digits.inference.detector_model"}
    unused |= {"digits.reader", "digits.reader.detect", *HEAVY}
    # Python 3.13's pathlib loads glob.
    assert not loaded & (unused - modules_loaded_by("import pathlib"))


def test_files_are_short() -> None:
    files = python_files(*FOLDERS.values())
    lengths = {str(file): len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert not {file: length for file, length in lengths.items() if length >= MAX_LINES}


def test_document_links_resolve() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)#]+)", text):
            assert link.startswith("https://") or (document.parent / link).exists(), (
                f"{document}: {link}"
            )


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(file.stem for file in ROOT.glob("benchmarks/*.py")))
def test_benchmark_can_be_started(name: str) -> None:
    try:
        importlib.import_module(f"benchmarks.{name}")
    except ModuleNotFoundError as error:  # those of the dependency group `bench`
        assert error.name and error.name.split(".")[0] not in ("benchmarks", "digits", "tests")


@pytest.mark.parametrize("path", tables.DOCUMENTS, ids=lambda path: path.name)
def test_figures_of_documents_are_those_of_the_benchmarks(path: Path) -> None:
    text = path.read_text()
    assert tables.filled(text, json.loads(tables.RESULTS.read_text())) == text
    assert tables.MARKED.search(text)


@pytest.mark.parametrize("mark", ["taste", "taste: LeNet-5", "speed: LeNet-5's taste"])
def test_figure_that_no_benchmark_has_is_an_error(mark: str) -> None:
    with pytest.raises(LookupError):
        tables.filled(f"<!-- bench: {mark} -->5<!-- end -->", {"speed": [["LeNet-5", "s", {}]]})


DOCUMENT = Path(__file__).parent.parent / "docs" / "output.md"


def documented(headings: str) -> set[str]:
    """The keys in the tables below some headings, separated by " + "."""
    text, keys = DOCUMENT.read_text(encoding="utf-8"), set[str]()
    for heading in headings.split(" + "):
        section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
        for cell in re.findall(r"^\| (`.+?) \|", section, re.MULTILINE):
            keys.update(re.findall("`(.+?)`", cell))
    return keys


def paths(value: object, known: Container[str], path: str = "") -> Iterator[str]:
    """The keys of a value: each that is in `known`, or else has nothing inside."""
    if path not in known and value and isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, known, f"{path}.{key}" if path else key)
    elif path not in known and value and isinstance(value, list):
        for item in value:
            yield from paths(item, known, f"{path}[]")
    else:
        yield path


@pytest.mark.parametrize(
    ("headings", "command"),
    [
        ("digits predict", "predict 7.jpg blank.png"),
        ("digits read", "read numbers.jpg"),
        ("digits eval digits", "eval digits digits.csv"),
        ("digits eval numbers", "eval numbers pages.csv --max-errors 99%"),
        ("digits info, ONNX file + digits info, classifier", "info"),
        ("digits info, ONNX file + digits info, detector", f"info {BUNDLED_DETECTOR}"),
        ("digits info, ONNX file + digits info, recognizer", f"info {BUNDLED_RECOGNIZER}"),
        ("digits info, checkpoint", "info run"),
    ],
)
def test_json_is_documented(
    run: Run,
    pictures: list[Path],
    numbers: Path,
    tmp_path: Path,
    monkeypatch: Patch,
    headings: str,
    command: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for picture in (pictures[7], numbers):
        shutil.copy(picture, tmp_path)
    Image.new("L", (300, 300), 200).save("blank.png")
    Path("digits.csv").write_text("file,digit\n7.jpg,1\n")
    Path("pages.csv").write_text("file,text\nnumbers.jpg,1-1111.5\n")
    Path("run").mkdir()
    about = Provenance("0.1", default_experiment("lenet5"), 5, 800, 0.9)
    checkpoint.save(RunDir(Path("run")).checkpoint, LeNet5(), about)
    keys = documented(headings)
    words = command.split()
    if words[0] in ("eval", "info"):
        printed = [run(*words)[1]]
    else:
        printed = run(*words, "--json")[1].splitlines()
    for text in printed:
        assert {*paths(json.loads(text), keys)} == keys
