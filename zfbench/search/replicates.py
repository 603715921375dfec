"""Replicates: which training seed the evaluation of a program gets.

Two trainings of one program with different seeds differ more than most pairs of programs do, so programs are compared
under the same seed. The seed is a function of the task and of the replicate's number alone: every program that is
evaluated as replicate 0 of a task is trained with the same seed, in every search and with every method, and
differences between programs are paired. The finals use a replicate that no search uses, since the best of many programs
under one seed is best under that seed. The judge's training is seeded by the run.

A task whose evaluations differ much by chance (`zfbench.protocols.task.SearchTask.reevaluate`) evaluates every copy of
a program again. There each evaluation is a replicate of its own, which depends on the run's seed and the request.
"""

from __future__ import annotations

import hashlib

import numpy as np

SCREENING = 0  # the replicate of every evaluation of a search
FINALS = 1  # the replicate of every finalist
_SHARED = 2**16  # replicates below it are for all runs; those from it on are a run's own


def training_seed(task: str, replicate: int) -> int:
    """Return the seed of an evaluation, in 0 .. 2^32 - 1.

    Args:
        task: the task's full name.
        replicate: number of the replicate, 0 or more.
    """
    entropy = int.from_bytes(hashlib.sha256(task.encode()).digest())
    return int(np.random.SeedSequence(entropy, spawn_key=(replicate,)).generate_state(1)[0])


def own_replicate(seed: int, request: int) -> int:
    """Return the number of a replicate that only this request of the run with this seed has."""
    drawn = np.random.SeedSequence(seed, spawn_key=(request, 1)).generate_state(1)[0]
    return _SHARED + int(drawn)
