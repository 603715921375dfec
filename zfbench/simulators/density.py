"""Densities estimated from simulations: neural likelihoods, neural posteriors and their TabPFN forms, all from sbi.

Neural likelihood estimation (NLE; Papamakarios, Sterratt & Murray 2019, arXiv 1805.07226) trains a masked
autoregressive flow on p(x | theta, c); neural posterior estimation (NPE; Greenberg, Nonnenmacher & Macke 2019, arXiv
1905.07488) trains one on p(theta | x, c). NPE-PFN and NLE-PFN (Vetter, Gloeckler, Gedon & Macke 2025, arXiv 2504.17660)
train nothing: a TabPFN regressor reads the simulations as its context and predicts one dimension after the other.

All seeds are explicit: torch's own generator is forked, and its state is restored afterwards. Torch uses one thread,
because these matrices are small and results must not depend on the number of cores. The generator belongs to the whole
process, so threads that call these functions at the same time wait for one another.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zfbench.base.errors import DensityError, ZfbenchError
from zfbench.scoring.arrays import finite

Array = NDArray[np.float64]

VERSION = 2  # of the training; increased when estimates can change, and part of the hash of a task's data
ROWS = 8_192  # pairs (x, theta) in one pass through a network, so that its layers stay in the processor's cache
PFN_ROWS = 2_000  # pairs in one pass through TabPFN
VALIDATION = 0.1  # share of the simulations on which the end of training is decided; sbi's default
LEAST_EPOCHS = 2  # sbi trains one epoch more than its setting, and refuses a setting of zero
PFN_CONTEXT = 10_000  # largest number of simulations that TabPFN can read

# Torch's generator and number of threads, standard output and warnings belong to the whole process.
_TORCH_LOCK = threading.RLock()


@dataclass(frozen=True)
class Training:
    """Limits of the training of a flow, and its size; all other settings are sbi's defaults.

    Attributes:
        epochs: largest number of epochs, at least two; the default is that of Wahl et al. (2026).
        patience: training ends after this number of epochs without a better validation loss.
        batch: simulations in one optimiser step.
        learning_rate: learning rate of Adam.
        hidden: units of each hidden layer.
        transforms: number of autoregressive layers.
    """

    epochs: int = 500
    patience: int = 20
    batch: int = 200
    learning_rate: float = 5e-4
    hidden: int = 50
    transforms: int = 5

    def steps(self, simulations: int) -> int:
        """Return the number of optimiser steps in an epoch of training on so many simulations.

        sbi sets a tenth of the simulations aside for validation and drops the last, smaller batch.
        """
        trained_on = simulations - int(VALIDATION * simulations)
        return trained_on // min(self.batch, trained_on)

    def within(self, updates: int, simulations: int, networks: int = 1) -> Training:
        """Return a copy whose epochs keep to a limit of updates, with two epochs at least (`LEAST_EPOCHS`).

        Args:
            updates: optimiser steps of all networks together.
            simulations: number of simulations that each network learns from.
            networks: number of networks that are trained.
        """
        epochs = updates // (networks * self.steps(simulations))
        return replace(self, epochs=min(max(epochs, LEAST_EPOCHS), self.epochs))


class LikelihoodEstimator:
    """An estimate of p(x | theta, c) that implements `zfbench.scoring.likelihood.Likelihood`."""

    def __init__(self, density: Any, size: tuple[int, int], rows: int = ROWS) -> None:
        """Wrap one of sbi's conditional density estimators.

        Args:
            density: sbi's density of x given theta and c side by side.
            size: (K, P + C), the numbers of columns of x and of theta with c.
            rows: number of pairs in one pass through the network.
        """
        self._density, self._size, self._rows = density, size, rows

    def log_prob(self, x: ArrayLike, theta: ArrayLike, context: ArrayLike | None = None) -> Array:
        """Return the log density of every observation under every parameter.

        Args:
            x: [M, K], observations.
            theta: [B, P], parameters.
            context: [M, C], the context of each observation; None where there is none.

        Returns:
            [M, B].

        Raises:
            ZfbenchError: a shape is not that of the fit, or a number is not finite.
        """
        import torch

        x = finite(x, "observation", ("observation", "statistic"))
        theta = finite(theta, "parameter", ("draw", "parameter"))
        M, B = len(x), len(theta)
        own = np.empty((M, 0)) if context is None else finite(context, "context", ("observation", "entry"))
        _check_width("x", x.shape[1], self._size[0])
        _check_width("theta with its context", theta.shape[1] + own.shape[1], self._size[1])
        log_density = np.empty((M, B))
        wide = max(min(B, self._rows), 1)  # draws in one pass
        high = max(self._rows // wide, 1)  # observations in one pass
        with _quiet_torch(), torch.no_grad():
            for top, left in product(range(0, M, high), range(0, B, wide)):
                rows, columns = slice(top, top + high), slice(left, left + wide)
                m, b = len(x[rows]), len(theta[columns])
                given = np.concatenate(
                    [np.tile(theta[columns], (m, 1)), np.repeat(own[rows], b, axis=0)], axis=1
                )  # [m b, P + C]
                pairs = _tensor(np.repeat(x[rows], b, axis=0))[None], _tensor(given)
                log_density[rows, columns] = self._density.log_prob(*pairs)[0].double().numpy().reshape(m, b)
        return log_density

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the state of a flow as arrays, from which `restore_likelihood` makes the estimator again."""
        state = {name: value.numpy() for name, value in self._density.state_dict().items()}
        return {"size": np.array(self._size), **state}


