import json
import subprocess
import sys

import pytest

TRIALS = 50


def run_trials(script, folder, trials, workers):
    done = subprocess.run(
        [sys.executable, script, folder, str(trials), str(workers), "3"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.timeout(600)
def test_search_killed_at_random_moments_ends_in_the_same_result_and_pays_nothing_twice(victim_script, tmp_path):
    whole, *trials = run_trials(victim_script, tmp_path, TRIALS, workers=1)
    assert len(trials) == TRIALS
    assert whole["begun"] == whole["different"] == whole["paid"]
    for trial in trials:
        assert trial["result"] == whole["result"]
        assert trial["agrees"]
        assert trial["paid"] == trial["different"] == whole["paid"]
        assert trial["begun"] - trial["different"] <= trial["kills"]  # only what was in flight is done again
    cut = [trial for trial in trials if trial["lines"][0] < trial["lines"][-1] or trial["kills"]]
    assert len(cut) > TRIALS // 3  # the moments were not all after the end


def test_search_of_several_workers_killed_at_random_moments_keeps_its_budget_and_its_replay(victim_script, tmp_path):
    whole, *trials = run_trials(victim_script, tmp_path, 6, workers=3)
    for trial in trials:
        assert trial["agrees"]
        assert trial["paid"] == trial["different"] == whole["paid"]
        assert trial["begun"] - trial["different"] <= 3 * trial["kills"]
