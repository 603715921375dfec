import json

import pytest

pytest.importorskip("openai")

from zfbench.discoverers.proposers.llm.answers import AnswerError
from zfbench.discoverers.proposers.llm.critique import read_critique

ISSUE = {"description": "MN leaks too fast.", "severity": "critical", "location": "line 12", "suggestion": "Slow it."}
WHOLE = {"main_diagnosis": "No memory.", "issues": [ISSUE, {**ISSUE, "severity": "minor", "location": None}]}
TEXT = """Main diagnosis: No memory.
- critical (line 12): MN leaks too fast. To do: Slow it.
- minor: MN leaks too fast. To do: Slow it."""


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps(WHOLE),
        f"<think>Hm { {1} }.</think>Here it is:\n\n```json\n{json.dumps(WHOLE, indent=2)}\n```\nThat is all.",
        f"My review: {json.dumps(WHOLE)} I hope it helps.",
    ],
)
def test_a_critique_is_read_wherever_its_json_stands(answer):
    assert read_critique(answer) == TEXT


def test_no_more_than_two_issues_are_shown():
    assert read_critique(json.dumps(WHOLE | {"issues": [*WHOLE["issues"], {**ISSUE, "description": "third"}]})) == TEXT


@pytest.mark.parametrize(
    "answer",
    ["Too linear.", json.dumps({"issues": []}), json.dumps(WHOLE | {"issues": [{**ISSUE, "severity": "fatal"}]})],
)
def test_an_answer_of_another_form_stands_in_its_own_words(answer):
    assert read_critique(f"<think>Hm.</think> {answer}\n") == answer


def test_reasoning_without_an_end_is_no_critique():
    with pytest.raises(AnswerError, match="reasoning without an answer"):
        read_critique("<think>It might be")
