"""What a candidate program is: what its source defines, how it may fail, what it may choose in training."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from zfbench.records.program import CandidateError, Status
from zfbench.records.source import SOURCE_LIMIT

COMPILED = 8  # programs of which a process keeps what it compiled
WINDOWS_PER_CALL = 64  # rows of every call of a trained program, so that few shapes compile
LOSSES = {
    "curriculum": "one-step squared error for the first half of the updates, then `rollout` at half the rate",
    "quick_curriculum": "`curriculum` with seven tenths of the updates on single steps, in which Adam's beta_2 is .95",
    "rollout": "pseudo-Huber error of 32 steps rolled out on the program's own predictions",
    "one_step": "squared error of the next step, in units of that step's standard deviation",
    "robust_curriculum": "one-step pseudo-Huber error in units of the mean change, then `rollout` likewise",
}


LEARNING_RATES = (0.003, 0.01, 0.03)
LONG_RUN = 2_000  # above so many updates 0.03 made long MLP runs diverge, so 0.01 is the default there


@dataclass(frozen=True)
class TrainingChoice:
    """What a program asks of the trainer; None leaves the choice to the default.

    Attributes:
        loss: a key of `LOSSES`.
        learning_rate: one of `LEARNING_RATES`.
    """

    loss: str | None = None
    learning_rate: float | None = None

    @classmethod
    def parse(cls, declared: object) -> TrainingChoice:
        """The choice declared by a program's module-level `training`, None when it declares none.

        Raises:
            CandidateError: invalid, with the nearest name that exists.
        """
        if declared is None:
            return cls()
        if not isinstance(declared, Mapping):
            raise CandidateError(
                Status.INVALID,
                f"`training` must be a dict, such as dict(loss='rollout'), not {declared!r:.80}.",
            )
        for key in declared:
            if key not in cls.__dataclass_fields__:
                raise CandidateError(
                    Status.INVALID,
                    f"`training` has no setting {key!r:.80}; {_nearest(key, cls.__dataclass_fields__)}",
                )
        loss, rate = declared.get("loss"), declared.get("learning_rate")
        if loss is not None and (not isinstance(loss, str) or loss not in LOSSES):
            raise CandidateError(
                Status.INVALID, f"`training` asks for an unknown loss {loss!r:.80}; {_nearest(loss, LOSSES)}"
            )
        if rate is not None and (not isinstance(rate, float) or rate not in LEARNING_RATES):
            near = _nearest_rate(rate)
            raise CandidateError(
                Status.INVALID,
                f"`training` asks for the learning rate {rate!r:.80}; choose one of {LEARNING_RATES}, "
                f"the nearest is {near}.",
            )
        return cls(loss, rate)

    def resolve(self, recurrent: bool, updates: int) -> tuple[str, float]:
        """The loss and learning rate to train with.

        One-step training gives recurrent weights no signal, so a program with hidden state is rolled out
        unless it chooses otherwise. Rollouts from the start are stable only at lower rates.
        """
        loss = self.loss or ("rollout" if recurrent else "curriculum")
        default = 0.01 if loss == "rollout" or updates > LONG_RUN else 0.03
        return loss, self.learning_rate or default


def _nearest(name: object, known: Mapping[str, object]) -> str:
    match = difflib.get_close_matches(str(name), known, n=1, cutoff=0.3)
    return f"did you mean '{match[0]}'?" if match else f"known are: {', '.join(known)}."


def _nearest_rate(rate: object) -> float:
    if not isinstance(rate, int | float) or not 0 < rate < math.inf:
        return 0.01
    return min(LEARNING_RATES, key=lambda known: abs(math.log(known / rate)))


EXAMPLE = '''\
"""Each neuron leaks towards a sigmoid of a weighted sum of the activity and drive that it may read."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

training = dict(loss="curriculum", learning_rate=0.03)


class Model(nn.Module):
    spec: Any

    def initial_state(self, batch):
        return ()

    @nn.compact
    def __call__(self, state, activity, drive):
        inputs = jnp.concatenate([activity, drive], axis=-1)  # [B, N + D]
        n, m = activity.shape[-1], inputs.shape[-1]
        weights = self.param("weights", nn.initializers.lecun_normal(), (m, n))
        wiring = jnp.ones((n, n)) if self.spec.mask is None else self.spec.mask
        channels = jnp.ones((n, m - n)) if self.spec.drive_mask is None else self.spec.drive_mask
        weights = weights * jnp.concatenate([wiring, channels], axis=1).T  # what is forbidden has the weight 0, always
        bias = self.param("bias", nn.initializers.zeros, (n,))
        target = nn.sigmoid(inputs @ weights + bias)  # [B, N]
        rate = nn.sigmoid(self.param("rate", nn.initializers.constant(-2.0), (n,)))  # [N]
        return state, activity + rate * (target - activity)
'''


CONTRACT = f"""\
A program is Python source that defines, at its top level, a class `Model` (a flax.linen Module): one
time step of the system. It may import numpy, jax, flax, optax and the standard library; it reads no
files and no network.

    class Model(nn.Module):
        spec: Any                                  # the task, see below

        def initial_state(self, batch):            # hidden state before the first step; () for none
            ...

        def __call__(self, state, activity, drive):  # state, float32 [B, N], float32 [B, D]
            ...                                    # returns (state, next_activity float32 [B, N])

- `activity` is a(t-1), `drive` is x(t), the input that acts on this step (D = 0 in an autonomous
  task), `next_activity` is a(t).
- The state that is returned has the shapes and dtypes of `initial_state(batch)`, whose arrays all
  begin with the batch axis. `initial_state` uses no parameters.
- `spec` holds `neurons` and `groups` (N names each), `drive` (D names), `mask` (bool [N, N]:
  mask[i, j] says that neuron j may influence neuron i within one step) and `drive_mask` (bool
  [N, D]); both are None when no wiring is given. `spec.indices(group)` gives the positions of a
  group's neurons.
- When masks are given, no neuron may depend on an input that they forbid, in any state: this is
  verified from the program's predictions. Multiply weights by the masks, as the example does. Hidden
  state is then kept per neuron, [B, N, k], and a neuron reads only its own.
- All trainable numbers are flax parameters (collection "params"); a step draws no random numbers.
- The harness trains the program. A module-level `training = dict(loss=..., learning_rate=...)` may
  choose how; both keys are optional.
  learning_rate: one of {", ".join(map(str, LEARNING_RATES))}
{chr(10).join(f"  loss '{name}': {meaning}" for name, meaning in LOSSES.items())}
  By default a program with hidden state trains by 'rollout', any other by 'curriculum'.
- To forecast, the program warms its hidden state up on the recorded context and then runs on its
  own predictions.
- The source runs once, in a sandbox, where one step of one row is traced by JAX; then it is gone, and only the
  traced operations are trained and rolled out. So Python sees shapes and never values (use jnp.where, not `if`),
  and a print says nothing of the numbers. docs/engine.md lists operations and limits.
- The source has at most {SOURCE_LIMIT:,} bytes.

A complete example:

{EXAMPLE}"""
