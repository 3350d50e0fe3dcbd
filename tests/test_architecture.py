"""Who imports whom: the arrows between the packages, and between the rooms of `cnn_experiment`.

Read from the source, so that imports inside functions count, too. What is really loaded when a
package is imported stands in `tests/test_imports.py`.
"""

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MAY_IMPORT = {
    "parity_ladder": set[str](),
    "cnn_experiment": set[str](),
    "keras_for_torch": set[str](),
    "torch_cnn": {"parity_ladder", "cnn_experiment", "keras_for_torch"},
    "keras_ref": {"parity_ladder", "cnn_experiment"},
    "numpy_mlp": {"cnn_experiment"},
    "parity_tests": {
        "parity_ladder", "cnn_experiment", "keras_for_torch", "torch_cnn", "keras_ref", "numpy_mlp",
    },
    "measurements": {
        "parity_ladder", "cnn_experiment", "keras_for_torch", "torch_cnn", "keras_ref", "numpy_mlp",
        "parity_tests",
    },
    "twin_cnn": {"parity_ladder", "cnn_experiment", "torch_cnn", "parity_tests"},
    "scripts": {
        "parity_ladder", "cnn_experiment", "keras_for_torch", "torch_cnn", "keras_ref", "numpy_mlp",
        "parity_tests", "twin_cnn", "measurements", "tests",
    },
    "tests": {
        "parity_ladder", "cnn_experiment", "keras_for_torch", "torch_cnn", "keras_ref", "numpy_mlp",
        "parity_tests", "twin_cnn", "measurements",
    },
}  # fmt: skip
"""Which of our packages each of them may import, besides itself."""

NOT_ITS_FRAMEWORK = {
    "cnn_experiment": {"torch", "keras", "tensorflow", "jax"},
    "keras_for_torch": {"keras", "tensorflow", "jax"},
    "torch_cnn": {"keras", "tensorflow", "jax"},
    "keras_ref": {"torch", "jax"},
    "numpy_mlp": {"torch", "keras", "tensorflow", "jax"},
}

SIDES_IMPORT = {
    "keras_side": {"keras", "tensorflow"},
    "torch_side": {"torch"},
    "pairing": {"keras", "torch"},
    "known_differences": {"keras", "torch", "tensorflow"},
}
"""The rooms of `parity_ladder` that are loaded when a side is made, and their frameworks."""

ROOMS = (
    "kinds", "version", "errors", "value", "variables", "atomic_file",
    "safetensors_file", "machine",
    "settings", "data", "runs", "formats",
    "backend", "look", "session", "command_line", "train_options",
)  # fmt: skip
"""The rooms of `cnn_experiment`: each imports only from those before it."""

LINES_OF_A_SCRIPT = 79


