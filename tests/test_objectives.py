"""Every objective against its naive loss and finite differences, and against scikit-learn's MLP."""

import itertools

import numba
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import naive
from sklearn_sda._corruption import Corruption
from sklearn_sda._kernels.pointwise import ACTIVATIONS, LOSSES
from sklearn_sda._kernels.steps import AHEAD, train_layer, train_samples
from sklearn_sda._objectives import Network, Reconstruction
from sklearn_sda._optimizers import SGD, Adam
from sklearn_sda._threads import Team, one_thread

RNG_SEED = 0
LAYER_LOSSES = ["cross_entropy", "squared_error"]


def finite_differences(function, parameters, step=1e-5):
    """Central differences of a function of no arguments with respect to arrays that it reads."""
    gradients = []
    for parameter in parameters:
        gradient = np.empty_like(parameter)
        for index in np.ndindex(parameter.shape):
            value = parameter[index]
            parameter[index] = value + step
            above = function()
            parameter[index] = value - step
            below = function()
            parameter[index] = value
            gradient[index] = (above - below) / (2 * step)
        gradients.append(gradient)
    return gradients


SCHEDULE = {"learning_rate": "constant", "power_t": 0.5}


def plain_step(objective, rows, position, rate):
    """Take one step of plain gradient descent and return the loss per sample."""
    sgd = SGD(
        objective.parameters, learning_rate_init=rate, momentum=0.0, nesterovs_momentum=False, **SCHEDULE
    )
    return objective.step(rows, position, sgd) / len(rows)


def loss_of(objective, rows, position=7):
    """Return the loss per sample; parameters stay as they are."""
    return plain_step(objective, rows, position, 0.0)


def gradients_of(objective, rows, position=7):
    """Return the gradients: what a step of rate 1 subtracts."""
    before = [parameter.copy() for parameter in objective.parameters]
    plain_step(objective, rows, position, 1.0)
    gradients = [start - now for start, now in zip(before, objective.parameters, strict=True)]
    for parameter, start in zip(objective.parameters, before, strict=True):
        parameter[...] = start
    return gradients


def check_gradient(objective, rows):
    """Compare an objective's gradient with finite differences of its own loss."""
    gradients = gradients_of(objective, rows)
    expected = finite_differences(lambda: loss_of(objective, rows), objective.parameters)
    for gradient, difference in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, difference, rtol=1e-5, atol=1e-7)


def make_reconstruction(
    activation, loss, tied, *, level=0.3, alpha=0.1, batch_size=6, sizes=(5, 3), dtype="float64",
    emphasis=None, supervision=0.0, n_samples=11, **options,
):  # fmt: skip
    rng = np.random.RandomState(RNG_SEED)
    X = rng.uniform(size=(n_samples, sizes[0]))
    shapes = [sizes, sizes[1], sizes[0]] + ([] if tied else [sizes[::-1]])
    if supervision:
        shapes += [(sizes[1], 3), 3]

        def write_targets(rows, out):
            out[...] = np.eye(3)[rows % 3]

        options.update(supervision=supervision, write_targets=write_targets)
    objective = Reconstruction(
        X,
        [rng.standard_normal(shape).astype(dtype) for shape in shapes],
        activation=activation,
        loss=loss,
        corruption=make_corruption("masking", level, sizes[0], dtype, emphasis=emphasis),
        tied=tied,
        alpha=alpha,
        batch_size=batch_size,
        **options,
    )
    return X, objective


LABELS = np.eye(3)[np.arange(11) % 3]


def make_corruption(kinds, levels, n_features, dtype="float64", **options):
    kinds, levels = ([value] if not isinstance(value, list) else value for value in (kinds, levels))
    return Corruption(kinds, levels, seed=3, dtype=np.dtype(dtype), n_features=n_features, **options)


