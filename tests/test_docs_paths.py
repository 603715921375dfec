"""Documentation names what is there: paths, names in files, modules, and links, in every Markdown file."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from zfbench.base.plugins import KINDS, TASK_NAMES

ROOT = Path(__file__).parents[1]
FOLDERS = ("docs", "zfbench", "baselines", "discoverers", "leaderboard", "tests", "examples")
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PATH = re.compile(rf"(?:{'|'.join(FOLDERS)}|\.ci)/[\w./*-]*|[\w-]+\.(?:toml|ini|cff|md)")  # of the repository
NAMED = re.compile(r"(?P<path>[\w./-]+\.\w+):(?P<name>[A-Za-z_][\w.]*)")
MODULE = re.compile(r"zfbench(?:\.[A-Za-z_]\w*)+")
GROUPS = {*KINDS.values(), TASK_NAMES, "zfbench.commands"}  # of entry points
MADE_BY_USERS = {"mine.toml", "recordings.csv", "mixtures.md", "leaderboard/submissions/NAME"}  # names in examples


def documents():
    """All Markdown files of the repository, without those of submitted methods."""
    found = {path.resolve() for folder in FOLDERS for path in (ROOT / folder).rglob("*.md")}
    submitted = {path.resolve() for path in (ROOT / "leaderboard" / "submissions").glob("*/**/*.md")}
    return sorted((found | set(ROOT.glob("*.md"))) - submitted)


def back_ticked(text):
    """What stands between single back-ticks, outside of code blocks."""
    return [code for line in prose(text).splitlines() for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", line)]


def prose(text):
    """The text without its fenced code blocks; a code span that is broken over two lines stands on one."""
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`([^`\n]+)\n([^`\n]+)`", r"`\1 \2`", text)


def places(text):
    """Paths of the repository that a text names in back-ticks, each with the name in that file or None."""
    found = []
    for code in back_ticked(text):
        word = code.split()[0]
        if named := NAMED.fullmatch(word):
            found.append((named["path"], named["name"]))
        elif PATH.fullmatch(word) and word not in MADE_BY_USERS:
            found.append((word, None))
    return found


@cache
def defined(path):
    """The names that a Python file defines, those of classes as Class.name too; of another file, its words."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return frozenset(re.findall(r"[\w-]+", text))
    names = set()

    def collect(body, prefix):
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                collect(node.body, f"{node.name}.")
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for target in targets:
                elements = target.elts if isinstance(target, ast.Tuple) else [target]
                names.update(prefix + element.id for element in elements if isinstance(element, ast.Name))
            if isinstance(node, ast.ImportFrom):
                names.update(alias.asname or alias.name for alias in node.names)

    collect(ast.parse(text).body, "")
    return frozenset(names)


def missing_place(path, name):
    """A sentence about a place that is not there, or None."""
    if "*" in path:
        return None if list(ROOT.glob(path)) else f"nothing is at {path}"
    if not (ROOT / path).exists():
        return f"{path} does not exist"
    if name is not None and name not in defined(ROOT / path):
        return f"{path} has no {name}"
    return None


def missing_module(dotted):
    """A sentence about a module or a name in a module that is not there, or None."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if file.is_file():
            rest = ".".join(parts[length:])
            public = defined(file) | (defined(ROOT / "zfbench" / "api.py") if length == 1 else frozenset())
            return None if not rest or rest in public else f"{file.relative_to(ROOT)} has no {rest}"
    return f"{dotted} does not exist"


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_in_back_ticks_exist_and_hold_the_names(document):
    found = [missing_place(*place) for place in places(document.read_text(encoding="utf-8"))]
    assert not [sentence for sentence in found if sentence], document


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_in_back_ticks_exist(document):
    if document.name == "CHANGELOG.md":
        pytest.skip("names what is gone")
    words = {code.split("(")[0] for code in back_ticked(document.read_text(encoding="utf-8"))}
    found = [missing_module(word) for word in words if MODULE.fullmatch(word) and word not in GROUPS]
    assert not [sentence for sentence in found if sentence], document


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document):
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(document.read_text(encoding="utf-8")))
    relative = [target.split("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]
    assert not [target for target in relative if not (document.parent / target).exists()], document


def questions():
    """The rows of the table from questions to files: question and answer."""
    _, _, table = ARCHITECTURE.read_text(encoding="utf-8").partition("## Where is it?")
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    return [(question.strip(), answer.strip()) for question, answer in rows[2:]]


def test_the_table_of_questions_has_an_answer_with_a_path_in_every_row():
    rows = questions()
    assert len(rows) >= 25
    assert len({question for question, _ in rows}) == len(rows)
    for question, answer in rows:
        assert question.endswith("?")
        named = places(answer)
        assert named, f"'{question}' has no path"
        assert not [place for place in named if missing_place(*place)], question


def test_every_page_is_in_the_index():
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / target).resolve() for target in re.findall(r"\]\(([^)\s]+\.md)\)", index.read_text())}
    pages = {path for path in (ROOT / "docs").glob("*.md") if path != index}
    assert pages <= linked, f"{sorted(p.name for p in pages - linked)} have no line in docs/README.md"


def test_every_page_is_in_the_navigation_of_the_site_and_the_other_way_round():
    named = set(re.findall(r"[\w/-]+\.md$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    assert named == {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}


def test_every_folder_of_zfbench_is_in_the_picture_of_the_architecture():
    text = ARCHITECTURE.read_text(encoding="utf-8")
    links = {"baselines", "discoverers", "leaderboard"}
    folders = {path.name for path in (ROOT / "zfbench").iterdir() if (path / "__init__.py").is_file()} - links
    assert not [name for name in folders if f"`zfbench/{name}/`" not in text]
    assert not [name for name in links if f"| `{name}/` |" not in text]


def test_a_missing_path_name_module_and_link_are_found():
    assert missing_place("zfbench/nowhere.py", None) == "zfbench/nowhere.py does not exist"
    assert missing_place("zfbench/api.py", "nothing") == "zfbench/api.py has no nothing"
    assert missing_place("zfbench/search/budget.py", "Ledger") is None
    assert missing_place("baselines/programs/*.py", None) is None
    assert missing_place("baselines/programs/*.toml", None) == "nothing is at baselines/programs/*.toml"
    assert missing_module("zfbench.nowhere") == "zfbench/__init__.py has no nowhere"
    assert missing_module("zfbench.search.budget.Ledger") is None
    assert missing_module("zfbench.search.budget.Purse") == "zfbench/search/budget.py has no Purse"
    assert missing_module("zfbench.load_results") is None


def test_what_is_a_path_and_what_is_not():
    text = "`zfbench/api.py` `zfbench/api.py:judge` `zfish-tiny/masked` `tests/x.py 1 2` `forecast/ood/mae`"
    text += "\n```\n`docs/in_a_block`\n```"
    assert places(text) == [("zfbench/api.py", None), ("zfbench/api.py", "judge"), ("tests/x.py", None)]
    assert back_ticked("`zfbench suite\nrun`") == ["zfbench suite run"]
