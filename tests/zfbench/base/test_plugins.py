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
