from zfbench.forecasting.dynamics import compiler_options, is_known


def test_options_that_this_version_of_xla_does_not_have_are_left_out():
    assert not is_known("xla_of_another_version", True)
    assert is_known("xla_backend_optimization_level", 1)
    assert compiler_options()["xla_backend_optimization_level"] == 1
    assert all(is_known(name, value) for name, value in compiler_options(level=0).items())
