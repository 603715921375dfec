import jax
import numpy as np
from hypothesis import strategies as st

from zfbench.discoverers.proposers.grammar.genotype import (
    BLOCK_GENES,
    TRAINING_GENES,
    Block,
    Genotype,
    default_genotype,
)
from zfbench.records.recordings import TaskSpec

GROUPS = ("A", "A", "B", "C", "C", "B")
N, D, B = 6, 3, 5


def make_spec(D=D, masked=False):
    rng = np.random.default_rng(0)
    mask = drive_mask = None
    if masked:
        mask = rng.random((N, N)) < 0.4
        np.fill_diagonal(mask, [True, True, True, True, False, True])
        drive_mask = rng.random((N, D)) < 0.5
    neurons, drive = tuple(f"n{i}" for i in range(N)), tuple(f"d{i}" for i in range(D))
    return TaskSpec("toy", "", "", 1.0, 4, 4, neurons, GROUPS, drive, mask, drive_mask)


SPEC, MASKED, AUTONOMOUS = make_spec(), make_spec(masked=True), make_spec(D=0)

PLAIN = default_genotype(SPEC).with_gene("ABC", "form", "residual").with_gene("ABC", "nonlinearity", "identity")

blocks = st.builds(Block, **{gene: st.sampled_from(choices) for gene, choices in BLOCK_GENES.items()})
genotypes = st.builds(
    lambda blocks, loss, rate: Genotype(tuple(zip("ABC", blocks, strict=True)), loss, rate),
    st.tuples(blocks, blocks, blocks),
    st.sampled_from(TRAINING_GENES["loss"]),
    st.sampled_from(TRAINING_GENES["learning_rate"]),
)


def random_genotype(seed):
    rng = np.random.default_rng(seed)
    draw = lambda choices: choices[rng.integers(len(choices))]  # noqa: E731
    rows = [(g, Block(**{gene: draw(c) for gene, c in BLOCK_GENES.items()})) for g in "ABC"]
    return Genotype(tuple(rows), draw(TRAINING_GENES["loss"]), draw(TRAINING_GENES["learning_rate"]))


def load(source, spec):
    """The program's model and its training choice."""
    namespace = {"__name__": "candidate"}
    exec(compile(source, "candidate", "exec"), namespace)
    return namespace["Model"](spec=spec), namespace["training"]


def inputs(spec, seed=0):
    rng = np.random.default_rng(seed)
    activity = rng.uniform(-0.5, 1.5, (B, N)).astype(np.float32)
    return activity, rng.uniform(-0.5, 1.5, (B, len(spec.drive))).astype(np.float32)


def noisy(params, seed=0):
    """Parameters away from their zero beginnings, so that every path through the program carries."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda p: np.asarray(p) + rng.normal(0, 0.5, p.shape).astype(np.float32), params)