class PosteriorEstimator:
    """An estimate of p(theta | x, c) that implements `zfbench.scoring.likelihood.Posterior`."""

    def __init__(self, density: Any, size: tuple[int, int]) -> None:
        """Wrap one of sbi's conditional density estimators.

        Args:
            density: sbi's density of theta given x and c side by side, not truncated to the prior's support.
            size: (P, K + C), the numbers of columns of theta and of x with c.
        """
        self._density, self._size = density, size

    def sample(self, x: ArrayLike, n: int, seed: int, context: ArrayLike | None = None) -> Array:
        """Draw n parameters [n, P] given one observation.

        Args:
            x: [K], the observation.
            n: number of draws.
            seed: seed of the draws.
            context: [C], the context of the observation; None where there is none.
        """
        import torch

        with _quiet_torch(seed), torch.no_grad():
            drawn = self._density.sample((n,), self._given(x, context)[None])  # [n, 1, P]
        return drawn[:, 0].double().numpy()

    def log_prob(self, theta: ArrayLike, x: ArrayLike, context: ArrayLike | None = None) -> Array:
        """Return the log density [n] of parameters given one observation.

        Args:
            theta: [n, P], parameters.
            x: [K], the observation.
            context: [C], the context of the observation; None where there is none.
        """
        import torch

        theta = finite(theta, "parameter", ("draw", "parameter"))
        _check_width("theta", theta.shape[1], self._size[0])
        with _quiet_torch(), torch.no_grad():
            return self._density.log_prob(_tensor(theta)[:, None], self._given(x, context)[None])[:, 0].double().numpy()

    def _given(self, x: ArrayLike, context: ArrayLike | None) -> Any:
        parts = [finite(x, "observation", ("statistic",))]
        if context is not None:
            parts.append(finite(context, "context", ("entry",)))
        given = np.concatenate(parts)
        _check_width("x with its context", len(given), self._size[1])
        return _tensor(given)


def fit_likelihood(
    theta: ArrayLike, x: ArrayLike, seed: int, *, context: ArrayLike | None = None, training: Training | None = None
) -> LikelihoodEstimator:
    """Train a flow on p(x | theta, c): neural likelihood estimation (NLE).

    Args:
        theta: [n, P], parameters of the simulations.
        x: [n, K], results of the simulations.
        seed: seed of the initial weights, the permutations and the batches.
        context: [n, C], the context of each simulation; None where there is none.
        training: limits and sizes; by default those of `Training`.

    Returns:
        The trained estimator.

    Raises:
        DensityError: no density can be learned from these numbers, for example because they are too large.
        ZfbenchError: sbi is not installed, shapes disagree, or a simulation is not finite.
    """
    theta, x, context = _simulations(theta, x, context)
    given = theta if context is None else np.concatenate([theta, context], axis=1)
    return LikelihoodEstimator(_train("NLE", given, x, seed, training), (x.shape[1], given.shape[1]))


