"""Every `zfbench` command in the documentation names an existing command with existing options; none is run here."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from zfbench.cli.app import app

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")})
UsageError = typer.BadParameter.__base__
BLOCK = re.compile(r"^ *```(?:sh|bash|console)?\n(.*?)^ *```|((?:^ {4,}\S.*\n?)+)", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"(?<!`)`(zfbench\s[^`]+)`(?!`)")
GONE = ("CHANGELOG.md",)  # tells of commands that were


def lines(block):
    """The command lines of a block: joined where they go on, without comments, a command each."""
    joined = re.sub(r"\\\n\s*", " ", block)
    return [part.strip() for line in joined.splitlines() for part in re.split(r"\s(?:&&|\|\|?|>)\s|;\s", line)]


def words(line):
    """The words of a command line after `zfbench`; None if it is no such command, or only the beginning of one."""
    try:
        found = shlex.split(line, comments=True)
    except ValueError:
        return None
    return found[1:] if found[:1] == ["zfbench"] else None


def commands(text):
    """What stands in code blocks, to be parsed whole."""
    text = re.sub(r"^ *```(?:python|toml|json)\n.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    blocks = [fenced or indented for fenced, indented in BLOCK.findall(text)]
    return [found for block in blocks for line in lines(block) if (found := words(line)) is not None]


def mentions(text):
    """What stands in back-ticks within sentences: the beginning of a command, which may lack what it needs."""
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [found for code in INLINE.findall(text) if (found := words(" ".join(code.split()))) is not None]


def descend(given):
    """The command that words name, its context, and the words that are left for it.

    Raises:
        UsageError: there is no such command.
    """
    command, left = get_command(app), list(given)
    context = command.context_class(command, info_name="zfbench")
    while hasattr(command, "commands") and left and not left[0].startswith("-"):
        name = left.pop(0)
        command = command.commands.get(name)
        if command is None:
            raise UsageError(f"No such command '{name}'.")
        context = command.context_class(command, info_name=name, parent=context)
    return command, context, left


def fault_of_command(given):
    """Why a whole command would be refused before it does anything, or None."""
    given = [word for word in given if word != "[RESULTS]"]  # may be left out
    try:
        command, _, left = descend(given)
        if left in (["--help"], ["--version"]):
            return None
        command.make_context(command.name, left)
    except UsageError as error:
        return error.format_message() if hasattr(error, "format_message") else str(error)
    return None


def fault_of_mention(given):
    """Which word of the beginning of a command is unknown, or None."""
    try:
        command, _, left = descend(given)
    except UsageError as error:
        return str(error)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in left if word.startswith("--") and word.split("=")[0] not in known | {"--help"}]
    return f"{command.name} has no option {', '.join(unknown)}" if unknown else None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_code_blocks_are_accepted(document):
    found = commands(document.read_text(encoding="utf-8"))
    faults = {" ".join(given): fault for given in found if (fault := fault_of_command(given)) is not None}
    assert not faults, document


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_sentences_name_what_there_is(document):
    if document.name in GONE:
        pytest.skip("tells of commands that were")
    found = mentions(document.read_text(encoding="utf-8"))
    faults = {" ".join(given): fault for given in found if (fault := fault_of_mention(given)) is not None}
    assert not faults, document


def test_there_are_commands_to_check():
    texts = [document.read_text(encoding="utf-8") for document in DOCUMENTS]
    assert sum(len(commands(text)) for text in texts) > 25
    assert sum(len(mentions(text)) for text in texts) > 25


def test_commands_are_found_in_blocks_of_both_kinds_and_over_several_lines():
    text = (
        "```sh\nzfbench list  # all\nzfbench suite show tiny > mine.toml\n```\n\n"
        "    zfbench run --task a \\\n      --seed 1\n\nand `zfbench show`, `zfbench\nvalidate`\n"
    )
    assert commands(text) == [["list"], ["suite", "show", "tiny"], ["run", "--task", "a", "--seed", "1"]]
    assert mentions(text) == [["show"], ["validate"]]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("study --task a", "No such command 'study'"),
        ("suite begin tiny", "No such command 'begin'"),
        ("run --task a --chance 3", "--chance"),
        ("run --task a --seed many", "--seed"),
        ("judge x.py", "--task"),
        ("claims check one two", "two"),
        ("validate one two", "two"),
    ],
)
def test_what_would_be_refused_is_a_fault(line, fault):
    assert fault in fault_of_command(line.split())


def test_what_would_be_accepted_is_none():
    assert fault_of_command(["run", "--task", "a", "--set", "c=1", "--set", "d=2"]) is None
    assert fault_of_command(["--help"]) is None
    assert fault_of_mention(["suite"]) is None
    assert fault_of_mention(["run", "--proposer-set"]) is None
    assert "--mode" in fault_of_mention(["mixtures", "--mode"])
