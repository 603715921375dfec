"""The Flax networks beside neuralforecast's: the same function of the same weights, and as good after training.

neuralforecast's networks are used with their normalisation layers inside the blocks taken out, as in ZAPBench's
configuration.
"""

from functools import partial

import numpy as np
import pytest

nf = pytest.importorskip("neuralforecast.models", reason="the extra `crosscheck` is not installed")
torch = pytest.importorskip("torch")

import jax  # noqa: E402
from flax.traverse_util import flatten_dict  # noqa: E402

from zfbench.baselines import tide, tsmixer  # noqa: E402
from zfbench.baselines.direct import LEARNING_RATE, WEIGHT_DECAY, DirectMethod  # noqa: E402
from zfbench.baselines.nlinear import NLinear, nlinear_c256  # noqa: E402
from zfbench.baselines.tide import TiDE, tide_driven_c256  # noqa: E402
from zfbench.baselines.tsmixer import TSMixer, TSMixerExt, tsmixer_c256, tsmixer_driven_c256  # noqa: E402
from zfbench.records.limits import Limits  # noqa: E402
from zfbench.runs.tasks import load_judge  # noqa: E402

pytestmark = pytest.mark.torch


class TheirNLinear(torch.nn.Module):
    """All neurons as series of one univariate network."""

    def __init__(self, N, D, C, H):
        super().__init__()
        self.net = nf.NLinear(h=H, input_size=C)

    def forward(self, past, drive):
        B, C, N = past.shape
        series = past.permute(0, 2, 1).reshape(B * N, C, 1)
        return self.net({"insample_y": series}).reshape(B, N, -1).permute(0, 2, 1)


class TheirTiDE(torch.nn.Module):
    def __init__(self, N, D, C, H):
        super().__init__()
        names = [f"x{d}" for d in range(D)]
        self.net = nf.TiDE(
            h=H, input_size=C, hidden_size=tide.HIDDEN, decoder_output_dim=tide.DECODER_DIM, dropout=0.0,
            temporal_decoder_dim=tide.TEMPORAL_DECODER_HIDDEN, layernorm=False, temporal_width=tide.COVARIATE_DIM,
            futr_exog_list=names, stat_exog_list=[f"s{n}" for n in range(N)],
        )  # fmt: skip

    def forward(self, past, drive):
        B, C, N = past.shape
        batch = {
            "insample_y": past.permute(0, 2, 1).reshape(B * N, C, 1),
            "hist_exog": None,
            "futr_exog": drive.repeat_interleave(N, dim=0),
            "stat_exog": torch.eye(N).repeat(B, 1),
        }
        return self.net(batch).reshape(B, N, -1).permute(0, 2, 1)


class TheirTSMixer(torch.nn.Module):
    def __init__(self, N, D, C, H, hidden=tsmixer.HIDDEN_C256):
        super().__init__()
        self.net = nf.TSMixer(h=H, input_size=C, n_series=N, n_block=2, ff_dim=hidden, dropout=0.0, revin=True)
        for layer in self.net.mixing_layers:
            layer.temporal_mixer.temporal_norm = layer.feature_mixer.feature_norm = torch.nn.Identity()

    def forward(self, past, drive):
        return self.net({"insample_y": past})


class TheirTSMixerx(torch.nn.Module):
    def __init__(self, N, D, C, H, hidden=tsmixer.HIDDEN_DRIVEN):
        super().__init__()
        self.net = nf.TSMixerx(
            h=H, input_size=C, n_series=N, n_block=1, ff_dim=hidden, dropout=0.0, revin=False,
            futr_exog_list=[f"x{d}" for d in range(D)],
        )  # fmt: skip
        for module in self.net.modules():
            for name in ("temporal_norm", "feature_norm"):
                if hasattr(module, name):
                    setattr(module, name, torch.nn.Identity())

    def forward(self, past, drive):
        N = past.shape[2]
        exogenous = drive.permute(0, 2, 1)[..., None].expand(-1, -1, -1, N)  # [B, F, L + h, N]
        return self.net({"insample_y": past, "hist_exog": None, "futr_exog": exogenous, "stat_exog": None})


