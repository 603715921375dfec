"""Prompts from text files, and programs from answers."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.proposer import Context
from zfbench.records.evaluation import Request, Scored
from zfbench.records.hints import BLAME, CRITIQUE, blame
from zfbench.records.program import CandidateError
from zfbench.records.source import SOURCE_LIMIT, check_source

NAMES = ("system", "propose", "parent", "instructions", "critique", "repair")
ANSWER_LIMIT = 4 * SOURCE_LIMIT  # bytes; what is longer is not read
FENCE = "```"
LANGUAGE = re.compile(r"[\w+-]*")
PYTHON = ("", "python", "py")


class AnswerError(ZfbenchError):
    """An answer that holds no usable program; the sentence is sent back to the model."""


@dataclass(frozen=True)
class Prompts:
    """The texts a model is sent, with places in braces.

    Attributes:
        texts: by name, see `NAMES`.
        sha256: of all of them; it goes to the run's header, so that results name their prompts.
    """

    texts: dict[str, str]
    sha256: str

    @classmethod
    def load(cls, folder: str | None = None) -> Prompts:
        """The shipped prompts, or those of a folder with the same file names.

        Raises:
            ZfbenchError: a file is missing or names an unknown place.
        """
        base = files("zfbench.discoverers.proposers.llm") / "prompts" if folder is None else Path(folder)
        try:
            texts = {name: (base / f"{name}.txt").read_text(encoding="utf-8") for name in NAMES}
        except OSError as error:
            raise ZfbenchError(f"Cannot read the prompts in {folder}: {error}; it needs {', '.join(NAMES)}.") from error
        return cls(texts, hashlib.sha256("\0".join(texts.values()).encode()).hexdigest())

    def proposal(self, request: Request, context: Context, count: int) -> str:
        """The prompt for a new program that shows the last `count` parents, each with its feedback and critique.

        The task's name is never in it; its description is, which an anonymous task keeps free of names.
        """
        spec = context.spec
        hints = [f"Idea: {hint}" for hint in request.hints if not hint.startswith(BLAME) and hint != CRITIQUE]
        if shares := blame(request.hints):
            worst = ", ".join(f"{group} {share:.0%}" for group, share in list(shares.items())[:5])
            hints.append(f"Most of the error is these groups' own: {worst}.")
        return self._fill(
            "propose",
            description=spec.description,
            facts="\n".join(f"{heading}: {text}" for heading, text in spec.facts().items()),
            contract=spec.contract,
            parents=self._parents(context.parents[len(context.parents) - count :]),
            instruction=self._instruction(request.operator),
            hints="\n".join(hints),
        )

    def critique(self, context: Context) -> str:
        """The prompt for a review of the last parent."""
        return self._fill("critique", description=context.spec.description, parents=self._parents(context.parents[-1:]))

    def repair(self, problem: str) -> str:
        """The prompt that asks for a usable answer."""
        return self._fill("repair", problem=problem)

    def _parents(self, parents: Sequence[Scored]) -> str:
        shown = []
        for number, scored in enumerate(parents, start=1):
            loss = scored.evaluation.loss
            score = f"Status: {scored.evaluation.status}." if loss is None else f"Validation error {loss:.5f}."
            role = ", the one to start from" if number == len(parents) > 1 else ""
            review = f"\n\nReview:\n{scored.critique}" if scored.critique else ""
            shown.append(
                self._fill(
                    "parent",
                    number=str(number),
                    count=str(len(parents)),
                    role=role,
                    score=score,
                    summary=scored.program.summary or "none",
                    source=scored.program.source.strip(),
                    feedback=(scored.evaluation.feedback or "none") + review,
                )
            )
        return "\n".join(shown) or "none yet"

    def _instruction(self, operator: str) -> str:
        for line in self.texts["instructions"].splitlines():
            name, _, text = line.partition(":")
            if name == operator:
                return text.strip()
        raise ZfbenchError(f"The prompt file instructions.txt has no line '{operator}: ...'; add one.")

    def _fill(self, name: str, **places: str) -> str:
        """Put the values in their places; braces in a value, as in every program, stay as they are."""

        def value(match: re.Match[str]) -> str:
            if match[1] not in places:
                raise ZfbenchError(f"The prompt file {name}.txt has the unknown place {{{match[1]}}}.")
            return places[match[1]]

        return re.sub(r"\{(\w+)\}", value, self.texts[name])


def read_answer(text: str, check: Callable[[str], None] = check_source) -> tuple[str, str]:
    """The program and the summary of an answer.

    Args:
        text: the answer.
        check: raises `CandidateError` for a program that breaks the task's contract.

    Raises:
        AnswerError: it is empty or too long, has no code block or several, or its program breaks the contract.
    """
    if not text.strip():
        raise AnswerError("it was empty.")
    if len(text.encode(errors="replace")) > ANSWER_LIMIT:
        raise AnswerError(f"it was longer than {ANSWER_LIMIT:,} bytes.")
    lines = text.split("\n")
    blocks = [(first, last) for language, first, last in code_blocks(lines) if language.lower() in PYTHON]
    if len(blocks) != 1:
        raise AnswerError(f"it has {len(blocks) or 'no'} complete code blocks instead of one.")
    first, last = blocks[0]
    source = "".join(f"{line}\n" for line in lines[first + 1 : last])
    try:
        check(source)
    except CandidateError as error:
        raise AnswerError(error.message) from error
    return source, _summary("\n".join(lines[:first])) or _first_line(source)


def code_blocks(lines: Iterable[str]) -> Iterator[tuple[str, int, int]]:
    """Language, number of the opening and of the closing fence of each complete code block.

    Each line is looked at once: an answer of nothing but opening fences takes no longer than another one.

    Args:
        lines: of an answer, without line ends.
    """
    opened: tuple[str, int] | None = None
    for number, line in enumerate(lines):
        if not line.startswith(FENCE):
            continue
        language = line.removeprefix(FENCE).strip(" \t")
        if opened is None and LANGUAGE.fullmatch(language):
            opened = language, number
        elif opened is not None and not language:
            yield *opened, number
            opened = None


def _summary(prose: str) -> str:
    lines = [line.strip(" -*#\t") for line in prose.splitlines()]
    return "; ".join(line for line in lines if line and line.rstrip(":").upper() != "SUMMARY")[:1_000]


def _first_line(source: str) -> str:
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
