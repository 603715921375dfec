"""How a program of the grammar differs from the start of its family and from the published circuit."""

import pytest

from zfbench.discoverers.proposers.blackbox.family import BlackBoxFamily
from zfbench.discoverers.proposers.rate.family import RateFamily
from zfbench.discoverers.proposers.rate.genotype import start
from zfbench.discoverers.proposers.rate.truth import true_genotype
from zfbench.leaderboard.genotypes import differences
from zfbench.records.program import Program
from zfbench.records.result import ProgramRecord
from zfbench.tasks.zfish.name import ZfishName
from zfbench.tasks.zfish.task import make_spec
from zfbench.testbed.published import load

NAME = ZfishName.parse("zfish-tiny/driven")
TRUTH = "Against the published circuit, without the training:"


@pytest.fixture(scope="module")
def spec():
    return make_spec(NAME, load("published"))


@pytest.fixture
def told(make, spec):
    """The lines on a genotype of the rate family."""

    def lines(genotype, track="driven"):
        source = RateFamily().render(genotype)
        return differences(make(track=track, program=ProgramRecord(id=Program(source).id, source=source)))

    return lines


def test_changed_genes_are_named_with_their_groups(told, spec):
    groups = tuple(dict.fromkeys(spec.groups))
    one = start(spec).with_gene(groups[:2], "unit", "tanh").with_gene(groups, "memory", "delay")
    one = one.with_gene(groups[:1], "channels", ("bout",)).settled()
    lines = told(one)
    assert lines[: lines.index(TRUTH)] == [
        "Against the start of the family 'rate':",
        f"  unit: sigmoid -> tanh ({groups[0]}, {groups[1]})",
        "  memory: none -> delay (all groups)",
        f"  channels: all that may be read -> {{bout}} ({groups[0]})",
        "  loss: quick_curriculum -> rollout",
        "  learning rate: 0.03 -> 0.01",
    ]


def test_the_start_and_the_truth_are_told_as_such(told, spec):
    assert told(start(spec))[:2] == ["Against the start of the family 'rate':", "  the same"]
    assert told(true_genotype(load("published"), spec))[-2:] == [TRUTH, "  equal"]


def test_the_truth_is_not_told_where_the_drive_is_hidden(told):
    hidden = make_spec(ZfishName.parse("zfish-tiny/autonomous"), load("published"))
    lines = told(start(hidden), "autonomous")
    assert lines == ["Against the start of the family 'rate':", "  the same"]


def test_a_black_box_has_genes_and_no_truth(make, spec):
    family = BlackBoxFamily()
    source = family.render(family.start(spec).with_gene("depth", 3))
    result = make(program=ProgramRecord(id=Program(source).id, source=source))
    assert differences(result) == ["Against the start of the family 'blackbox':", "  depth: 1 -> 3"]


def test_nothing_is_said_of_other_programs(make):
    source = "class Model: ..."
    assert differences(make(program=ProgramRecord(id=Program(source).id, source=source))) == []
    assert differences(make()) == []