def fit_posterior(
    theta: ArrayLike, x: ArrayLike, seed: int, *, context: ArrayLike | None = None, training: Training | None = None
) -> PosteriorEstimator:
    """Train a flow on p(theta | x, c): neural posterior estimation (NPE).

    Args:
        theta: [n, P], parameters of the simulations.
        x: [n, K], results of the simulations.
        seed: seed of the initial weights, the permutations and the batches.
        context: [n, C], the context of each simulation; None where there is none.
        training: limits and sizes; by default those of `Training`.

    Returns:
        The trained estimator.

    Raises:
        DensityError: no density can be learned from these numbers, for example because they are too large.
        ZfbenchError: sbi is not installed, shapes disagree, or a simulation is not finite.
    """
    theta, x, context = _simulations(theta, x, context)
    given = x if context is None else np.concatenate([x, context], axis=1)
    return PosteriorEstimator(_train("NPE", theta, given, seed, training), (theta.shape[1], given.shape[1]))


def restore_likelihood(arrays: Mapping[str, NDArray[Any]], training: Training) -> LikelihoodEstimator:
    """Rebuild an estimator from the arrays that it returned.

    Args:
        arrays: the result of `LikelihoodEstimator.arrays`.
        training: the settings that it was trained with.

    Raises:
        ZfbenchError: sbi is not installed.
    """
    import torch

    K, P = (int(n) for n in arrays["size"])
    with _sbi():
        from sbi import neural_nets
    network = neural_nets.likelihood_nn("maf", hidden_features=training.hidden, num_transforms=training.transforms)
    with _quiet_torch(seed=0):
        density = network(torch.randn(10, P), torch.randn(10, K))  # its scales and weights are replaced
    density.load_state_dict({name: torch.as_tensor(value) for name, value in arrays.items() if name != "size"})
    return LikelihoodEstimator(density.eval(), (K, P))


def pfn_likelihood(theta: ArrayLike, x: ArrayLike, *, context: ArrayLike | None = None) -> LikelihoodEstimator:
    """Predict p(x | theta, c) from the simulations with TabPFN (NLE-PFN), without training.

    Args:
        theta: [n, P], parameters of the simulations, n at most 10,000.
        x: [n, K], results of the simulations.
        context: [n, C], the context of each simulation; None where there is none.

    Raises:
        DensityError: TabPFN refuses the simulations.
        ZfbenchError: sbi, tabpfn or its weights are missing, there are too many simulations, or shapes disagree.
    """
    theta, x, context = _simulations(theta, x, context)
    given = theta if context is None else np.concatenate([theta, context], axis=1)
    return LikelihoodEstimator(_pfn(x, given), (x.shape[1], given.shape[1]), PFN_ROWS)


def pfn_posterior(theta: ArrayLike, x: ArrayLike, *, context: ArrayLike | None = None) -> PosteriorEstimator:
    """Predict p(theta | x, c) from the simulations with TabPFN (NPE-PFN), without training.

    Args:
        theta: [n, P], parameters of the simulations, n at most 10,000.
        x: [n, K], results of the simulations.
        context: [n, C], the context of each simulation; None where there is none.

    Raises:
        DensityError: TabPFN refuses the simulations.
        ZfbenchError: sbi, tabpfn or its weights are missing, there are too many simulations, or shapes disagree.
    """
    theta, x, context = _simulations(theta, x, context)
    given = x if context is None else np.concatenate([x, context], axis=1)
    return PosteriorEstimator(_pfn(theta, given), (theta.shape[1], given.shape[1]))


def _train(method: str, theta: Array, x: Array, seed: int, training: Training | None) -> Any:
    """Train sbi's NLE or NPE; `theta` and `x` are the parameters and observations in sbi's sense."""
    limits = training or Training()
    with _sbi():
        from sbi import inference, neural_nets
    builder = {"NLE": neural_nets.likelihood_nn, "NPE": neural_nets.posterior_nn}[method]
    network = builder("maf", hidden_features=limits.hidden, num_transforms=limits.transforms)
    with _quiet_torch(seed):
        trainer = getattr(inference, method)(density_estimator=network, tracker=_NoTracker(), show_progress_bars=False)
        try:
            trainer.append_simulations(_tensor(theta), _tensor(x))
            density = trainer.train(
                training_batch_size=limits.batch,
                learning_rate=limits.learning_rate,
                stop_after_epochs=limits.patience,
                validation_fraction=VALIDATION,
                max_num_epochs=max(limits.epochs, LEAST_EPOCHS) - 1,
            )
        except (ValueError, AssertionError) as error:  # how sbi refuses numbers and losses that are not finite
            raise DensityError(
                f"No density can be learned from these simulations ({_first_line(error)}); keep their numbers within "
                "the range of float32 and let each of them vary."
            ) from error
        return density.eval()


