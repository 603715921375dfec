import inspect

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
