"""Simulators whose likelihood, posterior and evidence are known."""

import numpy as np
from scipy.special import betaln, gammaln
from scipy.stats import beta, binom, multivariate_normal, norm


class LinearGaussian:
    """theta ~ N(0, I), x ~ N(A theta, noise^2 I)."""

    def __init__(self, parameters=3, statistics=4, noise=0.7, seed=0):
        self.A = np.random.default_rng(seed).normal(size=(statistics, parameters))
        self.noise = noise

    def prior(self, rng, n):
        return rng.normal(size=(n, self.A.shape[1]))

    def log_prior(self, theta):
        return norm.logpdf(theta).sum(axis=1)

    def simulate(self, rng, theta):
        mean = theta @ self.A.T
        return mean + self.noise * rng.normal(size=mean.shape)

    def log_prob(self, x, theta, context=None):
        return norm.logpdf(x[:, None], (theta @ self.A.T)[None], self.noise).sum(axis=2)

    def log_evidence(self, x):
        covariance = self.A @ self.A.T + self.noise**2 * np.eye(len(self.A))
        return np.atleast_1d(multivariate_normal(cov=covariance).logpdf(x))

    def posterior(self, inflation=1.0):
        return GaussianPosterior(self, inflation)


class GaussianPosterior:
    """The linear Gaussian's posterior, or a wider one."""

    def __init__(self, model, inflation):
        precision = np.eye(model.A.shape[1]) + model.A.T @ model.A / model.noise**2
        self.covariance = np.linalg.inv(precision)
        self.gain = self.covariance @ model.A.T / model.noise**2
        self.covariance = inflation**2 * self.covariance

    def sample(self, x, n, seed, context=None):
        return np.random.default_rng(seed).multivariate_normal(self.gain @ x, self.covariance, n)

    def log_prob(self, theta, x, context=None):
        return np.atleast_1d(multivariate_normal(self.gain @ x, self.covariance).logpdf(theta))


class BetaBinomial:
    """theta ~ Beta(a, b), x ~ Binomial(c, theta), the number of trials c its context."""

    def __init__(self, a=2.0, b=3.0):
        self.a, self.b = a, b

    def prior(self, rng, n):
        return rng.beta(self.a, self.b, (n, 1))

    def log_prior(self, theta):
        return beta.logpdf(theta[:, 0], self.a, self.b)

    def log_prob(self, x, theta, context):
        return binom.logpmf(x, context, theta[:, 0])

    def log_evidence(self, x, context):
        k, n = x[:, 0], context[:, 0]
        choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        return choose + betaln(k + self.a, n - k + self.b) - betaln(self.a, self.b)


class WidePosterior:
    """A normal around the share of successes; it leaks out of [0, 1]."""

    sd = 0.3

    def sample(self, x, n, seed, context=None):
        return np.random.default_rng(seed).normal(x / context, self.sd, (n, 1))

    def log_prob(self, theta, x, context=None):
        return norm.logpdf(theta[:, 0], x / context, self.sd)
