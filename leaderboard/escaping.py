"""Foreign text in tables: what a name from a result file must not do to the document that shows it."""

from __future__ import annotations

import re

LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "·": r"$\cdot$",
}
MARKDOWN = {sign: f"\\{sign}" for sign in "\\`*[]|"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
FORMULA = ("=", "+", "-", "@")  # first characters of what spreadsheets calculate


def one_line(text: str) -> str:
    """Return a text without line breaks and other control characters, each run of which becomes a space."""
    return re.sub(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+", " ", text).strip()


def markdown(text: str) -> str:
    """Return a text that Markdown shows as it is, inside a table too."""
    return "".join(MARKDOWN.get(sign, sign) for sign in one_line(text))


def latex(text: str) -> str:
    """Return a text that LaTeX sets as it is."""
    return "".join(LATEX.get(sign, sign) for sign in one_line(text))


def spreadsheet(text: str) -> str:
    """Return a text on one line that no spreadsheet takes for a formula: what begins like one gets an apostrophe."""
    line = one_line(text)
    return f"'{line}" if line.startswith(FORMULA) else line