def make_supervised(
    activations, loss, alpha=0.1, batch_size=6, sizes=(5, 4, 5, 6), dtype="float64", dropout=None,
    n_samples=11, **options,
):  # fmt: skip
    rng = np.random.RandomState(RNG_SEED)
    X = rng.uniform(size=(n_samples, sizes[0]))
    parameters = [
        rng.standard_normal(shape).astype(dtype)
        for fan_in, fan_out in itertools.pairwise([*sizes[: len(activations) + 1], 3])
        for shape in ((fan_in, fan_out), fan_out)
    ]
    T = rng.uniform(0.1, 1, size=(n_samples, 3))
    T /= T.sum(axis=1, keepdims=True)

    def write_targets(rows, out):
        out[...] = T[rows]

    objective = Network(
        X,
        write_targets,
        parameters,
        activations=activations,
        loss=loss,
        alpha=alpha,
        batch_size=batch_size,
        dropout=dropout,
        seeds=None if dropout is None else list(range(40, 40 + len(dropout))),
        **options,
    )
    return X, T, objective


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("loss", LAYER_LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_reconstruction_gradient(activation, loss, tied):
    _, objective = make_reconstruction(activation, loss, tied)
    check_gradient(objective, np.array([3, 0, 10, 7]))


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("loss", LAYER_LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_reconstruction_loss(activation, loss, tied):
    # the loss compares with the clean sample, penalises coefficients only, and is a mean
    X, objective = make_reconstruction(activation, loss, tied)
    rows = np.array([3, 0, 10, 7])
    X_tilde = naive.masking(X[rows], 0.3, None, None, 3, 7)
    assert (X_tilde == 0).any()
    W, b, b_prime, *W_prime = objective.parameters
    expected = naive.reconstruction_loss(
        X[rows], X_tilde, W, b, b_prime, W_prime[0] if W_prime else None, activation, loss, 0.1
    )
    np.testing.assert_allclose(loss_of(objective, rows), expected, rtol=1e-12)


EVERY_PENALTY = (0.3, 0.2, 0.1, 0.4)


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("loss", LAYER_LOSSES)
@pytest.mark.parametrize(
    "options",
    [
        {"emphasis": (1, 0.5)},
        {"emphasis": (2, 0)},
        {"penalties": (0.3, 0, 0.5, 0)},
        {"penalties": (0, 0.2, 0.1, 0)},
        {"penalties": (0, 0, 0.5, 0.4), "alpha": 0},
        {"supervision": 0.25},
        {"supervision": 1.0},
        {"emphasis": (1, 0.5), "penalties": EVERY_PENALTY, "supervision": 0.6},
    ],
    ids=str,
)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_variants_of_the_layers_loss(activation, options, loss, tied):
    options = {"alpha": 0.1, "penalties": (0, 0, 0.5, 0), **options}
    if activation != "logistic":  # the divergence is one of probabilities
        l1, _, *others = options["penalties"]
        options["penalties"] = (l1, 0, *others)
    X, objective = make_reconstruction(activation, loss, tied, **options)
    rows = np.array([3, 0, 10, 7])
    chosen = naive.chosen(X[rows].shape, 0.3, 3, 7)
    assert 0 < chosen.sum() < chosen.size
    W, b, b_prime, *others = objective.parameters
    high, low = options.get("emphasis", (1, 1))
    expected = naive.reconstruction_loss(
        X[rows], np.where(chosen, 0, X[rows]), W, b, b_prime, None if tied else others[0], activation, loss,
        options["alpha"], emphasis=np.where(chosen, high, low), penalties=options["penalties"],
        T=LABELS[rows] if "supervision" in options else None, output=others[-2:],
        supervision=options.get("supervision", 0),
    )  # fmt: skip
    np.testing.assert_allclose(loss_of(objective, rows), expected, rtol=1e-12)
    check_gradient(objective, rows)


WEIGHTS = np.linspace(0, 3, 11)[::-1]


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("supervision", [0, 0.6])
@pytest.mark.parametrize("loss", LAYER_LOSSES)
def test_weights_of_samples_in_the_layers_loss(loss, supervision, tied):
    labelled = np.arange(11) != 3
    options = {"penalties": EVERY_PENALTY, "weights": WEIGHTS, "emphasis": (1, 0.5)}
    if supervision:
        options.update(supervision=supervision, labelled=labelled)
    X, objective = make_reconstruction("logistic", loss, tied, **options)
    rows = np.array([3, 0, 10, 7])
    chosen = naive.chosen(X[rows].shape, 0.3, 3, 7)
    W, b, b_prime, *others = objective.parameters
    expected = naive.reconstruction_loss(
        X[rows], np.where(chosen, 0, X[rows]), W, b, b_prime, None if tied else others[0], "logistic", loss,
        0.1, emphasis=np.where(chosen, 1, 0.5), penalties=EVERY_PENALTY,
        T=LABELS[rows] if supervision else None, output=others[-2:], supervision=supervision,
        weights=WEIGHTS[rows], labelled=labelled[rows],
    )  # fmt: skip
    np.testing.assert_allclose(loss_of(objective, rows), expected, rtol=1e-12)
    check_gradient(objective, rows)


@pytest.mark.parametrize("dropout", [None, [0.3, 0.5, 0.4]])
@pytest.mark.parametrize("loss", LOSSES)
def test_weights_of_samples_in_the_networks_loss(loss, dropout):
    X, T, objective = make_supervised(["tanh", "relu"], loss, dropout=dropout, weights=WEIGHTS)
    rows, seeds = np.array([3, 0, 10, 7]), range(40, 43)
    expected = naive.network_loss(
        X[rows], T[rows], objective.parameters, ["tanh", "relu"], loss, 0.1, dropout, seeds, 7, WEIGHTS[rows]
    )
    np.testing.assert_allclose(loss_of(objective, rows), expected, rtol=1e-12)
    check_gradient(objective, rows)


@pytest.mark.parametrize("alpha", [0, 0.1])
@pytest.mark.parametrize("solver", ["plain", "momentum", "adam"])
def test_the_rate_of_each_layer_has_its_factor(solver, alpha):
    factors, moves = [0.0, 0.5, 2.0], []
    for options in ({}, {"rate_factors": factors}):
        _, _, objective = make_supervised(["tanh", "relu"], "log_loss", alpha=alpha, **options)
        before = [parameter.copy() for parameter in objective.parameters]
        if solver == "adam":
            rule = Adam(
                objective.parameters,
                beta_1=0.9,
                beta_2=0.9,
                epsilon=1e-8,
                learning_rate_init=0.01,
                **SCHEDULE,
            )
        else:
            momentum = 0.9 if solver == "momentum" else 0.0
            rule = SGD(
                objective.parameters, momentum=momentum, nesterovs_momentum=True, learning_rate_init=0.01,
                **SCHEDULE,
            )  # fmt: skip
        objective.step(np.arange(6), 0, rule)
        moves.append([now - start for start, now in zip(before, objective.parameters, strict=True)])
    for k, (plain, scaled) in enumerate(zip(*moves, strict=True)):
        assert plain.any()
        np.testing.assert_allclose(scaled, factors[k // 2] * plain, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activations", [["logistic"], ["tanh", "relu"], ["logistic", "identity", "tanh"]])
def test_supervised_gradient_and_loss(activations, loss):
    X, T, objective = make_supervised(activations, loss)
    rows = np.array([3, 0, 10, 7])
    expected = naive.network_loss(X[rows], T[rows], objective.parameters, activations, loss, 0.1)
    np.testing.assert_allclose(loss_of(objective, rows), expected, rtol=1e-12)
    check_gradient(objective, rows)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activations", [["logistic"], ["tanh", "relu"], ["identity", "tanh", "logistic"]])
def test_gradient_and_loss_with_dropout(activations, loss):
    dropout = [0.3, 0.5, 0.4, 0.2][: len(activations) + 1]
    X, T, objective = make_supervised(activations, loss, dropout=dropout)
    rows, seeds = np.array([3, 0, 10, 7]), range(40, 44)
    expected = naive.network_loss(
        X[rows], T[rows], objective.parameters, activations, loss, 0.1, dropout, seeds, 7
    )
    np.testing.assert_allclose(loss_of(objective, rows), expected, rtol=1e-12)
    assert abs(loss_of(objective, rows, position=8) / expected - 1) > 1e-4  # other samples, other units
    check_gradient(objective, rows)


def make_unrolled(
    tied, *, loss="cross_entropy", alpha=0.1, batch_size=6, dtype="float64", sizes=(5, 4, 3, 2)
):
    """Return X and a deep autoencoder, of which the layers in `tied` use their coefficients twice."""
    rng = np.random.RandomState(RNG_SEED)
    X = rng.uniform(size=(11, sizes[0]))
    shapes = [shape for pair in itertools.pairwise(sizes) for shape in (pair, pair[1])]
    owners = list(range(len(sizes) - 1))
    for number, (fan_in, fan_out) in reversed(list(enumerate(itertools.pairwise(sizes)))):
        owners.append(number if number in tied else len(owners))
        shapes += [fan_in] if number in tied else [(fan_out, fan_in), fan_in]

    def write_targets(rows, out):
        out[...] = X[rows]

    objective = Network(
        X,
        write_targets,
        [rng.standard_normal(shape).astype(dtype) for shape in shapes],
        activations=["tanh", "logistic", "identity", "logistic", "relu"],
        loss=loss,
        alpha=alpha,
        batch_size=batch_size,
        owners=owners,
        corruption=make_corruption("masking", 0.3, sizes[0], dtype),
    )
    return X, objective


def naive_unrolled(X, X_tilde, parameters, owners, loss, alpha):
    """Return the mean loss with the coefficients of each layer written out."""
    remaining, coefs, intercepts, squares = iter(parameters), [], [], 0
    for k, owner in enumerate(owners):
        coefs.append(next(remaining) if owner == k else coefs[owner].T)
        squares += (coefs[k] ** 2).sum() if owner == k else 0
        intercepts.append(next(remaining))
    chain = [array for pair in zip(coefs, intercepts, strict=True) for array in pair]
    activations = ["tanh", "logistic", "identity", "logistic", "relu"]
    return naive.network_loss(X_tilde, X, chain, activations, loss, 0) + alpha / (2 * len(X)) * squares


@pytest.mark.parametrize("loss", LAYER_LOSSES)
@pytest.mark.parametrize("tied", [{0, 1, 2}, {1}, set()], ids=["tied", "one tied", "untied"])
def test_gradient_and_loss_of_a_deep_autoencoder(tied, loss):
    X, objective = make_unrolled(tied, loss=loss)
    rows = np.array([3, 0, 10, 7])
    X_tilde = naive.masking(X[rows], np.full(5, 0.3), None, None, 3, 7)
    expected = naive_unrolled(X[rows], X_tilde, objective.parameters, objective._owners, loss, 0.1)
    np.testing.assert_allclose(loss_of(objective, rows), expected, rtol=1e-12)
    check_gradient(objective, rows)


@pytest.mark.parametrize("batch_size", [1, 4, 30])
@pytest.mark.parametrize("alpha", [0, 0.1])
@pytest.mark.parametrize("solver", ["plain", "nesterov", "adam"])
def test_steps_of_a_deep_autoencoder(solver, alpha, batch_size):
    for tied in ({0, 1, 2}, {1}):
        check_steps(
            lambda size, tied=tied: make_unrolled(tied, alpha=alpha, batch_size=size), solver, batch_size
        )


@pytest.mark.parametrize("make", ["layer", "network"])
def test_the_gate_bites_when_the_derivative_is_dropped(make, monkeypatch):
    # the classical mistake: back-propagation without g'(z)
    wrong = ACTIVATIONS["tanh"]._replace(backward=ACTIVATIONS["identity"].backward)
    monkeypatch.setitem(ACTIVATIONS, "tanh", wrong)
    if make == "layer":
        _, objective = make_reconstruction("tanh", "cross_entropy", True)
    else:
        _, _, objective = make_supervised(["logistic", "tanh"], "log_loss")
    with pytest.raises(AssertionError):
        check_gradient(objective, np.array([3, 0, 10, 7]))


def test_both_terms_of_the_tied_gradient_count():
    # a "tied" gradient that forgets the decoder's term differs from finite differences
    _, objective = make_reconstruction("tanh", "squared_error", True)
    rows = np.arange(4)
    gradient = gradients_of(objective, rows)[0]
    encoder_term = objective._visible[:4].T @ objective._hidden[:4]
    assert not np.allclose(gradient, encoder_term, rtol=1e-2)


@pytest.mark.parametrize("size", [1, 4, 6])
def test_the_loss_of_a_batch_is_the_mean_over_its_rows(size):
    # buffers are larger than most batches; nothing of an earlier batch may leak into a later one
    _, objective = make_reconstruction("logistic", "cross_entropy", True, alpha=0.0)
    loss_of(objective, np.arange(6), 0)
    whole = loss_of(objective, np.arange(size), 50)
    single = [loss_of(objective, np.array([row]), 50 + row) for row in range(size)]
    np.testing.assert_allclose(whole, np.mean(single), rtol=1e-12)
    gradient = gradients_of(objective, np.arange(size), 50)[0]
    parts = [gradients_of(objective, np.array([row]), 50 + row)[0] for row in range(size)]
    np.testing.assert_allclose(gradient, np.mean(parts, axis=0), rtol=1e-10, atol=1e-13)


def sklearn_mlp(X, labels, activation, parameters, alpha):
    """Return scikit-learn's MLP with given parameters, after one full-batch SGD step of rate 1."""
    mlp = MLPClassifier(
        tuple(coef.shape[1] for coef in parameters[:-2:2]),
        activation=activation,
        solver="sgd",
        learning_rate_init=1.0,
        momentum=0.0,
        nesterovs_momentum=False,
        alpha=alpha,
        batch_size=len(X),
        max_iter=1,
        shuffle=False,
        warm_start=True,
    )
    with pytest.warns(ConvergenceWarning):
        mlp.fit(X, labels)
    mlp.coefs_ = [coef.copy() for coef in parameters[::2]]
    mlp.intercepts_ = [intercept.copy() for intercept in parameters[1::2]]
    with pytest.warns(ConvergenceWarning):
        mlp.fit(X, labels)
    return mlp


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_one_step_equals_the_step_of_scikit_learns_mlp(activation):
    rng = np.random.RandomState(0)
    X, labels = rng.standard_normal((12, 5)), np.arange(12) % 3
    sizes = [5, 4, 6, 3]
    parameters = [
        array
        for fan_in, fan_out in itertools.pairwise(sizes)
        for array in (rng.standard_normal((fan_in, fan_out)), rng.standard_normal(fan_out))
    ]
    mlp = sklearn_mlp(X, labels, activation, parameters, alpha=0.3)

    def write_targets(rows, out):
        out[...] = np.eye(3)[labels[rows]]

    objective = Network(
        X, write_targets, parameters, activations=[activation] * 2, loss="log_loss", alpha=0.3, batch_size=12
    )
    loss = plain_step(objective, np.arange(12), 0, 1.0)
    np.testing.assert_allclose(loss, mlp.loss_curve_[-1], rtol=1e-10)
    for k, array in enumerate(parameters):
        after = (mlp.intercepts_ if k % 2 else mlp.coefs_)[k // 2]
        np.testing.assert_allclose(array, after, rtol=1e-9, atol=1e-12)


# --- steps ---------------------------------------------------------------------------------------

SOLVERS = {
    "plain": (SGD, {"momentum": 0.0, "nesterovs_momentum": False}),
    "heavy ball": (SGD, {"momentum": 0.9, "nesterovs_momentum": False}),
    "nesterov": (SGD, {"momentum": 0.9, "nesterovs_momentum": True}),
    "adam": (Adam, {"beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-8}),
}
RATE = 0.001


def train(make, solver, batch_size, n_threads=1):
    """Return the sum of losses and the parameters after two passes over all rows."""
    X, *_, objective = make(batch_size)
    kind, options = SOLVERS[solver]
    optimizer = kind(objective.parameters, learning_rate_init=RATE, **SCHEDULE, **options)
    order, total = np.random.RandomState(1).permutation(len(X)), 0.0
    with threadpool_limits(n_threads), one_thread, Team(n_threads) as objective.team:
        for epoch in range(2):
            for start in range(0, len(X), objective.span):
                rows = order[start : start + objective.span]
                total += objective.step(rows, len(X) * epoch + start, optimizer)
    return total, objective.parameters


def naive_train(make, solver, batch_size):
    """Do the same with one plain step for each gradient and the naive update rules."""
    *_, objective = make(batch_size)
    order, total = np.random.RandomState(1).permutation(11), 0.0
    first = [np.zeros_like(parameter) for parameter in objective.parameters]
    second, n_updates = [np.zeros_like(parameter) for parameter in objective.parameters], 0
    for epoch in range(2):
        for start in range(0, 11, batch_size):
            rows, position = order[start : start + batch_size], 11 * epoch + start
            total += loss_of(objective, rows, position) * len(rows)
            gradients = gradients_of(objective, rows, position)
            n_updates += 1
            for k, gradient in enumerate(gradients):
                param = objective.parameters[k]
                if solver == "plain":
                    param[...] = naive.descend(param, gradient, RATE)
                elif solver == "adam":
                    step_size = RATE * np.sqrt(1 - 0.99**n_updates) / (1 - 0.9**n_updates)
                    param[...], first[k], second[k] = naive.adam(
                        param, gradient, first[k], second[k], step_size, 0.9, 0.99, 1e-8
                    )
                else:
                    rule = naive.nesterov if solver == "nesterov" else naive.heavy_ball
                    param[...], first[k] = rule(param, gradient, first[k], RATE, 0.9)
    return total, objective.parameters


def check_steps(make, solver, batch_size):
    """Compare many steps in one call with single steps and naive update rules."""
    expected_total, expected = naive_train(make, solver, batch_size)
    total, parameters = train(make, solver, batch_size)
    assert np.isfinite(total)
    np.testing.assert_allclose(total, expected_total, rtol=1e-8)
    for got, wanted in zip(parameters, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("batch_size", [1, 4, 30])
@pytest.mark.parametrize("alpha", [0, 0.1])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("solver", SOLVERS)
def test_steps_of_a_layer(solver, tied, alpha, batch_size):
    for activation, loss in itertools.product(ACTIVATIONS, LAYER_LOSSES):
        check_steps(
            lambda size, case=(activation, loss, tied): make_reconstruction(
                *case, alpha=alpha, batch_size=size
            ),
            solver,
            batch_size,
        )


@pytest.mark.parametrize("n_features", [1, AHEAD, 2 * AHEAD + 5])
@pytest.mark.parametrize("loss", LAYER_LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_step_of_single_samples_is_that_of_minibatches_of_one(activation, loss, n_features):
    # a compiled function of its own, which reads ahead; the other one is proved above
    kinds, results = [], []
    for one_by_one in (True, False):

        def make(size, one_by_one=one_by_one):
            X, objective = make_reconstruction(
                activation, loss, True, alpha=0, batch_size=size, sizes=(n_features, 3)
            )
            objective._one_by_one = objective._one_by_one and one_by_one
            sgd = SGD(objective.parameters, learning_rate_init=RATE, **SCHEDULE, **SOLVERS["plain"][1])
            kinds.append(objective._steps(1, 0, sgd)[0])
            return X, objective

        results.append(train(make, "plain", 1))
    assert kinds == [train_samples, train_layer]
    (total, parameters), (expected_total, expected) = results
    np.testing.assert_allclose(total, expected_total, rtol=1e-8)
    for got, wanted in zip(parameters, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("batch_size", [1, 4, 30])
@pytest.mark.parametrize("alpha", [0, 0.1])
@pytest.mark.parametrize("activations", [["logistic"], ["tanh", "relu", "identity"]])
@pytest.mark.parametrize("solver", SOLVERS)
def test_steps_of_a_network(solver, activations, alpha, batch_size):
    for loss, dropout in zip(LOSSES, (None, [0.1] * (len(activations) + 1), None), strict=True):
        check_steps(
            lambda size, case=(loss, dropout): make_supervised(
                activations, case[0], alpha, size, dropout=case[1]
            ),
            solver,
            batch_size,
        )


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="without the JIT there is one thread")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("alpha", [0, 0.1])
@pytest.mark.parametrize("solver", ["plain", "adam"])
@pytest.mark.parametrize("kind", ["tied", "untied", "everything", "network", "deep autoencoder"])
def test_threads_that_share_the_steps_compute_the_same_bits(kind, solver, alpha, dtype):
    # 16 columns or rows are a thread's smallest share: three threads get some of each, eight do not
    if kind == "network":

        def make(size):
            sizes = (70, 50, 33, 40)
            return make_supervised(
                ["logistic", "tanh"], "log_loss", alpha, size, sizes, dtype, dropout=[0.1, 0.5, 0]
            )

    elif kind == "deep autoencoder":

        def make(size):
            sizes = (70, 50, 33, 40)
            return make_unrolled({0, 2}, alpha=alpha, batch_size=size, dtype=dtype, sizes=sizes)

    else:

        def make(size):
            options = {"emphasis": (1, 0.5), "penalties": EVERY_PENALTY, "supervision": 0.6}
            return make_reconstruction(
                "logistic", "cross_entropy", kind == "tied", alpha=alpha, batch_size=size, sizes=(70, 50),
                dtype=dtype, **(options if kind == "everything" else {}),
            )  # fmt: skip

    check_threads(make, solver, (4, 11))


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="without the JIT there is one thread")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["layer", "network"])
def test_threads_that_share_many_weighted_rows_compute_the_same_bits(kind, dtype):
    # LLVM may compute whole groups of rows in another way than the rest of a thread's rows
    options = {"weights": np.random.RandomState(2).uniform(size=400), "n_samples": 400, "dtype": dtype}
    options["sizes"] = (70, 50)

    def make(size):
        if kind == "network":
            return make_supervised(["logistic"], "log_loss", 0.1, size, **options)
        return make_reconstruction(
            "logistic", "cross_entropy", False, batch_size=size, supervision=0.6, **options
        )

    check_threads(make, "plain", (11, 150, 400))


def check_threads(make, solver, batch_sizes):
    """Train on one thread and on several; the losses and the parameters must be the same."""
    for batch_size in batch_sizes:
        total, expected = train(make, solver, batch_size)
        for n_threads in (2, 3, 8):
            shared_total, parameters = train(make, solver, batch_size, n_threads)
            assert shared_total == total
            for got, wanted in zip(parameters, expected, strict=True):
                np.testing.assert_array_equal(got, wanted)


def test_parameters_that_compiled_code_can_not_write_are_refused():
    _, objective = make_reconstruction("tanh", "squared_error", True)
    coef, *others = objective.parameters
    read_only = coef.copy()
    read_only.flags.writeable = False
    options = {"activation": "tanh", "loss": "squared_error", "alpha": 0.0}
    corruption = make_corruption("masking", 0.1, 5)
    for bad in (np.asfortranarray(coef), read_only, coef.astype("float32")):
        with pytest.raises(ValueError, match="C-ordered, writable and of one type"):
            Reconstruction(np.ones((3, 5)), [bad, *others], corruption=corruption, batch_size=2, **options)


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("solver", ["plain", "adam"])
def test_each_minibatch_of_a_call_has_its_own_weights_labels_and_emphasis(solver, tied):
    options = {"weights": WEIGHTS, "penalties": EVERY_PENALTY, "emphasis": (1, 0.5)}
    options.update(supervision=0.6, labelled=np.arange(11) != 3)
    check_steps(
        lambda size: make_reconstruction("logistic", "cross_entropy", tied, batch_size=size, **options),
        solver,
        4,
    )


@pytest.mark.parametrize("solver", ["plain", "adam"])
def test_each_minibatch_of_a_call_has_its_own_weights_in_a_network(solver):
    check_steps(lambda size: make_supervised(["tanh"], "log_loss", 0.1, size, weights=WEIGHTS), solver, 4)
