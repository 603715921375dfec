"""The settings that `zfbench run` is given go to the method that they were given for."""

import pytest
from typer.testing import CliRunner

from zfbench.cli.app import app
from zfbench.runs import search as searches
from zfbench.runs.plan import Plan


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
