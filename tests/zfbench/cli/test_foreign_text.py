"""Text from elsewhere is printed as it is: it is neither markup nor a command to the terminal."""

import io
import sys

import pytest
from rich.console import Console
from typer.testing import CliRunner

from zfbench.base.errors import ZfbenchError
from zfbench.base.text import printable
from zfbench.cli import console
from zfbench.cli.app import app


@pytest.fixture
def screen(monkeypatch):
    """What is printed on standard error, on a screen of 60 columns in colour."""
    stream = io.StringIO()
    monkeypatch.setattr(
        console, "console", Console(file=stream, width=60, force_terminal=True, color_system="standard")
    )
    return stream


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pip install 'zfbench[site]'.", "pip install 'zfbench[site]'."),
        ("no file [/old]/[red]x[/red] :smile:", "no file [/old]/[red]x[/red] :smile:"),
        ("two\nlines\rand \x1b[2J the screen", "two␊lines␍and ␛[2J the screen"),
        ("a lone \udc80 surrogate, a bell \x07, a C1 \x9b", "a lone � surrogate, a bell ␇, a C1 �"),
        ("é 鱼 " + "x" * 200, "é 鱼 " + "x" * 200),
    ],
    ids=["an extra", "markup", "control", "what has no encoding", "long"],
)
def test_an_error_is_printed_as_it_is_on_one_line(screen, text, shown):
    console.report_error(text)
    printed = screen.getvalue()
    assert shown in printed
    assert printed.count("\n") == 1
    printed.encode()


def test_what_ctrl_c_leaves_is_printed_as_it_is(screen):
    with pytest.raises(KeyboardInterrupt), console.when_stopped("Kept in [/old]/x; `zfbench resume [red]` goes on."):
        raise KeyboardInterrupt
    assert "Stopped. Kept in [/old]/x; `zfbench resume [red]` goes on." in screen.getvalue()


def test_printable_keeps_what_people_write():
    assert printable("naïve 鱼\n\tα") == "naïve 鱼\n\tα"
    assert printable("a\nb", kept="") == "a␊b"


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("jinja2", ("leaderboard", "RESULT", "--html", "page"), "zfbench[site]"),
        (
            "openai",
            ("run", "--task", "mixtures/exact@target:0", "--proposer", "llm", "--proposer-set", "model=m"),
            "zfbench[llm]",
        ),
        (
            "ray",
            ("run", "--task", "mixtures/exact@target:0", "--proposer", "finite", "--executor", "ray"),
            "zfbench[ray]",
        ),
    ],
)
def test_a_missing_extra_is_named_with_its_brackets(tmp_path, monkeypatch, make, missing, arguments, extra):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZFBENCH_LLM_API_KEY", "x")
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    for name in [
        name for name in sys.modules if name.startswith(("zfbench.leaderboard.site", "zfbench.discoverers.pro"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    (tmp_path / "result.json").write_text(make(metrics={"forecast/id/mae": 0.25}).text())
    given = [argument.replace("RESULT", "result.json") for argument in arguments]
    done = CliRunner().invoke(app, given)
    assert isinstance(done.exception, ZfbenchError), done.output
    assert extra in str(done.exception)
