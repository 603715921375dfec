"""Text of strangers, made fit for screens and files: nothing in it commands a terminal or cannot be encoded."""

from __future__ import annotations


def printable(text: str, kept: str = "\n\t") -> str:
    """Return a text with a picture in place of every character that commands a terminal, or cannot be encoded.

    Args:
        text: the text.
        kept: control characters that stay.
    """
    return "".join(c if c.isprintable() or c in kept else _picture(c) for c in text)


def _picture(character: str) -> str:
    """A character that stands for one: a control character's picture, such as ␛ for escape."""
    return chr(0x2400 + ord(character)) if character < " " else "\N{REPLACEMENT CHARACTER}"
