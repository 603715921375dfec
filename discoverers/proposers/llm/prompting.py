"""Prompts from text files: what a language model is told of the task, of earlier programs, and of its own task."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.proposer import Context
from zfbench.records.evaluation import Request, Scored
from zfbench.records.hints import ANEW, BLAME, BLIND, CRITIQUE, NO_NUMBERS, blame
from zfbench.records.limits import Limits

NAMES = ("system", "propose", "parent", "instructions", "critique", "repair")
BEST, LATEST = 8, 8  # programs that the list of what was tried names
NO_IDEAS = (ANEW, BLIND, CRITIQUE, NO_NUMBERS)  # hints that are words of the protocol
FENCE = "```"  # of the prompt files
WORDS = 160  # characters of what is said about each of them


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
            ZfbenchError: a file is missing, is no text or names an unknown place.
        """
        base = files("zfbench.discoverers.proposers.llm") / "prompts" if folder is None else Path(folder)
        try:
            texts = {name: (base / f"{name}.txt").read_text(encoding="utf-8-sig") for name in NAMES}
        except (OSError, UnicodeDecodeError) as error:
            raise ZfbenchError(f"Cannot read the prompts in {folder}: {error}; it needs {', '.join(NAMES)}.") from error
        return cls(texts, hashlib.sha256("\0".join(texts.values()).encode()).hexdigest())

    def proposal(self, request: Request, context: Context, count: int, tried: bool = True) -> str:
        """The prompt for a new program.

        The task's name is never in it; its description is, which an anonymous task keeps free of names. A request with
        the hint `NO_NUMBERS` shows no number that was measured: of a parent that works its critique alone.

        Args:
            request: which parents, and how.
            context: parents, task, and what was tried before.
            count: how many of the last parents are shown, each with its feedback and critique.
            tried: whether what was tried before is listed.
        """
        hidden = NO_NUMBERS in request.hints
        hints = [f"Idea: {hint}" for hint in request.hints if not hint.startswith(BLAME) and hint not in NO_IDEAS]
        if (shares := blame(request.hints)) and not hidden:
            worst = ", ".join(f"{group} {share:.0%}" for group, share in list(shares.items())[:5])
            hints.append(f"Most of the error is these groups' own: {worst}.")
        return self._fill(
            "propose",
            **self._task(context),
            tried=self._tried(context, hidden) if tried else "See the programs below.",
            parents=self._parents(context.parents[len(context.parents) - count :], hidden),
            instruction=self._instruction(request.operator),
            hints="\n".join(hints),
        )

    def critique(self, context: Context) -> str:
        """The prompt for a review of the last parent; the reviewer sees all that was measured."""
        parents = self._parents(context.parents[-1:])
        return self._fill("critique", **self._task(context), parents=parents)

    def repair(self, problem: str) -> str:
        """The prompt that asks for a usable answer."""
        return self._fill("repair", problem=problem)

    def _task(self, context: Context) -> dict[str, str]:
        """What holds for every program of the task, by place."""
        spec = context.spec
        return {
            "description": spec.description,
            "facts": "\n".join(f"{heading}: {text}" for heading, text in spec.facts().items()),
            "contract": spec.contract,
            "limits": _limits(context.limits),
        }

    def _parents(self, parents: Sequence[Scored], hidden: bool = False) -> str:
        shown = []
        for number, scored in enumerate(parents, start=1):
            evaluation = scored.evaluation
            measured = evaluation.feedback or "none"
            told = []
            if not hidden or not (evaluation.ok or scored.critique):
                told.append(measured)
            if scored.critique:
                told.append(f"Review:\n{scored.critique}")
            role = ", the one to start from" if number == len(parents) > 1 else ""
            shown.append(
                self._fill(
                    "parent",
                    number=str(number),
                    count=str(len(parents)),
                    role=role,
                    score=_score(scored, hidden),
                    summary=scored.program.summary or "none",
                    source=scored.program.source.strip(),
                    feedback="\n\n".join(told) or "none",
                )
            )
        return "\n".join(shown) or "none yet"

    def _tried(self, context: Context, hidden: bool) -> str:
        """The best and the latest programs of the search, a line each; the parents are shown in full elsewhere."""
        parents = {parent.program.id for parent in context.parents}
        others = [scored for scored in context.history if scored.program.id not in parents]
        if not others:
            return "Nothing beside the programs below."
        working = [scored for scored in others if scored.evaluation.loss is not None]
        best = sorted(working, key=lambda scored: scored.evaluation.loss or 0.0)[:BEST]
        latest = [scored for scored in others[-LATEST:] if scored not in best]
        failed = sum(not scored.evaluation.ok for scored in context.history)
        lines = [f"{len(context.history)} programs so far, {failed} of them failed. The best of the others:"]
        lines += [_line(scored, hidden) for scored in best] or ["- none works"]
        if latest:
            lines += ["The latest of the others:", *(_line(scored, hidden) for scored in latest)]
        return "\n".join(lines)

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

        fence = _fence(places.get("source", ""))  # no program ends its own code block and goes on as the prompt
        return re.sub(r"\{(\w+)\}", value, self.texts[name].replace(FENCE, fence))


def _fence(source: str) -> str:
    """A fence that is longer than any that stands in a program."""
    return "`" * max(len(FENCE), 1 + max((len(run) for run in re.findall("`+", source)), default=0))


def _score(scored: Scored, hidden: bool) -> str:
    """How a program did, in a sentence."""
    loss = scored.evaluation.loss
    if loss is None or hidden:
        return f"Status: {scored.evaluation.status}."
    return f"Validation error {loss:.5f}."


def _line(scored: Scored, hidden: bool) -> str:
    """One line of the list of what was tried."""
    evaluation, program = scored.evaluation, scored.program
    result = str(evaluation.status) if evaluation.loss is None or hidden else f"{evaluation.loss:.5f}"
    said = program.summary
    if not evaluation.ok and not hidden:
        said = f"{said} -> {evaluation.feedback}" if said else evaluation.feedback
    return f"- {result} ({program.operator}): {' '.join(said.split())[:WORDS] or 'no summary'}"


def _limits(limits: Limits | None) -> str:
    """What the evaluation of a program may spend, in a sentence; empty where nobody says."""
    if limits is None:
        return ""
    return (
        f"Each program is fitted with at most {limits.updates:,} updates of the optimiser, {limits.seconds:g} s "
        f"(compilation included) and {limits.memory_bytes / 2**30:g} GiB of memory."
    )
