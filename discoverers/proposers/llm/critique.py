"""The critique of a program: a main diagnosis and at most two issues (Wahl et al. 2026, arXiv 2602.18266)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ValidationError

from zfbench.discoverers.proposers.llm.answers import code_blocks, without_reasoning

ISSUES = 2  # the paper's number; further ones are dropped, as in its code


class Issue(BaseModel):
    """One thing that is wrong with a program.

    Attributes:
        description: what it is.
        severity: how much it matters.
        location: where in the program it is; None where it is nowhere in particular.
        suggestion: what to do about it.
    """

    description: str
    severity: Literal["critical", "major", "minor", "suggestion"]
    location: str | None = None
    suggestion: str


class Critique(BaseModel):
    """A critique of a program as a mechanism.

    Attributes:
        main_diagnosis: what is wrong above all.
        issues: the issues, the worst first.
    """

    main_diagnosis: str
    issues: list[Issue] = []

    def text(self) -> str:
        """Return the critique as the text that the writer of the next program reads."""
        lines = [f"Main diagnosis: {self.main_diagnosis.strip()}"]
        for issue in self.issues[:ISSUES]:
            where = f" ({issue.location.strip()})" if issue.location else ""
            lines.append(f"- {issue.severity}{where}: {issue.description.strip()} To do: {issue.suggestion.strip()}")
        return "\n".join(lines)


def read_critique(answer: str) -> str:
    """Return the critique in a model's answer as text.

    An answer that is no critique of the form asked for is taken as a main diagnosis in the model's own words.

    Raises:
        AnswerError: the answer is reasoning without an end.
    """
    said = without_reasoning(answer).strip()
    fenced = [block.source for block in code_blocks(said) if block.language in ("", "json")]
    for candidate in (*reversed(fenced), said[said.find("{") : said.rfind("}") + 1]):
        try:
            return Critique.model_validate_json(candidate).text()
        except ValidationError:
            continue
    return said
