"""The page of results as one line, and numbers as it writes them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "leaderboard" / "results"
WORDS = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "twenty-one"),
)
GENERALISATION, WIRING, RESPONSES, MEAN = (f"headline/{n}" for n in ("generalisation", "wiring", "responses", "mean"))


def what_it_shows():
    """What the page of results says, on one line."""
    text = (ROOT / "docs" / "results" / "README.md").read_text(encoding="utf-8")
    section = re.search(r"## What it shows\n(.*?)\n## ", text, re.DOTALL)[1]
    return " ".join(section.split())


def written(number):
    """As the page writes it, such as .86."""
    text = f"{number:.2f}"
    return text.replace("-0.00", "0.00").replace("0.", ".", 1) if abs(number) < 1 else text
