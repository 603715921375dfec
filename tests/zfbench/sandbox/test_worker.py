import traceback

import pytest

from zfbench.sandbox.worker import execute


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_lines_of_a_program_are_counted_as_python_counts_them(line_end):
    source = line_end.join(["# one\x0c\x1c\u2028 still one", "# two", "raise ValueError('here')", ""])
    with pytest.raises(ValueError, match="here") as caught:
        execute(source)
    (last,) = traceback.extract_tb(caught.value.__traceback__)[-1:]
    assert (last.lineno, last.line) == (3, "raise ValueError('here')")
