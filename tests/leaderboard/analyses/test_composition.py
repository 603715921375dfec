"""The table of what the programs that searches chose are made of."""

import pytest

from zfbench.discoverers.proposers.rate.family import RateFamily
from zfbench.discoverers.proposers.rate.genotype import start
from zfbench.discoverers.proposers.rate.truth import true_genotype
from zfbench.leaderboard.analyses.composition import as_markdown, compositions
from zfbench.leaderboard.analyses.searches import Comparison
from zfbench.records.program import Program
from zfbench.records.result import ProgramRecord
from zfbench.tasks.zfish.name import ZfishName
from zfbench.tasks.zfish.task import make_spec
from zfbench.testbed.published import load


@pytest.fixture
def comparison(make):
    spec = make_spec(ZfishName.parse("zfish-tiny/driven"), load("published"))
    first, truth = start(spec), true_genotype(load("published"), spec)

    def chose(genotype, seed):
        source = RateFamily().render(genotype)
        return make(track="driven", seed=seed, program=ProgramRecord(id=Program(source).id, source=source))

    other = first.with_gene(["PT"], "unit", "tanh")
    runs = {"found": (chose(truth, 0), chose(first, 1)), "lost": (chose(other, 0), chose(first, 1)), "none": (make(),)}
    return Comparison("zfish-tiny/driven", "grammar", {"evaluations": 3.0}, runs)


def test_each_method_has_its_mean_and_its_most(comparison):
    rows = [line.replace(" ", "") for line in as_markdown(comparison).splitlines()[2:]]
    assert "choicesofthecircuit,of10|" in rows[0]
    assert rows[2:] == ["|`found`|2|5.0(10)|0.0(0)|8.5(17)|", "|`lost`|2|0.0(0)|0.5(1)|0.0(0)|"]


def test_programs_that_cannot_be_compared_are_left_out(comparison):
    assert list(compositions(comparison)) == ["found", "lost"]
    nothing = Comparison("toy", "list", {}, {"none": comparison.runs["none"]})
    assert as_markdown(nothing) == ""
