"""Which packages may import which, how files are written, and whether documents are up to date."""

import ast
import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Container, Iterator
from functools import cache
from pathlib import Path

import pytest
from benchmarks import tables
from PIL import Image

from digits.commands import bench
from digits.inference.model_file import BUNDLED_DETECTOR, BUNDLED_RECOGNIZER
from digits_train import checkpoint
from digits_train.checkpoint import Provenance
from digits_train.models import LeNet5
from digits_train.run import RunDir
from tests.conftest import Patch, Run

ROOT = Path(__file__).parent.parent
RUNTIME = ROOT / "runtime" / "digits"
TRAIN, EXPORT = ROOT / "train" / "digits_train", ROOT / "export" / "digits_export"
HEAVY = {"torch", "onnx", "matplotlib", "scipy", "cv2", "safetensors"}
# Files, those among them that may, and the packages that the others must not import.
FORBIDDEN = [
    (
        "runtime/digits/**/*.py",
        "runtime/digits/forms/*.py runtime/digits/editor/boxes.py runtime/digits/reader/doubts.py",
        HEAVY | {"digits_train", "digits_export"},
    ),
    (
        "train/digits_train/**/*.py",
        "train/digits_train/onnx_graph.py",
        {"onnx", "onnxruntime", "digits_export"},
    ),
    (
        "runtime/digits/**/*.py",
        "runtime/digits/web/*.py runtime/digits/serve/*.py runtime/digits/review/*.py"
        " runtime/digits/editor/*.py"
        " runtime/digits/forms/form*.py",
        {"starlette", "uvicorn", "msgspec"},
    ),
    ("runtime/digits/**/*.py", "runtime/digits/serve/*.py", {"prometheus_client"}),
    ("*/digits*/**/*.py", "runtime/digits/system.py", {"ctypes", "fcntl", "resource", "select"}),
    ("train/**/*.py", "train/digits_train/plots.py", {"matplotlib"}),  # which has its own settings
]
# The modules and subpackages of each package, lowest first: each imports only from lower layers.
LAYERS = {
    RUNTIME: """
        alignment errors text | system | files terminal | images inference web
        prediction processes tables | constraints vision | drawing reader | digit forms
        classifier formats | __init__ data | adapt evaluation | commands | editor review serve watch
        cli | __main__
    """,
    TRAIN: """
        __init__ config diagnose distributed matplotlib_data onnx_graph pixels symbols
        augment comparison models optim | checkpoint detection metrics | matching training
        camera plots run | fit_ranker frames info mining own_pages start
        examples detector_data | recognizer_data | calibration | tasks | fit | trainer | cli
    """,
    EXPORT: """
        __init__ graph temperature triton verify | model_card optimize quantize detector_calibrate
        number_weights report | classifier_export detector_export recognizer_export | export | cli
    """,
}

MAX_LINES = 300
# Taken from another object, imported, or named to be patched. Python documents the exceptions.
PRIVATE = re.compile(
    r"(?<!self)(?<!cls)\._(?!replace|fields|asdict|make|exit|python_exe)[a-z]\w*"
    r"|import .*\b_[a-z]\w*|, [\"']_[a-z]\w*"
)


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imports(file: Path) -> set[tuple[str, ...]]:
    """Return the parts of the dotted names that a file imports."""
    names = []
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return {tuple(name.split(".")) for name in names}


@pytest.mark.parametrize(("pattern", "allowed", "packages"), FORBIDDEN)
def test_packages_import_nothing_forbidden(pattern: str, allowed: str, packages: set[str]) -> None:
    files = {*ROOT.glob(pattern)} - {file for each in allowed.split() for file in ROOT.glob(each)}
    assert files
    for file in files:
        assert not packages & {name[0] for name in imports(file)}, file


@pytest.mark.parametrize("package", LAYERS)
def test_modules_import_only_lower_layers(package: Path) -> None:
    layers = re.split(r"\||\n", LAYERS[package].strip())
    layer_of = {name: number for number, layer in enumerate(layers) for name in layer.split()}
    for file in package.rglob("*.py"):
        own = file.relative_to(package).parts[0].removesuffix(".py")
        imported = {name[1] for name in imports(file) if name[0] == package.name} & layer_of.keys()
        for name in imported - {own}:
            assert layer_of[name] < layer_of[own], f"{file} imports {name}"


def modules_loaded_by(code: str) -> set[str]:
    script = f"import sys\ntry:\n    {code}\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_import_of_cli_loads_no_heavy_module() -> None:
    assert not {"numpy", "onnxruntime", "PIL", *HEAVY} & modules_loaded_by("import digits.cli")


def test_predict_loads_no_unused_module() -> None:
    arguments = ["predict", str(ROOT / "tests" / "pictures" / "0.png")]
    loaded = modules_loaded_by(
        f"sys.argv[1:] = {arguments}; from digits.__main__ import main; main()"
    )
    assert "onnxruntime" in loaded
    unused = {"pydantic", "rich", "json", "csv", "glob", "multiprocessing", "numpy.ma"}
    unused |= {"PIL.JpegImagePlugin", "PIL.ImageDraw", "digits.inference.detector_model"}
    unused |= {"digits.reader", "digits.reader.page", *HEAVY}
    # Python 3.13's pathlib loads glob.
    assert not loaded & (unused - modules_loaded_by("import pathlib"))


def python_files(*folders: str) -> list[Path]:
    return [file for folder in folders for file in (ROOT / folder).rglob("*.py")]


def test_tests_use_no_private_names() -> None:
    for file in python_files("tests", "benchmarks"):
        assert not PRIVATE.findall(file.read_text(encoding="utf-8")), file


def test_files_are_short() -> None:
    files = python_files("runtime", "train", "export")
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
        ("digits eval", "eval --data digits.csv"),
        ("digits eval, pages", "eval --data pages.csv"),
        ("digits eval, numbers", "eval --numbers pages.csv --max-errors 99%"),
        ("digits info, ONNX file + digits info, classifier", "info"),
        ("digits info, ONNX file + digits info, detector", f"info {BUNDLED_DETECTOR}"),
        ("digits info, ONNX file + digits info, recognizer", f"info {BUNDLED_RECOGNIZER}"),
        ("digits info, checkpoint", "info run"),
        pytest.param("digits bench", "bench", marks=pytest.mark.slow),
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
    monkeypatch.setattr(bench, "MIN_SECONDS", 0.0)
    monkeypatch.chdir(tmp_path)
    for picture in (pictures[7], numbers):
        shutil.copy(picture, tmp_path)
    Image.new("L", (300, 300), 200).save("blank.png")
    Path("digits.csv").write_text("file,digit\n7.jpg,1\n")
    Path("pages.csv").write_text("file,text\nnumbers.jpg,1-1111.5\n")
    Path("run").mkdir()
    about = Provenance("lenet5", "0.1", {"name": "classic"}, 3, 5, {}, 800, 0.9)
    checkpoint.save(RunDir(Path("run")).checkpoint, LeNet5(), about)
    keys = documented(headings)
    lines = run(*command.split(), "--json")[1].splitlines()
    assert lines
    for line in lines:
        assert {*paths(json.loads(line), keys)} == keys
