"""A task whose programs are neither trained nor run, so that whole searches take a moment."""

from dataclasses import replace
from types import SimpleNamespace

from llm_cases import SPEC

from zfbench.forecasting.contract import EXAMPLE
from zfbench.protocols.task import Evaluator
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Status
from zfbench.records.scores import Scores

TOY = replace(SPEC, name="toy")
SEED = EXAMPLE.replace("Each neuron", "Every neuron")


class ToyEvaluator(Evaluator):
    def __call__(self, program, seed):
        return Evaluation(Status.OK, int(program.id[:6], 16) / 2**24, 0.0, feedback="It errs.")


class ToyCandidate:
    report = None

    def __init__(self, source):
        self.source = source

    def close(self):
        pass


class ToyFamily:
    """A task whose programs are neither trained nor run."""

    def __init__(self):
        self.judged = []

    def names(self):
        return ("toy",)

    def load(self, name):
        return SimpleNamespace(spec=TOY, seed_program=SEED, data_sha256="0" * 64, reevaluate=False)

    def judge(self, name):
        sealed = SimpleNamespace(spec=TOY, track="", tier="", circuit="", holdout="", data_sha256="0" * 64)
        score = lambda model, progress, seed: Scores(metrics={"forecast/ood/mae": 0.5}, metric_versions={"forecast": 1})  # noqa: E731
        return SimpleNamespace(
            sealed=sealed,
            selection_score="forecast/validation/mae",
            controls={},
            score=score,
            score_generations=lambda generations: Scores(),
        )

    def evaluator(self, task, limits, sandbox):
        return ToyEvaluator()

    def candidate(self, task, source, seed, sandbox):
        self.judged.append(source)
        return ToyCandidate(source)

    def future_drive(self, task, baseline):
        return True

    def fit(self, task, model, limits):
        pass

    def selection_loss(self, task, model):
        return 0.5
