"""How the answers of language models are read: fences of every kind, none, several, cut ones, reasoning, odd bytes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zfbench.forecasting.contract import EXAMPLE
from zfbench.records.program import CandidateError, Status

pytest.importorskip("markdown_it")
from zfbench.discoverers.proposers.llm.answers import ANSWER_LIMIT, AnswerError, code_blocks, read_answer
from zfbench.discoverers.proposers.llm.reply import clean

OTHER = EXAMPLE.replace("-2.0", "-3.0")
WORDS = "SUMMARY\n- leak\n- sigmoid\n\n"


def fenced(source=EXAMPLE, opening="```python", closing="```", indent=""):
    lines = [opening, *source.splitlines(), closing]
    return "".join(f"{indent}{line}\n" if line or indent.strip() else "\n" for line in lines)


@pytest.mark.parametrize(
    "block",
    [
        fenced(),
        fenced(opening="```"),
        fenced(opening="```python3"),
        fenced(opening="```Python title=model.py {1,2}"),
        fenced(opening="``` py"),
        fenced(opening="```{.python .numberLines}"),
        fenced(opening="~~~python", closing="~~~"),
        fenced(opening="````python", closing="````"),
        fenced(opening="`````", closing="```````"),
        fenced(indent="   "),
        "1. The program:\n\n" + fenced(indent="   "),
        "- The program:\n\n" + fenced(indent="  "),
        fenced(indent="> "),
        "<answer>\n" + fenced() + "</answer>\n",
        fenced(closing="")[:-1],  # never closed, and whole
        fenced() + "\nThat is all.\n",
        fenced("x = 1\n") + fenced() + fenced("print('use it')\n"),
        "```bash\nls\n```\n" + fenced() + "```text\nnotes\n```\n",
        fenced(OTHER) + "\nBetter:\n\n" + fenced(),  # the last of two programs
        fenced() + fenced(),
        EXAMPLE,  # no fence at all
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_program_is_found_however_it_is_fenced(block, line_end):
    for prose in ("", WORDS):
        source, summary = read_answer((prose + block).replace("\n", line_end))
        assert source.strip() == EXAMPLE.strip()
        assert summary.startswith("leak; sigmoid" if prose else "")
        assert "import" not in summary


def test_fence_of_four_backticks_holds_a_fence_of_three():
    source = EXAMPLE.replace('drive that it may read."""', 'drive.\n\n```\nx\n```\n"""')
    assert read_answer(fenced(source, "````python", "````"))[0] == source


def test_the_block_that_passes_the_check_of_the_task_is_taken():
    def check(source):
        if "chosen" not in source:
            raise CandidateError(Status.INVALID, "not chosen")

    assert read_answer(fenced("chosen = 1\n") + fenced("x = 2\n"), check)[0] == "chosen = 1\n"
    with pytest.raises(AnswerError, match="not chosen"):
        read_answer(fenced("x = 1\n"), check)


@pytest.mark.parametrize("tag", ["think", "THINK", "thinking", "reasoning"])
def test_what_a_model_thinks_aloud_is_neither_program_nor_summary(tag):
    thought = f"<{tag}>\nFirst try:\n\n{fenced(OTHER)}\nNo.\n</{tag}>\n"
    assert read_answer(thought + WORDS + fenced()) == (EXAMPLE, "leak; sigmoid")
    assert read_answer(thought.removeprefix(f"<{tag}>") + WORDS + fenced()) == (EXAMPLE, "leak; sigmoid")
    with pytest.raises(AnswerError, match="reasoning without an answer"):
        read_answer(f"<{tag}>\n{fenced(OTHER)}")
    with pytest.raises(AnswerError, match="empty"):
        read_answer(thought)


def test_byte_order_marks_and_lone_surrogates_do_no_harm():
    source, summary = read_answer("\ufeffA leak \ud83d, a sigmoid\n\n" + fenced("\ufeff" + EXAMPLE + "# \udc00\n"))
    assert summary == "A leak \ufffd, a sigmoid"
    assert source == EXAMPLE + "# \ufffd\n"
    assert clean("\ud83d\ude00") == "\U0001f600"


def test_summary_falls_back_to_the_docstring():
    assert read_answer(fenced())[1].startswith("Each neuron leaks")


def test_an_answer_that_was_cut_says_where():
    with pytest.raises(AnswerError, match="cut at answer_tokens=500"):
        read_answer(WORDS + fenced(closing="")[:-1], cut_at=500)  # it passes the check, but its end may be missing
    with pytest.raises(AnswerError, match="cut at answer_tokens=500"):
        read_answer("I would begin with", cut_at=500)
    assert read_answer(fenced() + "This program lea", cut_at=500)[0] == EXAMPLE


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("no code", "no code block with a program"),
        ("```bash\nls\n```", "no code block with a program"),
        ("```python\nx = 1\n```", "must define a class `Model`"),
        ("```python\ndef (\n```", "does not parse"),
        (fenced(EXAMPLE + "# x\n" * 10**5), "longer than"),
    ],
)
def test_answers_without_a_program_are_explained(text, complaint):
    with pytest.raises(AnswerError, match=complaint):
        read_answer(text)


FENCED = re.compile(r"^```[ \t]*([\w+-]*)[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)  # the plainest block
pieces = st.sampled_from(["```", "``", "python", "x = 1", "é", "\n", "\n\n", "\n```", "\n```\n", "```\n"])


@given(st.lists(pieces, max_size=30).map("".join))
@settings(max_examples=300)
def test_plain_blocks_are_those_of_the_plain_definition(text):
    plain = all(re.fullmatch(r"```(python)?|[^`]*", line) for line in text.split("\n"))
    found = [(block.language, block.source) for block in code_blocks(text) if block.closed]
    if plain:
        assert found == [(match[1], match[2]) for match in FENCED.finditer(text)]
    assert all(source == "" or source.endswith("\n") for _, source in found)


@pytest.mark.parametrize(
    ("unit", "blocks"), [("```\n", 1 / 2), ("```python\n", 0), ("~~~\n", 1 / 2), ("> ", 0), ("`", 0), ("```x`\n", 0)]
)
def test_answers_of_nothing_but_fences_are_read_to_their_end(unit, blocks):
    count = ANSWER_LIMIT // 4 // len(unit)
    found = [block for block in code_blocks(unit * count) if block.closed]
    assert len(found) == int(blocks * count)