class Copy:
    """Sets torch layers to the weights of Flax layers."""

    def __init__(self, params):
        self.weights = {name: np.asarray(value) for name, value in flatten_dict(params["params"], sep="/").items()}

    def dense(self, layer, name, kernel=None):
        kernel = self.weights[f"{name}/kernel"] if kernel is None else kernel
        with torch.no_grad():
            layer.weight.copy_(torch.as_tensor(kernel.T.copy()))
            layer.bias.copy_(torch.as_tensor(self.weights[f"{name}/bias"]))


def copy_nlinear(theirs, copy, N, D, C, H):
    copy.dense(theirs.net.linear, "Dense_0")


def copy_tide(theirs, copy, N, D, C, H):
    def stacked(prefix, *order):
        return np.concatenate([copy.weights[f"{prefix}_{k}/kernel"] for k in order])

    def block(module, name, *order):
        copy.dense(module.lin1, f"{name}/first_0", stacked(f"{name}/first", *order))
        copy.dense(module.skip, f"{name}/skip_0", stacked(f"{name}/skip", *order))
        copy.dense(module.lin2, f"{name}/second_0")

    block(theirs.net.futr_exog_projection, "feature_projection", 0)
    block(theirs.net.dense_encoder[0], "encoder", 0, 2, 1)  # theirs reads: lookback, covariates, attributes
    block(theirs.net.dense_decoder[0], "decoder", 0)
    block(theirs.net.temporal_decoder, "temporal_decoder", 0, 1)
    copy.dense(theirs.net.global_skip, "lookback_skip_0")


def copy_tsmixer(theirs, copy, N, D, C, H):
    for k, layer in enumerate(theirs.net.mixing_layers):
        copy.dense(layer.temporal_mixer.temporal_lin, f"TimeMix_{k}/Dense_0")
        copy.dense(layer.feature_mixer.feature_lin_1, f"FeatureMix_{k}/first")
        copy.dense(layer.feature_mixer.feature_lin_2, f"FeatureMix_{k}/second")
    copy.dense(theirs.net.out, "temporal_projection")


def copy_tsmixer_ext(theirs, copy, N, D, C, H):
    def mixer(module, name, spread=lambda kernel: kernel):
        copy.dense(module.feature_lin_1, f"{name}/first", spread(copy.weights[f"{name}/first/kernel"]))
        copy.dense(module.feature_lin_2, f"{name}/second")
        if module.linear_project_residual:
            copy.dense(module.project_residual, f"{name}/skip", spread(copy.weights[f"{name}/skip/kernel"]))

    def once(kernel):  # theirs has a copy of every drive channel for each neuron: the first gets the weight
        wide = np.zeros((len(kernel), N, kernel.shape[1]), np.float32)
        wide[:, 0] = kernel
        return wide.reshape(-1, kernel.shape[1])

    copy.dense(theirs.net.temporal_projection, "temporal_projection")
    mixer(theirs.net.feature_mixer_hist, "history", lambda k: np.concatenate([k[:N], once(k[N:])]))
    mixer(theirs.net.feature_mixer_futr, "future", once)
    for k, layer in enumerate([theirs.net.first_mixing, *theirs.net.mixing_block]):
        copy.dense(layer.temporal_mixer.temporal_lin, f"TimeMix_{k}/Dense_0")
        mixer(layer.feature_mixer, f"FeatureMix_{k}")
    copy.dense(theirs.net.out, "output")


