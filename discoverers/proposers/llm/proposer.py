"""A language model as a proposer: prompt, answer, one repair of a malformed answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from zfbench.discoverers.proposers.llm.account import OVERHEAD, Account, Message
from zfbench.discoverers.proposers.llm.answers import AnswerError, read_answer, without_reasoning
from zfbench.discoverers.proposers.llm.client import Client
from zfbench.discoverers.proposers.llm.critique import read_critique
from zfbench.discoverers.proposers.llm.endpoint import Endpoint
from zfbench.discoverers.proposers.llm.prompting import Prompts
from zfbench.discoverers.proposers.llm.reply import Reply, clean, quote
from zfbench.protocols.proposer import Context, Preview, ProposalError, Proposer, ProposerUnavailableError
from zfbench.protocols.task import Spec
from zfbench.records.evaluation import Exchange, Proposal, Request
from zfbench.records.hints import CRITIQUE
from zfbench.records.program import CandidateError, Program, Status
from zfbench.records.spend import Spend

PROMPT_BYTES = 60_000  # of the longest prompt, unless it is set
CALLS = 3  # of one proposal: a critique, an answer, its repair
QUOTED = 4  # bytes for each token of a malformed answer that is sent back: what is longer is cut
COMPLAINT = 2_000  # bytes of what is said about it
CRITIQUE_BYTES = 4_000
USUAL_BYTES = 4  # of a token of English or of Python, for estimates
USUAL_ANSWER = 2_000  # tokens of a program with its summary, for estimates
SURROUNDINGS = ("base_url", "timeout", "attempts", "keep_prompts")  # settings that do not define the method


class LlmProposer(Proposer):
    """Any OpenAI-compatible endpoint; the key is read from the environment and from nowhere else.

    Args:
        spec: the task.
        model: the model's name at the endpoint.
        base_url: the endpoint, such as http://localhost:8000/v1; by default that of OPENAI_BASE_URL, else OpenAI's.
        prompts: a folder of prompts to use instead of the shipped ones.
        prompt_bytes: longest prompt; what was tried, then older parents are left out of one that is longer.
        keep_prompts: whether prompts and answers are kept in the run's folder.
        settings: see `Endpoint`: temperature, answer_tokens, timeout, attempts, input_price, output_price,
            extra.

    Attributes:
        bound: three calls of the longest prompt and the longest answer.
        trusted: nobody has read what it will write.
        identity: model, settings and the hash of the prompts.
        surroundings: where the model is served and how long it is waited for.
    """

    trusted = False

    def __init__(
        self,
        spec: Spec,  # noqa: ARG002 (it comes again with every request)
        model: str = "",
        base_url: str | None = None,
        prompts: str | None = None,
        prompt_bytes: int = PROMPT_BYTES,
        keep_prompts: bool = True,
        **settings: Any,
    ) -> None:
        self._writer = _Writer(Endpoint(model, base_url, **settings), Prompts.load(prompts), prompt_bytes)
        self._client = Client(self._writer.endpoint)
        self._keep = keep_prompts
        self.bound = self._writer.bound
        self.identity: Mapping[str, Any] = {
            "model": model,
            "prompts_sha256": self._writer.prompts.sha256,
            "prompt_bytes": prompt_bytes,
            **{name: value for name, value in settings.items() if name not in ("sleep", *SURROUNDINGS)},
        }
        endpoint = self._writer.endpoint
        self.surroundings: Mapping[str, Any] = {
            "base_url": endpoint.url,
            "timeout": endpoint.timeout,
            "attempts": endpoint.attempts,
            "keep_prompts": keep_prompts,
        }

    @classmethod
    def preview(cls, request: Request, context: Context, **settings: Any) -> Preview:
        """What would be sent for a request, and what it may cost; needs no key and no network.

        Args:
            request: which parents, and how.
            context: the parents themselves and the task.
            settings: as of the proposer.
        """
        of_prompts: dict[str, Any] = {"prompts": None, "prompt_bytes": PROMPT_BYTES}
        chosen = of_prompts | {name: settings[name] for name in of_prompts if name in settings}
        endpoint = {name: value for name, value in settings.items() if name not in {*of_prompts, "keep_prompts"}}
        prompts = Prompts.load(chosen["prompts"])
        writer = _Writer(Endpoint(**{"model": "unnamed", **endpoint}), prompts, chosen["prompt_bytes"])
        sent = [*writer.critique(request, context), writer.proposal(request, context, Account(writer.bound))]
        calls = [Exchange(tuple((m["role"], m["content"]) for m in messages)) for messages in sent]
        read = sum(len(content.encode()) // USUAL_BYTES for call in calls for _, content in call.messages)
        written = min(USUAL_ANSWER, writer.endpoint.answer_tokens) * len(calls)
        return Preview(tuple(calls), writer.endpoint.cost(read, written), writer.bound)

    def propose(self, request: Request, context: Context, rng: np.random.Generator) -> Proposal:
        """A program that the model wrote.

        Raises:
            ProposalError: the endpoint gave no answer, or no usable one after a repair; it says what was spent.
            ProposerUnavailableError: the endpoint refuses, and will refuse again.
        """
        account = Account(self.bound)
        first, second, third = (int(seed) for seed in rng.integers(2**31, size=CALLS))
        critique = ""
        try:
            critique = self._criticise(request, context, first, account)
            if critique:
                *older, last = context.parents
                context = replace(context, parents=(*older, replace(last, critique=critique)))
            source, summary = self._write(request, context, (second, third), account)
        except (ProposalError, ProposerUnavailableError) as error:
            error.critique = critique  # it was paid for
            error.exchanges = self._kept(account)
            raise
        return Proposal(source, summary, account.spent, critique, self._kept(account))

    def _kept(self, account: Account) -> tuple[Exchange, ...]:
        return tuple(account.exchanges) if self._keep else ()

    def _criticise(self, request: Request, context: Context, seed: int, account: Account) -> str:
        """A critique of the last parent, if one is wished for and there is none yet."""
        for messages in self._writer.critique(request, context):
            reply = self._client.ask(messages, seed, account)
            try:
                return _cut(read_critique(reply.text), CRITIQUE_BYTES)
            except AnswerError:  # reasoning without an end; the program can be written without a critique
                return ""
        return ""

    def _write(self, request: Request, context: Context, seeds: tuple[int, int], account: Account) -> tuple[str, str]:
        """A new program and its summary, repaired once if need be."""
        messages = self._writer.proposal(request, context, account)
        reply = self._client.ask(messages, seeds[0], account)
        try:
            return self._read(reply, context, account)
        except AnswerError as error:
            messages = self._writer.repair(messages, reply, str(error))
        reply = self._client.ask(messages, seeds[1], account)
        try:
            return self._read(reply, context, account)
        except AnswerError as error:
            advice = " Raise answer_tokens, or ask for less reasoning." if reply.cut else ""
            raise account.failure(
                f"The model's answer could not be used, also when asked again: {error}{advice}"
            ) from error

    def _read(self, reply: Reply, context: Context, account: Account) -> tuple[str, str]:
        """The program and the summary of a reply.

        Raises:
            AnswerError: it has none, and may be asked to repair that.
            ProposalError: it has none, and asking again is useless.
        """
        limit = self._writer.endpoint.answer_tokens
        if _only_reasoning(reply):
            where = f" (cut at answer_tokens={limit})" if reply.cut else ""
            raise account.failure(
                f"The model gave only reasoning and no answer{where}; raise answer_tokens, or turn its reasoning "
                "off or down with extra.",
                answered=False,
            )
        if not reply.text.strip() and reply.refusal:
            raise account.failure(f"The model refuses to answer: {quote(reply.refusal)}.")
        shown = {parent.program.id for parent in context.parents}

        def check(source: str) -> None:
            context.spec.check(source)
            if Program(source).id in shown:
                raise CandidateError(Status.INVALID, "it repeats one of the programs unchanged.")

        return read_answer(reply.text, check, limit if reply.cut else None)


class _Writer:
    """Writes the messages of each call, none longer than allowed.

    Attributes:
        endpoint: that they are for.
        prompts: that they are made of.
        bound: the most that the calls of one proposal may use up.
    """

    def __init__(self, endpoint: Endpoint, prompts: Prompts, prompt_bytes: int) -> None:
        self.endpoint, self.prompts, self._prompt_bytes = endpoint, prompts, prompt_bytes
        self._quoted = QUOTED * endpoint.answer_tokens
        longest = 4 * OVERHEAD + prompt_bytes + self._quoted + COMPLAINT  # a repair's messages
        self.bound: Spend = endpoint.cost(CALLS * longest, CALLS * endpoint.answer_tokens)

    def critique(self, request: Request, context: Context) -> list[list[Message]]:
        """The call for a critique of the last parent, in a list.

        The list is empty if none is wished for, if there is one already, or if it would be too long.
        """
        if CRITIQUE not in request.hints or not context.parents or context.parents[-1].critique:
            return []
        messages = self._chat(self.prompts.critique(context))
        return [messages] if self._fits(messages) else []

    def proposal(self, request: Request, context: Context, account: Account) -> list[Message]:
        """The call for a program, with as much of what was tried, and as many parents, as there is room for.

        Raises:
            ProposalError: there is no room for any.
        """
        count = len(context.parents)
        for shown, tried in [(count, True), *((fewer, False) for fewer in range(count, -1, -1))]:
            messages = self._chat(self.prompts.proposal(request, context, shown, tried))
            if self._fits(messages):
                return messages
        raise account.failure(f"The prompt exceeds {self._prompt_bytes:,} bytes without parents; raise prompt_bytes.")

    def repair(self, messages: list[Message], reply: Reply, problem: str) -> list[Message]:
        """The call for a usable answer, after one that was not."""
        return [
            *messages,
            {"role": "assistant", "content": _cut(reply.text, self._quoted) or "(nothing)"},
            {"role": "user", "content": _cut(clean(self.prompts.repair(problem)), COMPLAINT)},
        ]

    def _chat(self, prompt: str) -> list[Message]:
        system = self.prompts.texts["system"]
        return [{"role": "system", "content": clean(system)}, {"role": "user", "content": clean(prompt)}]

    def _fits(self, messages: list[Message]) -> bool:
        return sum(len(message["content"].encode()) for message in messages) <= self._prompt_bytes


def _only_reasoning(reply: Reply) -> bool:
    """Whether a model thought, and then said nothing."""
    if not reply.text.strip():
        return reply.reasoned or reply.cut
    try:
        return not without_reasoning(reply.text).strip()
    except AnswerError:
        return True


def _cut(text: str, size: int) -> str:
    """The first bytes of a text."""
    return text.encode(errors="replace")[:size].decode(errors="ignore")
