"""The defaults that docs/methods.md puts beside the published ones are those of the discoverers."""

import inspect
import json
import re
from pathlib import Path

import pytest

from zfbench.base import plugins

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")


def cell(section, begins, column):
    """The cell of a row of the section's table; columns are counted from 0, the names of the rows left out."""
    text = PAGE[PAGE.index(f"## {section}") :]
    (line,) = re.findall(rf"^\| {re.escape(begins)}[^|]*\|(.*)\|$", text.split("\n## ")[0], re.MULTILINE)
    return line.split("|")[column].strip()


def defaults(name):
    return {
        key: parameter.default
        for key, parameter in inspect.signature(plugins.load("discoverer", name)).parameters.items()
        if parameter.default is not parameter.empty
    }


@pytest.mark.parametrize(
    ("section", "begins", "name", "expected", "said"),
    [
        ("PUCT", "c ", "puct", {"c": 1}, "1"),
        ("PUCT", "nodes", "puct", {"nodes": 500}, "500"),
        ("PUCT", "nodes", "puct_plus", {"nodes": 500}, "500"),
        ("PUCT", "operations", "puct_plus", {"recombine": 0.25, "rewrite": 0.1}, "25 % recombinations of two, 10 %"),
        ("ModelSMC", "particles N", "modelsmc", {"particles": 50, "generations": 15}, "the same"),
        ("ModelSMC", "first population", "modelsmc", {"start": "seed"}, "the same"),
        ("ModelSMC", "probability of keeping", "modelsmc", {"alpha": 0.8}, "the same"),
        ("ModelSMC", "temperature of weights", "modelsmc", {"tau": 1, "tempering": False}, "1; `tempering` is ours"),
        ("ModelSMC", "resampling", "modelsmc", {"threshold": 0.5}, "the same"),
        ("ModelSMC", "weights", "modelsmc", {"weights": "likelihood"}, "the same"),
        ("ModelSMC", "feedback", "modelsmc", {"feedback": "critique"}, "critique"),
        ("FunSearch", "islands", "funsearch", {"islands": 10}, "10"),
        ("FunSearch", "programs a prompt", "funsearch", {"parents": 3}, "3"),
        ("FunSearch", "samples a prompt", "funsearch", {"samples": 4}, "4"),
        ("FunSearch", "clusters", "funsearch", {"digits": 2}, "equal to two significant digits"),
        ("FunSearch", "T", "funsearch", {"temperature": 0.1, "period": 30_000}, "the same"),
        ("FunSearch", "reset", "funsearch", {"reset_every": 200}, "every 200 evaluations"),
        ("FunSearch", "operation", "funsearch", {"recombine": 0.5}, "half of the requests with several parents"),
        ("FunSearch", "islands", "funsearch_plus", {"islands": 10}, "10"),
    ],
)
def test_a_default_on_the_page_is_the_one_of_the_code(section, begins, name, expected, said):
    known = defaults(name)
    assert {key: known[key] for key in expected} == expected
    columns = {"puct": 1, "puct_plus": 2, "modelsmc": 1, "funsearch": 2, "funsearch_plus": 2}
    own = cell(section, begins, columns[name])
    assert own == said or (len(said) > 3 and said in own)


def test_the_page_names_every_setting_of_a_published_method_or_its_value():
    """A default that is added to a method has to be looked up in its paper, and stand in the test above."""
    listed = {"puct": {"c", "nodes"}, "puct_plus": {"c", "recombine", "rewrite", "nodes"}}
    listed["modelsmc"] = {"particles", "generations", "alpha", "tau", "threshold", "weights", "tempering"}
    listed["modelsmc"] |= {"feedback", "start"}
    listed["funsearch"] = {"islands", "parents", "samples", "recombine", "temperature", "period", "reset_every"}
    listed["funsearch"] |= {"tests", "digits"}
    listed["funsearch_plus"] = listed["funsearch"]
    assert {name: set(defaults(name)) for name in listed} == listed


def test_what_a_candidate_of_a_search_on_a_table_costs():
    figures = json.loads((ROOT / "tests/benchmarks/results/performance.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "table.md").read_text(encoding="utf-8")
    assert f"does {in_memory(figures):.2f}".replace(" 0.", " .") + " ms a candidate" in text


def in_memory(figures):
    """Milliseconds of the loop a candidate after 500 programs, with the event log in memory."""
    return figures["search"]["log"]["500"]["loop, log in memory"]