@pytest.mark.parametrize(
    ("ours", "theirs", "copy_weights"),
    [
        (NLinear, TheirNLinear, copy_nlinear),
        (partial(TiDE, driven=True), TheirTiDE, copy_tide),
        (partial(TSMixer, hidden=12, instance_norm=True), partial(TheirTSMixer, hidden=12), copy_tsmixer),
        (partial(TSMixerExt, hidden=12), partial(TheirTSMixerx, hidden=12), copy_tsmixer_ext),
    ],
    ids=["nlinear", "tide", "tsmixer", "tsmixer_ext"],
)
def test_equal_weights_give_equal_forecasts(ours, theirs, copy_weights):
    B, N, D, C, H = 3, 5, 2, 8, 6
    rng = np.random.default_rng(0)
    past = rng.normal(size=(B, C, N)).astype(np.float32)
    drive = rng.normal(size=(B, C + H, D)).astype(np.float32)
    network = ours(H)
    params = network.init(jax.random.key(0), past, drive)
    params = jax.tree.map(lambda w: w + 0.1 * rng.normal(size=w.shape).astype(np.float32), params)  # no zero biases
    if "gain" in params["params"]:
        params["params"] |= {"gain": np.ones(N, np.float32), "shift": np.zeros(N, np.float32)}
    twin = theirs(N, D, C, H).eval()
    copy_weights(twin, Copy(params), N, D, C, H)
    with torch.no_grad():
        expected = twin(torch.as_tensor(past), torch.as_tensor(drive)).numpy()
    np.testing.assert_allclose(network.apply(params, past, drive), expected, atol=2e-4, rtol=1e-4)


SEEDS, UPDATES = (0, 1, 2), 200


def train_theirs(network, task, method: DirectMethod, seed):
    """The same recipe in torch: windows at random, MAE, AdamW at the same rate, the same number of updates."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    C, H = method.context, task.spec.horizon
    net = network(len(task.spec.neurons), len(task.spec.drive), C, H).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    for _ in range(UPDATES):
        chosen = [(r, rng.integers(len(r.activity) - C - H + 1)) for r in rng.choice(task.train, method.batch)]
        window = torch.as_tensor(np.stack([r.activity[s : s + C + H] for r, s in chosen]))
        drive = torch.as_tensor(np.stack([r.drive[s : s + C + H] for r, s in chosen]))
        optimiser.zero_grad()
        (net(window[:, :C], drive) - window[:, C:]).abs().mean().backward()
        optimiser.step()
    return net.eval()


@pytest.mark.slow
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize(
    ("method", "theirs", "alike"),
    [
        (nlinear_c256, TheirNLinear, True),
        (tsmixer_c256, TheirTSMixer, True),
        (tsmixer_driven_c256, TheirTSMixerx, False),
        (tide_driven_c256, TheirTiDE, True),
    ],
    ids=["nlinear", "tsmixer", "tsmixer_driven", "tide_driven"],
)
def test_both_are_equally_good_after_the_same_training(method, theirs, alike, driven, record_property):
    """TSMixer-Ext: theirs has other weights to train (a copy of the drive for each neuron); ours must be no worse."""
    test = load_judge("zfish-tiny/driven").sealed.test
    past, drive = test.inputs.context[:, -method.context :], test.inputs.drive
    our_errors, their_errors = [], []
    for seed in SEEDS:
        model = method(driven, seed)
        model.fit(driven.train, driven.validation, Limits(updates=UPDATES, seconds=1_000))
        our_errors.append(float(np.abs(model.forecast(past, drive) - test.target).mean()))
        net = train_theirs(theirs, driven, method, seed)
        with torch.no_grad():
            forecast = net(torch.as_tensor(past), torch.as_tensor(drive)).numpy()
        their_errors.append(float(np.abs(forecast - test.target).mean()))
    record_property("ours", our_errors)
    record_property("theirs", their_errors)
    print(method, "ours", np.round(our_errors, 4), "theirs", np.round(their_errors, 4))  # noqa: T201
    spread = max(np.std(our_errors, ddof=1), np.std(their_errors, ddof=1))
    worse = np.mean(our_errors) - np.mean(their_errors)
    assert (abs(worse) if alike else worse) <= 2 * spread
