"""Every objective against its naive loss and finite differences, and against scikit-learn's MLP."""

import itertools

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

import naive
from sklearn_sda._kernels.pointwise import ACTIVATIONS, LOSSES
from sklearn_sda._objectives import Reconstruction, Supervised
from sklearn_sda._optimizers import SGD, Adam

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


def check_gradient(objective, rows, position=7):
    """Compare an objective's gradient with finite differences of its own loss."""
    objective.evaluate(rows, position)
    gradients = [gradient.copy() for gradient in objective.gradients]
    expected = finite_differences(lambda: objective.evaluate(rows, position), objective.parameters)
    for gradient, difference in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, difference, rtol=1e-5, atol=1e-7)


def make_reconstruction(activation, loss, tied, *, level=0.3, alpha=0.1, batch_size=6):
    rng = np.random.RandomState(RNG_SEED)
    X = rng.uniform(size=(11, 5))
    parameters = [rng.standard_normal((5, 3)), rng.standard_normal(3), rng.standard_normal(5)]
    if not tied:
        parameters.append(rng.standard_normal((3, 5)))
    objective = Reconstruction(
        X,
        parameters,
        activation=activation,
        loss=loss,
        corruption="masking",
        corruption_level=level,
        seed=3,
        alpha=alpha,
        batch_size=batch_size,
    )
    return X, objective