def module_of(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def sources(package: str, root: Path) -> dict[str, ast.Module]:
    """Each module of the package, parsed."""
    files = sorted((root / package).rglob("*.py"))
    return {module_of(file, root): ast.parse(file.read_text()) for file in files}


def imports(nodes: Iterator[ast.AST]) -> set[str]:
    """The modules that are imported, and `module.name` for each name that is taken from one."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def at_loading(tree: ast.Module) -> Iterator[ast.AST]:
    """The statements that run when the module is imported: none of a function's, none for types."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if for_types or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield node
        waiting += ast.iter_child_nodes(node)


def imports_of(package: str, root: Path) -> dict[str, set[str]]:
    """What each module of the package imports, anywhere in it."""
    return {name: imports(ast.walk(tree)) for name, tree in sources(package, root).items()}


def upward(package: str, root: Path = ROOT) -> list[str]:
    """The imports of our other packages that are not allowed."""
    forbidden = MAY_IMPORT.keys() - MAY_IMPORT[package] - {package}
    return [
        f"{module} imports {name}"
        for module, names in imports_of(package, root).items()
        for name in sorted(names)
        if name.partition(".")[0] in forbidden
    ]


def room_of(module: str) -> str:
    return module.split(".")[1]


def against_the_order(root: Path = ROOT) -> list[str]:
    """The imports of a room that is not before the module's own."""
    modules = imports_of("cnn_experiment", root)
    del modules["cnn_experiment"]  # the facade, which has all names
    found = []
    for module, names in modules.items():
        place = ROOMS.index(room_of(module))
        ours = {name for name in names if name.startswith("cnn_experiment")}
        found += [f"{module} imports the facade" for name in ours if "." not in name]
        rooms = {room_of(name) for name in ours if "." in name} & {*ROOMS} - {room_of(module)}
        found += [f"{module} imports {room}" for room in rooms if ROOMS.index(room) >= place]
    return found


def circle(root: Path = ROOT) -> list[str]:
    """Modules of ours that load each other in a circle; none, where there is none."""
    modules = {
        name: imports(at_loading(tree))
        for package in MAY_IMPORT
        for name, tree in sources(package, root).items()
    }
    graph = {name: (names & modules.keys()) - {name} for name, names in modules.items()}
    for name, names in graph.items():  # a name out of a package's module is not the package's own
        graph[name] = {n for n in names if not any(o.startswith(f"{n}.") for o in names)}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_no_package_imports_upward(package: str) -> None:
    assert sources(package, ROOT)
    assert upward(package) == []


def test_every_package_has_its_place() -> None:
    packages = {path.parent.name for path in ROOT.glob("[a-z]*/__init__.py")}
    assert packages | {"scripts"} == MAY_IMPORT.keys()


def test_scripts_take_of_the_tests_only_what_is_measured() -> None:
    for module, names in imports_of("scripts", ROOT).items():
        of_tests = {name for name in names if name.partition(".")[0] == "tests"}
        measured = ("tests.stress.", "tests.known_differences.")
        assert all(name.startswith(measured) for name in of_tests), module


@pytest.mark.parametrize("package", NOT_ITS_FRAMEWORK)
def test_no_package_imports_the_framework_of_another(package: str) -> None:
    for module, names in imports_of(package, ROOT).items():
        tops = {name.partition(".")[0] for name in names}
        assert not tops & NOT_ITS_FRAMEWORK[package], module


def test_the_ladder_imports_no_framework_before_a_side_is_made() -> None:
    for module, tree in sources("parity_ladder", ROOT).items():
        tops = {name.partition(".")[0] for name in imports(at_loading(tree))}
        room = module.split(".")[1] if "." in module else ""
        allowed = SIDES_IMPORT.get(room, set())
        assert not tops & ({"torch", "keras", "tensorflow", "jax", "matplotlib"} - allowed), module


def test_the_rooms_of_the_experiment_are_in_order() -> None:
    folder = ROOT / "cnn_experiment"
    rooms = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    rooms |= {path.parent.name for path in folder.glob("*/__init__.py")}
    assert rooms == set(ROOMS)
    assert against_the_order() == []


def test_no_modules_load_each_other_in_a_circle() -> None:
    assert circle() == []


def test_scripts_are_arguments_and_one_call() -> None:
    lengths = {
        path.name: len(path.read_text().splitlines())
        for folder in ("scripts", "twin_cnn")
        for path in (ROOT / folder).glob("*.py")
    }
    assert {name: n for name, n in lengths.items() if n > LINES_OF_A_SCRIPT} == {}


def test_no_file_takes_the_name_of_a_standard_module() -> None:
    names = {path.stem for path in ROOT.glob("[!.]*/*.py")}
    assert names & (sys.stdlib_module_names - {"__init__"}) == set()


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """All packages, empty but for two rooms."""
    for package in MAY_IMPORT:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    for room in ("settings", "data"):
        (tmp_path / "cnn_experiment" / f"{room}.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("parity_ladder/a.py", "from cnn_experiment.errors import UserError"),
        ("cnn_experiment/a.py", "def f():\n    import torch_cnn"),
        ("keras_for_torch/a.py", "from cnn_experiment.errors import UserError"),
        ("torch_cnn/a.py", "import keras_ref.model"),
        ("parity_tests/a.py", "from measurements import recipe"),
        ("measurements/a.py", "if True:\n    from scripts import train"),
    ],
)
def test_a_planted_import_upward_would_show(file: str, text: str, house: Path) -> None:
    package = file.partition("/")[0]
    assert upward(package, house) == []
    (house / file).write_text(text)
    assert upward(package, house) != []


@pytest.mark.parametrize(
    "text", ["from cnn_experiment import preset", "import cnn_experiment.data"]
)
def test_a_planted_import_of_a_later_room_would_show(text: str, house: Path) -> None:
    assert against_the_order(house) == []
    (house / "cnn_experiment" / "settings.py").write_text(text)
    assert against_the_order(house) != []


def test_a_planted_circle_would_show(house: Path) -> None:
    (house / "numpy_mlp" / "a.py").write_text("from numpy_mlp.b import c")
    (house / "numpy_mlp" / "b.py").write_text("def f():\n    from numpy_mlp import a")
    assert circle(house) == []
    (house / "numpy_mlp" / "b.py").write_text("from numpy_mlp import a")
    assert set(circle(house)) == {"numpy_mlp.a", "numpy_mlp.b"}
