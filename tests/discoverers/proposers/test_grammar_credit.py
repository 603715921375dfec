from dataclasses import replace

import numpy as np
import pytest

from zfbench.discoverers.proposers.grammar.credit import gene_credit
from zfbench.discoverers.proposers.grammar.genotype import default_genotype
from zfbench.discoverers.proposers.grammar.operators import replace_gene
from zfbench.discoverers.proposers.grammar.proposer import GrammarProposer
from zfbench.discoverers.proposers.grammar.render import parse, render
from zfbench.forecasting.seed import SEED_PROGRAM
from zfbench.protocols.proposer import Context
from zfbench.records.evaluation import Evaluation, Request, Scored
from zfbench.records.program import Program, Status
from zfbench.records.recordings import TaskSpec

SPEC = TaskSpec("toy", "", "", 1.0, 4, 4, ("a", "b"), ("A", "B"), ("x",))
START = default_genotype(SPEC)


def scored(genotype, loss, parent=None):
    parents = () if parent is None else (parent.program.id,)
    status = Status.ERROR if loss is None else Status.OK
    return Scored(Program(render(genotype), parents), Evaluation(status, loss))


ROOT = scored(START, 1.0)
WIDER = scored(START.with_gene("A", "width", 8), 0.5, ROOT)
GATED = scored(START.with_gene("A", "gate", "min"), 2.0, ROOT)
FAILED = scored(START.with_gene("B", "gate", "product"), None, ROOT)


def test_credit_is_the_posterior_mean_of_the_rate_of_success():
    credit = gene_credit((ROOT, WIDER, GATED, FAILED), SPEC)
    assert (credit["width"], credit["gate"], credit["form"]) == (2 / 3, 1 / 4, 1 / 2)


def test_parents_that_are_missing_failed_or_foreign_teach_nothing():
    foreign = Scored(Program(SEED_PROGRAM), Evaluation(Status.OK, 9.0))
    child = replace(WIDER, program=Program(WIDER.program.source, (foreign.program.id,)))
    grandchild = scored(START.with_gene("A", "width", 8).with_gene("B", "gate", "min"), 0.1, FAILED)
    stranger = scored(START.with_gene("B", "width", 8), 0.1, GATED)
    assert set(gene_credit((foreign, child, FAILED, grandchild, stranger), SPEC).values()) == {0.5}
    assert set(gene_credit((), SPEC).values()) == {0.5}


def test_genes_are_drawn_by_their_credit():
    rng = np.random.default_rng(0)
    genes = {"form": ("leak", "residual"), "gate": ("none", "min")}
    summaries = [replace_gene(START, genes, {}, {"form": 0.75, "gate": 0.25}, rng)[1] for _ in range(2_000)]
    share = np.mean(["form" in summary for summary in summaries])
    assert share == pytest.approx(0.75, abs=0.05)


def test_proposals_follow_what_helped_in_this_search():
    children = [
        scored(START.with_gene("A", "width", 8).with_gene("B", "gate", gate), 0.5, ROOT) for gate in ("min", "product")
    ]
    history = (
        ROOT,
        *(scored(START.with_gene(g, "form", f), 3.0, ROOT) for g in "AB" for f in ("residual",)),
        *children,
    )
    proposer, rng = GrammarProposer(SPEC), np.random.default_rng(0)

    def share_of_form(history):
        context, changed = Context(SPEC, (ROOT,), frozenset(), history), 0
        for k in range(600):
            genotype = parse(proposer.propose(Request(k, "mutate"), context, rng).source, SPEC)
            changed += any(block.form != "leak" for _, block in genotype.blocks)
        return changed / 600

    assert share_of_form(history) < share_of_form(()) - 0.03
