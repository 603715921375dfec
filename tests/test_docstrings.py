"""Public functions and classes say in their first line what they are or do, and list their arguments."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = (
    "zfbench/base",
    "zfbench/records",
    "zfbench/protocols",
    "zfbench/testbed",
    "zfbench/scoring",
    "zfbench/simulators",
    "zfbench/tasks",
    "zfbench/search",
    "zfbench/runs",
    "zfbench/cli",
    "zfbench/api.py",
    "baselines",
    "discoverers/puct.py",
    "discoverers/puct_plus.py",
    "discoverers/modelsmc.py",
    "discoverers/funsearch.py",
    "discoverers/funsearch_plus.py",
    "discoverers/best_of_n.py",
    "discoverers/ranks.py",
    "discoverers/settings.py",
    "discoverers/proposers/finite.py",
    "discoverers/proposers/replay.py",
    "discoverers/proposers/slots",
    "discoverers/proposers/grammar",
    "leaderboard",
)
# Candidate programs are data: a hash of their text is their name, so their docstrings stay as they are.
PROGRAMS = set((ROOT / "baselines/programs").glob("[!_]*.py"))
CLAUSES = {"How", "What", "When", "Where", "Whether", "Which", "Who", "Whose", "Why"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


SUBMITTED = ROOT / "leaderboard" / "submissions"  # of other authors


def modules(package):
    """The Python files of a folder, or the file itself."""
    path = ROOT / package
    return [path] if path.suffix == ".py" else sorted({*path.rglob("*.py")} - PROGRAMS - {*SUBMITTED.rglob("*.py")})


def definitions(body, owner=None) -> Iterator[tuple[str, ast.AST, str]]:
    """Name, node and docstring of what is public; a constructor may be described by its class."""
    for node in body:
        if not isinstance(node, ast.ClassDef | Function):
            continue
        name = node.name if owner is None else f"{owner.name}.{node.name}"
        text = ast.get_docstring(node) or ""
        if node.name == "__init__":
            yield name, node, text or ast.get_docstring(owner) or ""
        elif node.name == "__call__" or not node.name.startswith("_"):
            yield name, node, text
            if isinstance(node, ast.ClassDef):
                yield from definitions(node.body, node)


def arguments(node):
    """The names of a function's arguments, without `self`, `cls` and those that begin with an underscore."""
    if isinstance(node, ast.ClassDef):
        return []
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    return [
        a.arg
        for a in given
        if a is not None and a.arg not in ("self", "cls") and not a.arg.startswith("_") and not is_option(a)
    ]


def is_option(argument):
    """True for an option or argument of a command, which its help text describes."""
    kind = "" if argument.annotation is None else ast.unparse(argument.annotation)
    return kind.startswith("Annotated[") or kind.endswith(("Option", "Argument", "Filter"))


def faults(source):
    """A sentence for every public definition whose docstring is missing, points elsewhere or lacks its arguments."""
    tree = ast.parse(source)
    found = []
    for name, node, text in [("the module", None, ast.get_docstring(tree) or ""), *definitions(tree.body)]:
        first = text.split(maxsplit=1)[0].strip(".,:;") if text else ""
        if not text:
            found.append(f"{name} has no docstring")
        elif first == "See":
            found.append(f"{name} begins with 'See', but does not say what it is or does")
        elif first in CLAUSES:
            found.append(f"{name} begins with the clause '{first} ...', but does not say what it is or does")
        elif node is not None and len(arguments(node)) >= 3 and "\nArgs:\n" not in text:
            found.append(f"{name} has {len(arguments(node))} arguments, but no section 'Args:'")
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_public_docstrings_say_what_things_are_and_list_their_arguments(package):
    found = [f"{path.relative_to(ROOT)}: {fault}" for path in modules(package) for fault in faults(path.read_text())]
    assert modules(package)
    assert not found, "\n".join(found)


def test_a_missing_docstring_is_a_fault():
    assert faults('"""A module."""\ndef f(): ...\nclass C: ...') == ["f has no docstring", "C has no docstring"]
    assert faults("x = 1") == ["the module has no docstring"]


def test_a_first_line_that_points_elsewhere_is_a_fault():
    assert faults('"""A module."""\ndef f():\n    """See g."""')[0].startswith("f begins with 'See'")
    assert faults('"""A module."""\ndef f():\n    """What comes of it."""')[0].startswith("f begins with the clause")
    assert faults('"""A module."""\ndef f():\n    """Return what comes of it; see g."""') == []


def test_three_arguments_need_a_section():
    three = '"""A module."""\nclass C:\n    """A thing."""\n    def f(self, a, b, c):\n        """Do it."""'
    assert faults(three) == ["C.f has 3 arguments, but no section 'Args:'"]
    assert faults(three.replace("b, c", "b")) == []
    assert faults(three.replace("Do it.", "Do it.\n\n        Args:\n            a: a number.\n        ")) == []


def test_a_constructor_may_be_described_by_its_class():
    source = '"""A module."""\nclass C:\n    """A thing."""\n    def __init__(self, a, b, c): ...'
    assert faults(source) == ["C.__init__ has 3 arguments, but no section 'Args:'"]
    assert faults(source.replace("A thing.", "A thing.\n\n    Args:\n        a: a number.\n    ")) == []


def test_options_of_commands_are_described_by_their_help_texts():
    source = (
        '"""A module."""\ndef f(a: SeedOption, b: Annotated[int, typer.Option()], c: RunArgument):\n    """Do it."""'
    )
    assert faults(source) == []
    assert faults(source.replace("SeedOption", "Seed").replace("RunArgument", "Run").replace("Annotated", "List")) == [
        "f has 3 arguments, but no section 'Args:'"
    ]


def test_private_definitions_need_no_docstring():
    assert faults('"""A module."""\ndef _f(a, b, c): ...\nclass _C:\n    def g(self): ...') == []
