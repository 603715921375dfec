"""How a program of the grammar differs from the start of its family and from the published circuit."""

import pytest

from zfbench.discoverers.proposers.blackbox.family import BlackBoxFamily
from zfbench.discoverers.proposers.rate.family import RateFamily
from zfbench.discoverers.proposers.rate.genotype import start
from zfbench.discoverers.proposers.rate.truth import true_genotype
from zfbench.leaderboard.genotypes import Parts, differences, parts
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


@pytest.fixture
def made_of(make, spec):
    """What a genotype of the rate family is made of."""

    def found(genotype, task="zfish-tiny/driven"):
        source = RateFamily().render(genotype)
        result = make(program=ProgramRecord(id=Program(source).id, source=source))
        return parts(result.model_copy(update={"task": result.task.model_copy(update={"name": task})}))

    return found


def test_what_a_program_has_of_the_circuit_is_counted(made_of, spec):
    truth, first = true_genotype(load("published"), spec), start(spec)
    assert made_of(first) == Parts(true=0, possible=10, other=0, reads=0, groups=17)
    assert made_of(truth) == Parts(true=10, possible=10, other=0, reads=17, groups=17)
    assert made_of(truth, "zfish-tiny/driven@anonymous") is None  # its names are not these, so it is no program there
    assert made_of(truth, "zfish-tiny/driven@circuit-1") is None
    one = first.with_gene(["BG"], "form", "integrate").with_gene(["BG", "PT"], "memory", "delay")
    one = one.with_gene(["AF"], "slope", "drive").with_gene(["AF"], "sources", truth.block("AF").sources)
    assert made_of(one) == Parts(true=1, possible=10, other=3, reads=0, groups=17)
    read = one.with_gene(["AF"], "channels", truth.block("AF").channels)
    assert made_of(read) == Parts(true=1, possible=10, other=3, reads=1, groups=17)


@pytest.mark.parametrize(
    ("group", "unit", "true"),
    [
        ("SW", "linear", 1),
        ("SW", "relu", 1),
        ("SW", "clip", 0),
        ("BG", "clip", 1),
        ("PT", "relu", 0),
        ("PT", "tanh", 0),
    ],
)
def test_a_unit_that_is_the_same_function_counts_as_the_circuits(made_of, spec, group, unit, true):
    found = made_of(start(spec).with_gene([group], "unit", unit))
    assert (found.true, found.other) == (true, 1 - true)


def test_the_truth_is_not_told_where_the_drive_is_hidden(told):
    hidden = make_spec(ZfishName.parse("zfish-tiny/autonomous"), load("published"))
    lines = told(start(hidden), "autonomous")
    assert lines == ["Against the start of the family 'rate':", "  the same"]


def test_a_black_box_has_genes_and_no_truth(make, spec):
    family = BlackBoxFamily()
    source = family.render(family.start(spec).with_gene("depth", 3))
    result = make(program=ProgramRecord(id=Program(source).id, source=source))
    assert differences(result) == ["Against the start of the family 'blackbox':", "  depth: 1 -> 3"]
    assert parts(result) is None


def test_nothing_is_said_of_other_programs(make):
    source = "class Model: ..."
    assert differences(make(program=ProgramRecord(id=Program(source).id, source=source))) == []
    assert differences(make()) == []
    assert parts(make(program=ProgramRecord(id=Program(source).id, source=source))) is None
    assert parts(make()) is None
