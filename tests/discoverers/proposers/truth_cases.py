"""The published circuit's constants as parameters of programs of the rate family."""

import jax
import numpy as np

from zfbench.discoverers.proposers.rate.render import render
from zfbench.discoverers.proposers.rate.truth import integrators, true_genotype
from zfbench.testbed.published import published


def true_parameters(circuit, reads):
    """Every number of the true genotype's program, by its name there, float64.

    The circuit subtracts a bias that the drive moves; in the program that is a negative weight of the drive. An
    integrator has rate 1/2 here, and slope 2 makes up for it.

    Args:
        circuit: the circuit.
        reads: which inputs each neuron of the program reads, [N, N + D].
    """
    N, D = circuit.size
    gated = sorted({i for gate in circuit.gates for i in range(N) if circuit.groups[i] == circuit.groups[gate.target]})
    read = [0, *(j for j in range(1, N) if reads[gated, j].any())]
    gain = np.zeros((len(gated), len(read), len(read)))
    for gate in circuit.gates:
        pair = sorted((read.index(gate.p), read.index(gate.q)))
        gain[gated.index(gate.target), *pair] = gate.gain
    integrates = integrators(circuit)
    weights = circuit.weights * ~(np.eye(N, dtype=bool) & integrates)
    scaled = np.zeros((N, N, D))
    for m in circuit.modulations:
        scaled[m.target, m.source, m.channel] += m.coefficient
    groups = {circuit.groups[m.target] for m in circuit.modulations}
    linear = np.array([kind == "linear" for kind in circuit.kinds])
    alpha = np.where(integrates, 0.5, circuit.alpha)
    return {
        "weights": np.concatenate([weights, circuit.drive_weights - circuit.bias_drive], axis=1),
        "scaled_by_drive": scaled[[group in groups for group in circuit.groups]],
        "gate_min": gain,
        "slope": np.where(integrates, 2.0, np.where(linear, 1.0, circuit.omega)),
        "slope_drive": circuit.omega_drive,
        "bias": circuit.bias,
        "rate": np.log(alpha / (1 - alpha)),
        "rate_drive": circuit.leak_drive,
        "reset_drive": circuit.reset_drive,
    }


def rendered(spec, dtype, genotype=None, constants=true_parameters):
    """A genotype as a module, and constants as its parameters.

    Args:
        spec: the task.
        dtype: of the constants.
        genotype: the published circuit's if None.
        constants: from the circuit and what each neuron reads [N, N + D], every number by its name.
    """
    source = render(true_genotype(published(), spec) if genotype is None else genotype)
    namespace = {"__name__": "candidate"}
    exec(compile(source, "candidate", "exec"), namespace)
    model = namespace["Model"](spec=spec)
    known = constants(published(), model.reads())
    silent = np.zeros((1, len(spec.neurons))), np.zeros((1, len(spec.drive)))
    begun = jax.eval_shape(lambda: model.init(jax.random.key(0), (), *silent))["params"]
    for name, tree in begun.items():
        assert tree["values"].shape == known[name].shape, name
    return model, {name: {"values": known[name].astype(dtype)} for name in begun}


def free_run(model, params, activity, drive):
    """The activity that follows, for each step of the drive [B, H, D]."""

    def step(activity, drive):
        following = model.apply({"params": params}, (), activity, drive)[1]
        return following, following

    return np.asarray(jax.jit(lambda a, x: jax.lax.scan(step, a, x)[1])(activity, drive.swapaxes(0, 1))).swapaxes(0, 1)
