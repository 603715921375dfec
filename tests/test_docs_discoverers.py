"""The discoverers that documents and examples show keep the rules of the interface."""

import re
from pathlib import Path

import pytest

from zfbench.protocols.discoverer import Discoverer
from zfbench.testing import check_discoverer

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ("README.md", "Annealing"),
        ("docs/tutorials/your-discoverer.md", "Stubborn"),
        ("examples/third_party/zfbench_annealing/annealing.py", "Annealing"),
    ],
)
def test_a_discoverer_that_is_shown_keeps_the_rules(document, name):
    text = (ROOT / document).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL) if document.endswith(".md") else [text]
    block = next(block for block in blocks if f"class {name}(" in block)
    body = re.split(r"\n\n\n(?=\w+ = )", block)[0]  # without the lines that search with it
    defined = {"__name__": "shown"}
    exec(compile(body, document, "exec"), defined)
    assert Discoverer in defined[name].__mro__
    check_discoverer(defined[name])  # raises what rule is broken
