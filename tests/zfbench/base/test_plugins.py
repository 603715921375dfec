import inspect
from importlib.metadata import entry_points

import pytest

from zfbench.base import plugins
from zfbench.base.errors import UnknownNameError


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_every_registered_name_loads(kind):
    found = plugins.names(kind)
    assert found
    for name in found:
        plugin = plugins.load(kind, name)
        assert callable(plugin) or kind == "task"
        assert inspect.getdoc(plugin)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match=r"no baseline 'oracel'; did you mean 'oracle'\?"):
        plugins.load("baseline", "oracel")


def test_a_name_of_an_earlier_version_leads_to_the_present_one():
    with pytest.raises(UnknownNameError, match=r"no discoverer 'random_search'; it is called 'best_of_n' now\."):
        plugins.load("discoverer", "random_search")


def test_packages_are_described_again_only_when_one_was_installed(package, monkeypatch):
    asked = []
    monkeypatch.setattr(plugins, "entry_points", lambda group: asked.append(group) or entry_points(group=group))
    folder = package("first", "", baselines="first_of_two = first_mod:thing")
    monkeypatch.syspath_prepend(folder)
    assert "first_of_two" in plugins.names("baseline")
    asked.clear()
    assert plugins.names("baseline") == plugins.names("baseline")
    assert not asked
    package("second", "", baselines="second_of_two = second_mod:thing")  # into a folder that was read before
    assert {"first_of_two", "second_of_two"} <= set(plugins.names("baseline"))
    assert asked == ["zfbench.baselines"]