def _pfn(inputs: Array, given: Array) -> Any:
    """Return the TabPFN density of inputs [n, K] given [n, P], with the simulations as its context."""
    with _sbi():
        from sbi.neural_nets.estimators.tabpfn_flow import TabPFNFlow
    if importlib.util.find_spec("tabpfn") is None:
        raise ZfbenchError("NLE-PFN and NPE-PFN need tabpfn; install 'sbi[tabpfn]', or use NLE and NPE.")
    import torch

    if len(inputs) > PFN_CONTEXT:
        raise ZfbenchError(f"TabPFN reads at most {PFN_CONTEXT:,} simulations, not {len(inputs):,}; give it fewer.")
    shapes = torch.Size(inputs.shape[1:]), torch.Size(given.shape[1:])
    with _quiet_torch():
        try:
            density = TabPFNFlow(*shapes).set_context(_tensor(inputs), _tensor(given))
            density.log_prob(_tensor(inputs[:1])[None], _tensor(given[:1]))
        except _tabpfn_failures() as error:  # weights are fetched on first use
            if isinstance(error, ValueError) and not isinstance(error, OSError):  # what a file lacks may be both
                raise DensityError(f"TabPFN refuses these simulations ({_first_line(error)}).") from error
            raise ZfbenchError(
                f"TabPFN cannot be used here ({_first_line(error)}); install it, accept its licence and fetch its "
                "weights once, or use NLE and NPE."
            ) from error
    return density


def _tabpfn_failures() -> tuple[type[Exception], ...]:
    """Return the errors that TabPFN raises where it, or its weights, are missing, restricted or damaged."""
    failures: tuple[type[Exception], ...] = (ImportError, OSError, RuntimeError, ValueError)
    with contextlib.suppress(ImportError):
        from tabpfn.errors import TabPFNError

        failures += (TabPFNError,)
    return failures


class _NoTracker:
    """A tracker that writes nothing, so that sbi leaves no logs in the working directory."""

    log_dir = None

    def log_metric(self, *_: Any, **__: Any) -> None:
        """Ignore the metric."""

    log_metrics = log_params = add_figure = flush = log_metric


@contextlib.contextmanager
def _sbi() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise ZfbenchError(
            f"Likelihoods estimated from simulations need sbi ({error}); install zfbench[inference]."
        ) from error


@contextlib.contextmanager
def _quiet_torch(seed: int | None = None) -> Iterator[None]:
    """Use one torch thread and print nothing; admit one caller at a time.

    With a seed, torch's generator is forked and seeded.
    """
    import torch

    with contextlib.ExitStack() as held:
        held.enter_context(_TORCH_LOCK)
        held.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(1)
        held.enter_context(contextlib.redirect_stdout(io.StringIO()))  # sbi prints when training converged
        held.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # sbi warns when training reaches the limit of epochs, which is intended here
        if seed is not None:
            held.enter_context(torch.random.fork_rng(devices=[]))
            torch.manual_seed(seed)
        yield


def _simulations(theta: ArrayLike, x: ArrayLike, context: ArrayLike | None) -> tuple[Array, Array, Array | None]:
    theta = finite(theta, "parameter", ("simulation", "parameter"))
    x = finite(x, "simulation", ("simulation", "statistic"))
    own = None if context is None else finite(context, "context", ("simulation", "entry"))
    if len(theta) != len(x) or (own is not None and len(own) != len(x)):
        raise ZfbenchError(
            f"There are {len(theta)} parameters for {len(x)} simulations; give one row of each for each."
        )
    return theta, x, own


def _check_width(what: str, width: int, expected: int) -> None:
    if width != expected:
        raise ZfbenchError(f"The estimate was fitted to {expected} columns of {what}, but got {width}; give the same.")


def _tensor(values: Array) -> Any:
    import torch

    return torch.as_tensor(values, dtype=torch.float32)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
