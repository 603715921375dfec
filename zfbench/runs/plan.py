"""Everything that defines a search: as a plan, in the header of its event log, and read back from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.protocols.task import SearchTask
from zfbench.records.limits import Limits, bound
from zfbench.records.reading import EVENT_LOG, run_name
from zfbench.records.result import MethodRecord, SearchOptions
from zfbench.records.spend import Spend
from zfbench.search import finals, population
from zfbench.search.budget import Budget
from zfbench.search.eventlog import Event, read_log
from zfbench.search.loop import PATIENCE

LOG, FINALS, BEST, RESULT = EVENT_LOG, "finals.jsonl", "best.py", "result.json"
POPULATION = population.FILE
EXTERNAL = "external"  # the proposer of a search whose programs come from a system that owns its search loop


@dataclass(frozen=True)
class Plan:
    """Everything that defines a search; equal plans give equal results.

    Attributes:
        task, discoverer, proposer: registered names; with the proposer `external`, the discoverer is the name of a
            system that owns its search loop.
        budget: budget of the search and its finals; its `updates` limits each candidate's training while screening.
        seed: seed of discoverer, proposer and the judge's training.
        limits: limits of full trainings: of the finalists, and of the winner before it is judged.
        settings: settings of the discoverer.
        proposer_settings: settings of the proposer.
        ideas: texts of which every request gets one, with any discoverer.
        finalists: number of the best programs that are trained at full length and ranked again before the best of them
            is judged; None for the default of `zfbench.search.finals.default_finalists`.
        patience: number of requests in a row without a new working program that ends the search.
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
    patience: int = PATIENCE

    @property
    def candidate(self) -> Limits:
        """Limits of each candidate's training while screening."""
        return Limits(
            updates=self.budget.updates or self.limits.updates,
            seconds=self.limits.seconds,
            memory_bytes=self.limits.memory_bytes,
        )

    @property
    def bound(self) -> Spend:
        """The largest possible spend of one evaluation while screening."""
        return bound(self.candidate)

    @property
    def final_count(self) -> int:
        """The number of finalists; 0 for an external system, which ranks its own programs."""
        if self.proposer == EXTERNAL:
            return 0
        return finals.default_finalists(self.budget) if self.finalists is None else self.finalists

    @property
    def budgets(self) -> tuple[Budget, Budget]:
        """The budgets of the screening and of the finals.

        Raises:
            ZfbenchError: the finals leave nothing to search with.
        """
        return finals.set_aside(self.budget, self.final_count, bound(self.limits))

    @property
    def writer(self) -> str:
        """The author of the programs, as sentences for people name it."""
        return f"the system '{self.discoverer}'" if self.proposer == EXTERNAL else f"the proposer '{self.proposer}'"

    @property
    def record(self) -> MethodRecord:
        """The record of the method, as far as it is known before the run."""
        return MethodRecord(
            name=self.discoverer,
            kind="search",
            settings=self.settings,
            proposer=self.proposer,
            proposer_settings=self.proposer_settings,
        )

    @property
    def name(self) -> str:
        """The name of the only file that may hold its result, without the ending."""
        return run_name(self.task, self.record, self.options, self.seed)

    @property
    def options(self) -> SearchOptions:
        """The options with which the harness runs it, as in its result."""
        return SearchOptions(
            budget=self.budget.to_json(),
            finalists=self.final_count,
            patience=self.patience,
            ideas=self.ideas,
        )

    def method_settings(self, surroundings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the proposer's settings without those of its surroundings, which do not define the method."""
        return {name: value for name, value in self.proposer_settings.items() if name not in surroundings}

    def elsewhere(self, settings: Mapping[str, Any]) -> Plan:
        """Return the same plan with other settings of the proposer's surroundings, such as another endpoint."""
        return replace(self, proposer_settings={**self.proposer_settings, **settings})

    def header(self, task: SearchTask, surroundings: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
        """Return the plan as in the header of its event log, with the hash of its data.

        The entry `budget`, which the log adds, is the part of the budget without the finals; `whole_budget` is that of
        the plan. The entry `surroundings` holds the settings that a resumed search may change, as given and as used.

        Args:
            task: task of the plan.
            surroundings: surroundings of the proposer, as `zfbench.protocols.proposer.Proposer` describes them.
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
        """Read the plan of the search in a folder.

        Raises:
            DamagedFileError: the event log is damaged, or was written by another version.
            ZfbenchError: the folder holds no search.
        """
        head = events(folder)[0].body
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
    """Read the event log of the search in a folder.

    Raises:
        DamagedFileError: the log is damaged.
        ZfbenchError: there is no search.
    """
    found = read_log(folder / LOG).events
    if not found:
        raise ZfbenchError(
            f"{folder} holds no search; check the path, or begin one with `zfbench run --task TASK --out {folder}`."
        )
    return found
