"""What a method's page says of the method: sentences, papers and the command that measures it."""

import shlex

import pytest

from zfbench.leaderboard.board import Row
from zfbench.leaderboard.shipped import RESULTS
from zfbench.leaderboard.site.about import Commands, papers, parts
from zfbench.leaderboard.site.neurons import groups_of
from zfbench.records.reading import load_folder
from zfbench.runs.suite import read_suite


def test_papers_are_found_by_doi_and_by_number():
    text = "Zeng (2023, doi:10.1609/aaai.v37i9.26317), and arXiv 2303.06053. Again arXiv:2303.06053; arXiv\n2602.18266."
    assert papers(text) == (
        ("doi:10.1609/aaai.v37i9.26317", "https://doi.org/10.1609/aaai.v37i9.26317"),
        ("arXiv:2303.06053", "https://arxiv.org/abs/2303.06053"),
        ("arXiv:2602.18266", "https://arxiv.org/abs/2602.18266"),
    )
    assert papers("no paper; doi:10.1 is none") == ()


def test_a_search_has_two_parts_and_an_unknown_method_no_sentence(make, search_method):
    discoverer, proposer = parts(Row((make(**search_method("modelsmc")),)))
    assert discoverer.sentences[0].startswith("ModelSMC: sequential Monte Carlo over programs")
    assert ("arXiv:2602.18266", "https://arxiv.org/abs/2602.18266") in discoverer.papers
    assert (proposer.role, proposer.name) == ("proposer", "grammar")
    assert proposer.sentences
    (unknown,) = parts(Row((make("nobody-knows"),)))
    assert unknown.sentences == unknown.papers == ()


@pytest.fixture(scope="module")
def commands():
    return Commands()


def test_every_published_row_has_a_command_that_plans_its_runs(commands):
    for result in load_folder(RESULTS):
        words = shlex.split(commands.of(Row((result,))))
        assert words[:3] == ["zfbench", "suite", "run"], words
        assert words[3] in ("tiny", "claims", "standard"), words
        assert words[4:8] == ["--task", result.task.name, "--method", result.method.name]


def test_a_search_that_no_suite_has_is_run_by_a_command_of_its_own(make, search_method, commands):
    run = make(**search_method(budget={"evaluations": 7}), seed=4)
    expected = "zfbench run --task zfish-tiny/driven --discoverer puct --proposer grammar --budget evaluations=7"
    assert commands.of(Row((run,))).startswith(expected)
    assert commands.of(Row((run,))).endswith("--seed 4")
    assert (
        commands.of(Row((make("mine", kind="program"),))) == "zfbench judge mine.py --task zfish-tiny/driven --seed 0"
    )
    assert commands.of(Row((make("nobody-knows"),))) == ""


def test_a_suite_with_other_limits_measures_other_rows(make, tmp_path):
    block = '[[block]]\ntasks = ["zfish-tiny/driven"]\nmethods = ["linear"]\nseeds = [0]\n'
    (tmp_path / "long.toml").write_text(f'results = "r"\n[limits]\nupdates = 9\nseconds = 300\n{block}')
    assert len(read_suite(tmp_path / "long.toml")[0]) == 1
    mine = Commands(tmp_path)
    assert mine.of(Row((make("linear", limits={"updates": 2000}),))) == ""
    assert mine.of(Row((make("linear", limits={"updates": 9}),))).startswith("zfbench suite run ")


def test_the_groups_of_the_published_circuit_are_known_and_those_of_others_are_not(make):
    task = make().task
    assert len(groups_of(task)) == 54
    assert groups_of(task)[0] == "AF"
    for circuit in ("published, anonymous", "another", ""):
        assert groups_of(task.model_copy(update={"circuit": circuit})) == ()
    assert groups_of(task.model_copy(update={"name": "sir"})) == ()
