"""A small table made by hand: four slots, 54 programs, a known optimum, and one program that fails."""

from itertools import product

from zfbench.protocols.space import Slot
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Status
from zfbench.records.spend import Spend
from zfbench.tasks.zfish_table.family import EVALUATED_ON, TableFamily, public_file, sealed_file
from zfbench.tasks.zfish_table.sealed import Judgement, SealedTable
from zfbench.tasks.zfish_table.table import Facts, Table

NAME = "zfish-table/masked"
SLOTS = (
    Slot("unit", ("sigmoid", "linear", "tanh"), 1, ("AF",)),
    Slot("slope", ("fixed", "drive", "own"), 2, ("PT", "BG")),
    Slot("synapse", ("plain", "drive", "squared"), 1, ("MN",)),
    Slot("capacity", ("all", "true", "tanh", "relu"), 1),
)
CODES = tuple(product(range(3), range(3), range(3), range(2)))
TRUTH = (1, 2, 1, 1)
FAILS = (2, 2, 2, 1)


def loss(codes):
    """Half of what is wrong, weighed by slot; the third choice of the first slot beats the true one a little."""
    wrong = [0.30 * (codes[0] == 0), 0.2 * (codes[1] != 2), 0.1 * (codes[2] != 1), 0.05 * (codes[3] != 1)]
    return 0.1 + sum(wrong) - 0.004 * (codes[0] == 2) + 0.001 * codes[1] + 0.0001 * codes[2]


def evaluation(codes):
    if codes == FAILS:
        return Evaluation(Status.NON_FINITE, feedback="The loss is not finite.", spend=Spend(evaluations=1))
    value = loss(codes)
    metrics = {"mae": value / 10, "mae/condition/left": value / 9, "mae/condition/right": value / 11}
    metrics |= {"isolated_error": value / 3, "standardised_mse": value / 2, "balanced_error": value}
    metrics |= {f"blame_share/{group}": 0.1 + value * k for k, group in enumerate(("AF", "PT", "BG", "MN"))}
    return Evaluation(Status.OK, value, -100 * value, metrics, "told", Spend(evaluations=1))


def make_table():
    facts = Facts(
        task=EVALUATED_ON[NAME],
        data_sha256="1" * 64,
        benchmark_version=2,
        space="toy",
        versions={"space": 1},
        updates=400,
        seconds=300.0,
        libraries={"zfbench": "0"},
        command="made by hand",
        description="Four neurons.",
        contract="Define nothing.",
        groups=("AF", "PT", "PT", "BG", "MN"),
    )
    evaluations = tuple(evaluation(codes) for codes in CODES)
    found = {c: e.loss for c, e in zip(CODES, evaluations, strict=True)}
    noisy = {n: {c: found[c] and found[c] + 0.001 * n for c in CODES[::3]} for n in (2, 3)}
    full = {c: found[c] and found[c] / 2 for c in CODES[::2]}
    sources = {codes: f"# program {codes}\n" + "x = 1\n" * sum(codes) for codes in CODES}
    return Table(facts, SLOTS, sources, evaluations, noisy, full)


def judged(table):
    found = {}
    for codes, value in table.full.items():
        scores = (
            {} if value is None else {f"headline/{n}": 1 - value for n in ("generalisation", "wiring", "responses")}
        )
        scores |= {} if value is None else {"forecast/id/mae": value / 10, "forecast/ood/mae": value / 5}
        found[codes] = Judgement("ok" if value else "non_finite", scores, () if value else ("It is not finite.",))
    return SealedTable(table.sha256, {"headline": 1, "forecast": 1}, found)


def family(folder):
    """The family with the table and its judgements written into a folder."""
    table = make_table()
    table.write(public_file(folder, EVALUATED_ON[NAME]))
    judged(table).write(sealed_file(folder, EVALUATED_ON[NAME]))
    return TableFamily(folder)
