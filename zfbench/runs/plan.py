"""Everything that defines a search, as it is planned, written to the head of its event log, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.protocols.task import SearchTask
from zfbench.records.limits import Limits, bound
from zfbench.records.reading import run_name
from zfbench.records.result import MethodRecord, SearchOptions
from zfbench.records.spend import Spend
from zfbench.search import finals, population
from zfbench.search.budget import Budget
from zfbench.search.eventlog import Event, read_log
from zfbench.search.loop import PATIENCE

LOG, FINALS, BEST, RESULT = "log.jsonl", "finals.jsonl", "best.py", "result.json"
POPULATION = population.FILE
EXTERNAL = "external"  # the proposer of a search whose programs come from a system that owns its own loop


@dataclass(frozen=True)
class Plan:
    """Everything that defines a search; equal plans give equal results.

    Attributes:
        task, discoverer, proposer: registered names; with the proposer `guest`, the discoverer is the name that
            a system which owns its loop goes by.
        budget: of the search and its finals; its `updates` limits each candidate's training while screened.
        seed: of discoverer, proposer and trainings.
        limits: of full trainings: of the finalists, and of the winner before it is judged.
        settings: the discoverer's own.
        proposer_settings: the proposer's own.
        ideas: texts of which every request gets one, whatever the discoverer.
        finalists: how many of the best are trained at full length and ranked again before the judge sees one;
            None: see `zfbench.search.finals.default_finalists`.
        fast_path: screen programs through their proposer's interpreter where it has one for them; see
            `zfbench.forecasting.interpreter`. Finals and judge train the programs themselves.
        patience: end after so many requests in a row without a new working program.
    """

    task: str
    discoverer: str
    proposer: str
    budget: Budget
    seed: int
    limits: Limits = field(default_factory=Limits)
    settings: dict[str, Any] = field(default_factory=dict)
    proposer_settings: dict[str, Any] = field(default_factory=dict)
    ideas: tuple[str, ...] = ()
    finalists: int | None = None
    fast_path: bool = False
    patience: int = PATIENCE

    @property
    def candidate(self) -> Limits:
        """What each candidate's training may spend."""
        return Limits(
            updates=self.budget.updates or self.limits.updates,
            seconds=self.limits.seconds,
            memory_bytes=self.limits.memory_bytes,
        )

    @property
    def bound(self) -> Spend:
        """The most that one screening may use up."""
        return bound(self.candidate)

    @property
    def final_count(self) -> int:
        """How many finalists there are; a guest ranks its own."""
        if self.proposer == EXTERNAL:
            return 0
        return finals.default_finalists(self.budget) if self.finalists is None else self.finalists

    @property
    def budgets(self) -> tuple[Budget, Budget]:
        """Of the screening and of the finals.

        Raises:
            ZfbenchError: the finals leave nothing to search with.
        """
        return finals.set_aside(self.budget, self.final_count, bound(self.limits))

    @property
    def record(self) -> MethodRecord:
        """Who is judged, as far as it is known before the run."""
        return MethodRecord(
            name=self.discoverer,
            kind="search",
            settings=self.settings,
            proposer=self.proposer,
            proposer_settings=self.proposer_settings,
        )

    @property
    def name(self) -> str:
        """The name of the one file that may hold its result, without the ending."""
        return run_name(self.task, self.record, self.options, self.seed)

    @property
    def options(self) -> SearchOptions:
        """How the harness runs it, as its result says."""
        return SearchOptions(
            budget=self.budget.to_json(),
            finalists=self.final_count,
            patience=self.patience,
            ideas=self.ideas,
            fast_path=self.fast_path,
        )

    def method_settings(self, surroundings: Mapping[str, Any]) -> dict[str, Any]:
        """The proposer's settings without those that its surroundings name, which do not define the method."""
        return {name: value for name, value in self.proposer_settings.items() if name not in surroundings}

    def elsewhere(self, settings: Mapping[str, Any]) -> Plan:
        """The same plan with other settings of the proposer's surroundings, such as another endpoint."""
        return replace(self, proposer_settings={**self.proposer_settings, **settings})

    def header(self, task: SearchTask, surroundings: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
        """The plan as the first line of its event log holds it, with the data that it is for.

        The log's own entry `budget` is what is left for the search beside the finals; `whole_budget` is the plan's.
        The entry `surroundings` holds the settings that a resumed search may change, as given and as used.

        Args:
            task: of the plan.
            surroundings: of the proposer, see `zfbench.protocols.proposer.Proposer`.
        """
        plan = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "budget"}
        given = {name: value for name, value in self.proposer_settings.items() if name in surroundings}
        beside = {"surroundings": {"given": given, "used": dict(surroundings)}} if surroundings else {}
        return {
            **plan,
            **beside,
            "proposer_settings": self.method_settings(surroundings),
            "whole_budget": self.budget.to_json(),
            "limits": asdict(self.limits),
            "data_sha256": task.data_sha256,
            "candidate": asdict(self.candidate),
        }

    @classmethod
    def read(cls, folder: Path) -> Plan:
        """The plan of the search that a folder holds.

        Raises:
            DamagedFileError: the journal is damaged, or was written by another version.
            ZfbenchError: there is no search.
        """
        head = {"fast_path": False, **events(folder)[0].body}  # event logs of format 1 knew no other path
        try:
            plan = {f.name: head[f.name] for f in fields(cls)}
            return cls(
                **{
                    **plan,
                    "proposer_settings": head["proposer_settings"] | head.get("surroundings", {}).get("given", {}),
                    "ideas": tuple(head["ideas"]),
                    "budget": Budget(**head["whole_budget"]),
                    "limits": Limits(**head["limits"]),
                }
            )
        except (KeyError, TypeError) as error:
            raise DamagedFileError(
                f"{folder / LOG}, line 1 describes no search that this version knows ({error}); "
                "use the version that wrote it."
            ) from error


def events(folder: Path) -> tuple[Event, ...]:
    """The event log of the search that a folder holds.

    Raises:
        DamagedFileError: the log is damaged.
        ZfbenchError: there is no search.
    """
    found = read_log(folder / LOG).events
    if not found:
        raise ZfbenchError(f"{folder} holds no search; `zfbench run --out {folder}` begins one.")
    return found
