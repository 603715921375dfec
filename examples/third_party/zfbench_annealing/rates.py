"""A proposer that writes the seed program of `zfish` with other values from which training starts."""

from __future__ import annotations

import numpy as np

from zfbench.protocols.proposer import Context, ProposalError, Proposer
from zfbench.protocols.spec import Spec
from zfbench.records.evaluation import Proposal, Request
from zfbench.records.spend import NOTHING

ZEROS = "nn.initializers.zeros"
CONSTANT = "nn.initializers.constant("


class Rates(Proposer):
    """A proposer that replaces the initial value of all parameters of its parent by a draw from [0, 0.2].

    Attributes:
        bound: nothing, because a call is free.
        trusted: True, because all programs that it can write are known to be harmless.
        version: number that rises when equal draws begin to give other programs.

    Args:
        spec: specification of the task; not used.
    """

    bound = NOTHING
    trusted = True
    version = 1

    def __init__(self, spec: Spec) -> None:
        del spec

    def propose(self, request: Request, context: Context, rng: np.random.Generator) -> Proposal:  # noqa: ARG002
        """Write the last parent with another initial value.

        Args:
            request: not used; every request is answered alike.
            context: the parents.
            rng: generator of the draw.

        Raises:
            ProposalError: the parent has no initial value that this proposer knows.
        """
        source = context.parents[-1].program.source
        known = source.partition(CONSTANT)[2].partition(")")[0]
        old = f"{CONSTANT}{known})" if known else ZEROS
        if old not in source:
            raise ProposalError(f"The proposer 'rates' changes programs that say {ZEROS}; this parent does not.")
        value = f"{rng.uniform(0.0, 0.2):.3f}"
        return Proposal(source.replace(old, f"{CONSTANT}{value})"), f"starts at {value}")
