"""A language model as a proposer: prompt, answer, one repair of a malformed answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.llm.client import OVERHEAD, Account, Endpoint, Message
from zfbench.discoverers.proposers.llm.prompting import AnswerError, Prompts, read_answer
from zfbench.protocols.proposer import Context, ProposalError, Proposer
from zfbench.protocols.task import Spec
from zfbench.records.evaluation import Proposal, Request
from zfbench.records.hints import CRITIQUE
from zfbench.records.program import Program

CALLS = 3  # of one proposal: a critique, an answer, its repair
BYTES_PER_TOKEN = 4  # of a malformed answer that is sent back: what is longer is cut
COMPLAINT = 2_000  # bytes of what is said about it
CRITIQUE_BYTES = 4_000


class LlmProposer(Proposer):
    """Any OpenAI-compatible endpoint; the key is read from the environment and from nowhere else.

    Args:
        spec: the task.
        model: the model's name at the endpoint.
        base_url: the endpoint, such as http://localhost:8000/v1; by default OpenAI's.
        prompts: a folder of prompts to use instead of the shipped ones.
        prompt_bytes: longest prompt; older parents are left out of one that is longer.
        settings: see `Endpoint`: temperature, answer_tokens, timeout, attempts, input_price, output_price,
            extra.

    Attributes:
        bound: three calls of the longest prompt and the longest answer.
        trusted: nobody has read what it will write.
        identity: model, endpoint, settings and the hash of the prompts.
    """

    trusted = False

    def __init__(
        self,
        spec: Spec,  # noqa: ARG002 (it comes again with every request)
        model: str = "",
        base_url: str | None = None,
        prompts: str | None = None,
        prompt_bytes: int = 60_000,
        **settings: Any,
    ) -> None:
        if not model:
            raise ZfbenchError("The proposer 'llm' needs a model; name one as the setting `model`.")
        self._prompts = Prompts.load(prompts)
        self._prompt_bytes = prompt_bytes
        self._endpoint = Endpoint(model, base_url, **settings)
        self._quoted = BYTES_PER_TOKEN * self._endpoint.answer_tokens
        longest = 4 * OVERHEAD + prompt_bytes + self._quoted + COMPLAINT  # a repair's messages
        self.bound = self._endpoint.cost(CALLS * longest, CALLS * self._endpoint.answer_tokens)
        self.identity: Mapping[str, Any] = {
            "model": model,
            "base_url": base_url,
            "prompts_sha256": self._prompts.sha256,
            "prompt_bytes": prompt_bytes,
            **{name: value for name, value in settings.items() if name != "sleep"},
        }

    def propose(self, request: Request, context: Context, rng: np.random.Generator) -> Proposal:
        """A program that the model wrote.

        Raises:
            ProposalError: the endpoint gave no answer, or no usable one after a repair; it says what was spent.
        """
        account = Account(self.bound)
        first, second, third = (int(seed) for seed in rng.integers(2**31, size=CALLS))
        critique = self._critique(request, context, first, account)
        if critique:
            *older, last = context.parents
            context = replace(context, parents=(*older, replace(last, critique=critique)))
        try:
            source, summary = self._write(request, context, (second, third), account)
        except ProposalError as error:
            error.critique = critique  # it was paid for
            raise
        return Proposal(source, summary, account.spent, critique)

    def _critique(self, request: Request, context: Context, seed: int, account: Account) -> str:
        """A critique of the last parent, if one is wished for and there is none yet."""
        if CRITIQUE not in request.hints or not context.parents or context.parents[-1].critique:
            return ""
        prompt = self._prompts.critique(context)
        return _cut(self._endpoint.ask(self._chat(prompt), seed, account), CRITIQUE_BYTES) if self._fits(prompt) else ""

    def _write(self, request: Request, context: Context, seeds: tuple[int, int], account: Account) -> tuple[str, str]:
        """A new program and its summary, repaired once if need be."""
        messages = self._chat(self._longest_that_fits(request, context, account))
        answer = self._endpoint.ask(messages, seeds[0], account)
        try:
            return self._read(answer, context)
        except AnswerError as error:
            messages += [
                {"role": "assistant", "content": _cut(answer, self._quoted) or "(nothing)"},
                {"role": "user", "content": _cut(self._prompts.repair(str(error)), COMPLAINT)},
            ]
        answer = self._endpoint.ask(messages, seeds[1], account)
        try:
            return self._read(answer, context)
        except AnswerError as error:
            raise account.failure(f"The model's answer could not be used, also when asked again: {error}") from error

    def _read(self, answer: str, context: Context) -> tuple[str, str]:
        source, summary = read_answer(answer, context.spec.check)
        if any(Program(source).id == parent.program.id for parent in context.parents):
            raise AnswerError("it repeats one of the programs unchanged.")
        return source, summary

    def _chat(self, prompt: str) -> list[Message]:
        return [{"role": "system", "content": self._prompts.texts["system"]}, {"role": "user", "content": prompt}]

    def _longest_that_fits(self, request: Request, context: Context, account: Account) -> str:
        """The prompt with as many of the last parents as its limit has room for."""
        for count in range(len(context.parents), -1, -1):
            prompt = self._prompts.proposal(request, context, count)
            if self._fits(prompt):
                return prompt
        raise account.failure(f"The prompt exceeds {self._prompt_bytes:,} bytes without parents; raise prompt_bytes.")

    def _fits(self, prompt: str) -> bool:
        return sum(len(message["content"].encode(errors="replace")) for message in self._chat(prompt)) <= (
            self._prompt_bytes
        )


def _cut(text: str, size: int) -> str:
    """The first bytes of a text."""
    return text.encode(errors="replace")[:size].decode(errors="ignore")
