"""Programs from answers: the code block that is a program, however the model fenced it, and the summary before it."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.llm.reply import clean
from zfbench.records.program import CandidateError
from zfbench.records.source import SOURCE_LIMIT, check_source

ANSWER_LIMIT = 4 * SOURCE_LIMIT  # bytes; what is longer is not read
PYTHON = re.compile(r"(python|py|ipython|jax)[\d.]*", re.IGNORECASE)  # the languages that a program's fence may name
THOUGHT = re.compile(r"</\s*(think|thinking|thought|reasoning)\s*>", re.IGNORECASE)
THINKING = re.compile(r"\s*<\s*(think|thinking|thought|reasoning)\s*>", re.IGNORECASE)
BEGINNING = re.compile(r"""("{3}|'{3}|from |import |class |@|#!|# )""")  # of a program without a fence
BEGINNINGS = 5  # lines that are tried as its first

# Blocks alone, by CommonMark's rules. A line of HTML or an indented line hides no fence here.
_BLOCKS = MarkdownIt("commonmark").disable(["inline", "html_block", "reference", "code"])


class AnswerError(ZfbenchError):
    """An answer that holds no usable program; the sentence is sent back to the model."""


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    Attributes:
        language: the first word after the fence, lower case; empty if there is none.
        first, end: number of its opening line, and of the line after its last.
        source: its lines.
        closed: whether it has a closing fence; if not, it goes on to the end of the text.
    """

    language: str
    first: int
    end: int
    source: str
    closed: bool


def code_blocks(text: str) -> Iterator[Block]:
    """The fenced code blocks of a text, in order, those in lists and quotations included."""
    if "```" not in text and "~~~" not in text:
        return
    for token in _BLOCKS.parse(text):
        if token.type != "fence" or token.map is None:
            continue
        first, end = token.map
        source = token.content if not token.content or token.content.endswith("\n") else f"{token.content}\n"
        words = token.info.split()
        language = words[0].strip("{}.,").lower() if words else ""
        yield Block(language, first, end, source, closed=end - first - 2 == source.count("\n"))


def read_answer(text: str, check: Callable[[str], None] = check_source, cut_at: int | None = None) -> tuple[str, str]:
    """The program and the summary of an answer.

    Of several blocks the last one that passes the check is the program: before it a model drafts, or quotes what it
    changes. Where no block passes, an answer without any fence may be a program itself.

    Args:
        text: the answer.
        check: raises `CandidateError` for a program that breaks the task's contract.
        cut_at: the limit of tokens, if the answer was cut there; a block without its end is then no program.

    Raises:
        AnswerError: it is empty or too long, or holds no program that passes the check.
    """
    text = without_reasoning(clean(text))
    if not text.strip():
        raise AnswerError("it was empty.")
    if len(text.encode(errors="replace")) > ANSWER_LIMIT:
        raise AnswerError(f"it was longer than {ANSWER_LIMIT:,} bytes.")
    found = list(code_blocks(text))
    blocks = [block for block in found if not block.language or PYTHON.fullmatch(block.language)]
    problem = "it has no code block with a program."
    for block in reversed(blocks):
        if not block.closed and cut_at is not None:
            problem = _cut(cut_at)
            continue
        for source in dict.fromkeys((block.source, textwrap.dedent(block.source))):
            complaint = _complaint(source, check)
            if complaint is None:
                return source, _summary(_prose(text, found, block.first)) or _first_line(source)
        if block is blocks[-1]:
            problem = complaint or problem
    if not blocks and cut_at is None:
        bare = _bare(text, check)
        if bare is not None:
            return bare
    raise AnswerError(_cut(cut_at) if cut_at is not None and not any(b.closed for b in blocks) else problem)


def without_reasoning(text: str) -> str:
    """A text without what a model thought aloud before it; empty if it did nothing else.

    Raises:
        AnswerError: it has not ended thinking.
    """
    ends = list(THOUGHT.finditer(text))
    if ends:
        return text[ends[-1].end() :]
    if THINKING.match(text):
        raise AnswerError("it is reasoning without an answer.")
    return text


def _prose(text: str, blocks: list[Block], end: int) -> str:
    """The lines before a block that are in no other one."""
    code = {number for block in blocks for number in range(block.first, block.end)}
    return "\n".join(line for number, line in enumerate(text.split("\n")[:end]) if number not in code)


def _complaint(source: str, check: Callable[[str], None]) -> str | None:
    """What is wrong with a program; None if nothing is."""
    try:
        check(source)
    except CandidateError as error:
        return error.message
    return None


def _bare(text: str, check: Callable[[str], None]) -> tuple[str, str] | None:
    """A program without a fence, which may come after some prose."""
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines) if BEGINNING.match(line)][:BEGINNINGS]
    if not text.strip().strip("*#").upper().startswith("SUMMARY"):
        starts = [0, *starts]
    for start in dict.fromkeys(starts):
        source = "\n".join(lines[start:]).strip("\n") + "\n"
        if _complaint(source, check) is None:
            return source, _summary("\n".join(lines[:start])) or _first_line(source)
    return None


def _cut(limit: int) -> str:
    return f"it was cut at answer_tokens={limit}; the whole answer must be shorter."


def _summary(prose: str) -> str:
    lines = [line.strip(" -*#\t") for line in prose.splitlines()]
    return "; ".join(line for line in lines if line and line.rstrip(":").upper() != "SUMMARY")[:1_000]


def _first_line(source: str) -> str:
    try:
        return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    except SyntaxError:  # a task whose programs are no Python
        return ""
