"""Settings and limits on the command line of a search go to what they were given for."""

import pytest
from typer.testing import CliRunner

from zfbench.cli.app import app
from zfbench.records.limits import Limits
from zfbench.runs import arena
from zfbench.runs import search as searches
from zfbench.runs.plan import EXTERNAL, Plan


class Planned(Exception):  # noqa: N818
    """Raised in place of a search, once its plan is known."""


@pytest.fixture
def planned(monkeypatch, tmp_path):
    """The plan of a search that the command line would begin."""

    def plan(*arguments):
        def search(plan, *_, **__):
            raise Planned(plan)

        monkeypatch.setattr(searches, "search", search)
        fixed = ("run", "--task", "zfish-tiny/driven", "--out", str(tmp_path), "--sandbox", "process", "--workers", "1")
        done = CliRunner().invoke(app, [*fixed, *arguments])
        assert isinstance(done.exception, Planned), done.output
        (found,) = done.exception.args
        assert isinstance(found, Plan)
        return found

    return plan


def test_each_setting_reaches_its_owner_and_no_other(planned):
    plan = planned("--set", "particles=4", "--proposer-set", "programs=here", "--set", "alpha=0.5")
    assert plan.settings == {"particles": 4, "alpha": 0.5}
    assert plan.proposer_settings == {"programs": "here"}


def test_settings_may_be_called_like_options_of_the_command(planned):
    plan = planned(
        "--patience", "7", "--set", "patience=2", "--set", "budget=3", "--proposer-set", "seed=5", "--seed", "1"
    )
    assert (plan.patience, plan.seed, plan.budget.evaluations) == (7, 1, 20)
    assert plan.settings == {"patience": 2, "budget": 3}
    assert plan.proposer_settings == {"seed": 5}


def test_discoverer_and_proposer_are_not_exchanged(planned):
    plan = planned("--discoverer", "puct", "--proposer", "finite")
    assert (plan.discoverer, plan.proposer) == ("puct", "finite")
    assert (plan.settings, plan.proposer_settings) == ({}, {})


def test_the_limits_of_a_search_are_those_of_its_options(planned):
    assert planned("--updates", "7", "--seconds", "9").limits == Limits(updates=7, seconds=9.0)


def test_the_options_of_a_served_search_are_its_plan(monkeypatch, tmp_path):
    def open_arena(plan, folder, *_):
        raise Planned(plan, folder)

    monkeypatch.setattr(arena, "open_arena", open_arena)
    options = "--name mine --seed 4 --updates 7 --seconds 9 --budget evaluations=3 --sandbox process --out"
    done = CliRunner().invoke(app, ["serve", "--task", "zfish-tiny/driven", *options.split(), str(tmp_path)])
    assert isinstance(done.exception, Planned), done.output
    plan, folder = done.exception.args
    assert (plan.task, plan.discoverer, plan.proposer) == ("zfish-tiny/driven", "mine", EXTERNAL)
    assert (plan.seed, plan.limits) == (4, Limits(updates=7, seconds=9.0))
    assert (plan.budget.evaluations, folder) == (3, tmp_path)
