import subprocess
import sys

from zfbench.search.replicates import FINALS, SCREENING, own_replicate, training_seed


def test_seed_is_the_same_in_every_process():
    code = "from zfbench.search.replicates import training_seed; print(training_seed('zfish-tiny/masked', 3))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(printed) == training_seed("zfish-tiny/masked", 3) == 3327747237


def test_tasks_and_replicates_have_seeds_of_their_own():
    seeds = {training_seed(task, k) for task in ("zfish-tiny/masked", "zfish-tiny/driven", "sir") for k in range(100)}
    assert len(seeds) == 300
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_own_replicates_are_those_of_no_other_request_nor_of_all_runs():
    own = {own_replicate(seed, request) for seed in range(20) for request in range(100)}
    assert len(own) == 2_000
    assert not own & {SCREENING, FINALS}
    assert SCREENING != FINALS