def make_supervised(activations, loss, alpha=0.1, batch_size=6):
    rng = np.random.RandomState(RNG_SEED)
    X = rng.uniform(size=(11, 5))
    sizes = [5, *range(4, 4 + len(activations)), 3]
    parameters = [
        array
        for fan_in, fan_out in itertools.pairwise(sizes)
        for array in (rng.standard_normal((fan_in, fan_out)), rng.standard_normal(fan_out))
    ]
    T = rng.uniform(0.1, 1, size=(11, 3))
    T /= T.sum(axis=1, keepdims=True)

    def write_targets(rows, out):
        out[...] = T[rows]

    objective = Supervised(
        X, write_targets, parameters, activations=activations, loss=loss, alpha=alpha, batch_size=batch_size
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
    X_tilde = naive.masking(X[rows], 0.3, 3, 7)
    assert (X_tilde == 0).any()
    W, b, b_prime, *W_prime = objective.parameters
    expected = naive.reconstruction_loss(
        X[rows], X_tilde, W, b, b_prime, W_prime[0] if W_prime else None, activation, loss, 0.1
    )
    np.testing.assert_allclose(objective.evaluate(rows, 7), expected, rtol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activations", [["logistic"], ["tanh", "relu"], ["logistic", "identity", "tanh"]])
def test_supervised_gradient_and_loss(activations, loss):
    X, T, objective = make_supervised(activations, loss)
    rows = np.array([3, 0, 10, 7])
    expected = naive.network_loss(X[rows], T[rows], objective.parameters, activations, loss, 0.1)
    np.testing.assert_allclose(objective.evaluate(rows, 0), expected, rtol=1e-12)
    check_gradient(objective, rows)


@pytest.mark.parametrize("make", ["layer", "network"])
def test_the_gate_bites_when_the_derivative_is_dropped(make):
    # the classical mistake: back-propagation without g'(z)
    if make == "layer":
        _, objective = make_reconstruction("logistic", "cross_entropy", True)
        objective._activation = objective._activation._replace(backward=lambda H, delta: None)
    else:
        _, _, objective = make_supervised(["logistic", "tanh"], "log_loss")
        objective._activations[1] = ACTIVATIONS["identity"]._replace(forward=ACTIVATIONS["tanh"].forward)
    with pytest.raises(AssertionError):
        check_gradient(objective, np.array([3, 0, 10, 7]))


def test_both_terms_of_the_tied_gradient_count():
    # a "tied" gradient that forgets the decoder's term differs from finite differences
    _, objective = make_reconstruction("tanh", "squared_error", True)
    rows = np.arange(4)
    objective.evaluate(rows, 7)
    encoder_term = objective._visible[:4].T @ objective._hidden[:4]
    assert not np.allclose(objective.gradients[0], encoder_term, rtol=1e-2)


@pytest.mark.parametrize("size", [1, 4, 6])
def test_the_loss_of_a_batch_is_the_mean_over_its_rows(size):
    # buffers are larger than most batches; nothing of an earlier batch may leak into a later one
    _, objective = make_reconstruction("logistic", "cross_entropy", True, alpha=0.0)
    objective.evaluate(np.arange(6), 0)
    whole = objective.evaluate(np.arange(size), 50)
    gradient = objective.gradients[0].copy()
    single = [objective.evaluate(np.array([row]), 50 + row) for row in range(size)]
    np.testing.assert_allclose(whole, np.mean(single), rtol=1e-12)
    parts = []
    for row in range(size):
        objective.evaluate(np.array([row]), 50 + row)
        parts.append(objective.gradients[0].copy())
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

    objective = Supervised(
        X, write_targets, parameters, activations=[activation] * 2, loss="log_loss", alpha=0.3, batch_size=12
    )
    loss = objective.evaluate(np.arange(12), 0)
    np.testing.assert_allclose(loss, mlp.loss_curve_[-1], rtol=1e-10)
    for k, array in enumerate(parameters):
        after = (mlp.intercepts_ if k % 2 else mlp.coefs_)[k // 2]
        np.testing.assert_allclose(array - objective.gradients[k], after, rtol=1e-9, atol=1e-12)


# --- steps ---------------------------------------------------------------------------------------

SOLVERS = {
    "plain": (SGD, {"momentum": 0.0, "nesterovs_momentum": False}),
    "momentum": (SGD, {"momentum": 0.9, "nesterovs_momentum": True}),
    "adam": (Adam, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}),
}


def trained(make, compiled, solver, batch_size):
    """Return the sum of losses and the parameters after two passes over eleven rows."""
    _, objective = make(batch_size)
    objective._compiled = compiled
    objective.span = objective.span if compiled else batch_size
    kind, options = SOLVERS[solver]
    optimizer = kind(
        objective.parameters, learning_rate_init=1e-4, learning_rate="constant", power_t=0.5, **options
    )
    order, total = np.random.RandomState(1).permutation(11), 0.0
    for epoch in range(2):
        for start in range(0, 11, objective.span):
            rows = order[start : start + objective.span]
            total += objective.step(rows, 11 * epoch + start, optimizer)
    return total, objective.parameters


def check_compiled(make, solver, batch_size):
    """Compare compiled steps with those that are composed in Python."""
    expected_total, expected = trained(make, False, solver, batch_size)
    total, parameters = trained(make, True, solver, batch_size)
    assert np.isfinite(total)
    np.testing.assert_allclose(total, expected_total, rtol=1e-10)
    for got, wanted in zip(parameters, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 4, 30])
@pytest.mark.parametrize("alpha", [0, 0.1])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("solver", SOLVERS)
def test_compiled_steps_of_a_layer_are_those_of_evaluate(solver, tied, alpha, batch_size):
    for activation, loss in itertools.product(ACTIVATIONS, LAYER_LOSSES):
        check_compiled(
            lambda size, case=(activation, loss, tied): make_reconstruction(
                *case, alpha=alpha, batch_size=size
            ),
            solver,
            batch_size,
        )


@pytest.mark.parametrize("batch_size", [1, 4, 30])
@pytest.mark.parametrize("alpha", [0, 0.1])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("solver", SOLVERS)
def test_compiled_steps_of_a_network_are_those_of_evaluate(solver, depth, alpha, batch_size):
    for activation, loss in itertools.product(ACTIVATIONS, LOSSES):
        check_compiled(
            lambda size, case=([activation] * depth, loss): make_supervised(*case, alpha, size)[1:],
            solver,
            batch_size,
        )


@pytest.mark.parametrize("tied", [True, False])
def test_plain_descent_within_the_products_is_plain_descent(tied):
    _, objective = make_reconstruction("tanh", "cross_entropy", tied, alpha=0)
    _, reference = make_reconstruction("tanh", "cross_entropy", tied, alpha=0)
    rows = np.arange(6)
    loss = objective.evaluate(rows, 7, rate=0.1)
    assert loss == reference.evaluate(rows, 7)
    coefs = [0] if tied else [0, 3]
    for k, (got, start, gradient) in enumerate(
        zip(objective.parameters, reference.parameters, reference.gradients, strict=True)
    ):
        expected = start - 0.1 * gradient if k in coefs else start
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)
