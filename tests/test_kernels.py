"""Each kernel against its naive reference, in both types, with values that are hard on it."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest

import naive
from sklearn_sda._kernels import corruption, penalty, pointwise, update
from sklearn_sda._kernels._jit import FLAGS, SCALAR, VECTOR, Kernel, kernel

jit_only = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="the JIT is off")
DTYPES = ["float32", "float64"]
TOLERANCE = {"float32": {"rtol": 2e-6, "atol": 2e-6}, "float64": {"rtol": 1e-13, "atol": 1e-14}}


def hard_values(dtype, shape=(7, 131)):
    """Both signs, tiny, large and beyond the range of exp; more than one block of 64 columns."""
    rng = np.random.RandomState(0)
    Z = rng.standard_normal(shape) * 10 ** rng.uniform(-3, 1.3, shape)
    Z[0, :8] = [0, -0.0, 1e-30, -1e-30, 80, -80, 700, -700]
    return Z.astype(dtype)


def test_every_registered_piece_has_a_reference():
    assert set(naive.ACTIVATIONS) == set(pointwise.ACTIVATIONS)
    assert set(naive.LOSSES) == set(pointwise.LOSSES)
    assert set(naive.CORRUPTIONS) == set(corruption.CORRUPTIONS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", pointwise.ACTIVATIONS)
def test_activation(name, dtype):
    activation, (function, derivative) = pointwise.ACTIVATIONS[name], naive.ACTIVATIONS[name]
    Z = hard_values(dtype)
    intercept = np.random.RandomState(1).standard_normal(Z.shape[1]).astype(dtype)
    z = Z.astype(float) + intercept
    H = Z.copy()
    activation.forward(H, intercept)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(H, function(z), **TOLERANCE[dtype])
        delta = np.full_like(H, 3)
        activation.backward(H, delta)
        np.testing.assert_allclose(delta, 3 * derivative(z), **TOLERANCE[dtype])
    assert H.dtype == delta.dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", pointwise.LOSSES)
def test_loss_and_delta(name, dtype):
    loss, (reference, link) = pointwise.LOSSES[name], naive.LOSSES[name]
    rng = np.random.RandomState(0)
    Z = (3 * rng.standard_normal((7, 131))).astype(dtype)
    X = rng.uniform(size=Z.shape)
    X = (X / X.sum(axis=1, keepdims=True) if name == "log_loss" else X).astype(dtype)
    intercept = rng.standard_normal(131).astype(dtype)
    weights = rng.uniform(0.1, 1, 7).astype(dtype)
    z = Z.astype(float) + intercept
    delta, losses = Z.copy(), np.empty(7, dtype)
    loss.kernel(X, delta, intercept, weights, np.empty((0, 0), dtype), losses)
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(losses, reference(X.astype(float), z), rtol=10 * tolerance["rtol"])
    np.testing.assert_allclose(delta, weights[:, None] * (link(z) - X), **tolerance)
    output = Z.copy()
    loss.link(output, intercept)
    np.testing.assert_allclose(output, link(z), **tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["cross_entropy", "log_loss"])
def test_losses_from_logits_are_finite_where_probabilities_underflow(name, dtype):
    # a loss that goes through clipped probabilities gives infinity or a wrong constant here
    X = np.eye(3, dtype=dtype)[[0, 1, 2]]
    Z = np.array([[-500, 500, 0], [500, -500, 0], [0, 0, -500]], dtype=dtype)
    losses = np.empty(3, dtype)
    nothing = np.empty((0, 0), dtype)
    pointwise.LOSSES[name].kernel(X, Z, np.zeros(3, dtype), np.ones(3, dtype), nothing, losses)
    expected = {
        "log_loss": [1000, 1000, 500 + np.log(2)],
        "cross_entropy": [1000 + np.log(2)] * 2 + [500 + 2 * np.log(2)],
    }[name]
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    assert np.isfinite(Z).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", pointwise.ACTIVATIONS)
def test_nan_is_not_hidden(name, dtype):
    Z = np.full((1, 40), np.nan, dtype)
    pointwise.ACTIVATIONS[name].forward(Z, np.zeros(40, dtype))
    assert np.isnan(Z).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropy_of_nan_is_nan(dtype):
    Z, losses = np.full((1, 40), np.nan, dtype), np.zeros(1, dtype)
    nothing = np.empty((0, 0), dtype)
    pointwise.cross_entropy(np.zeros_like(Z), Z, np.zeros(40, dtype), np.ones(1, dtype), nothing, losses)
    assert np.isnan(losses).all() and np.isnan(Z).all()


LEVELS = np.where(np.arange(33) % 3, 0.25, 0.5)  # of 33 columns


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["masking", "salt_and_pepper", "gaussian"])
@pytest.mark.parametrize("position", [0, 2**40])
def test_corruption(name, dtype, position):
    X = np.random.RandomState(0).uniform(1, 2, (9, 33)).astype(dtype)
    low, high = X.min(axis=0), X.max(axis=0)
    expected = naive.CORRUPTIONS[name](X.astype(float), LEVELS, low, high, 2**31 - 5, position)
    levels = LEVELS.astype(dtype)
    for out in (np.empty_like(X), X.copy()):  # the second in place
        source = out if (out == X).all() else X
        corruption.CORRUPTIONS[name].kernel(source, levels, low, high, 2**31 - 5, position, out)
        np.testing.assert_allclose(out, expected, rtol=1e-6 if dtype == "float32" else 1e-9)
        if name != "gaussian":
            np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_donors", [1, 7, 2**32])
def test_choose_donors(n_donors, dtype):
    out = np.empty((9, 33), np.int64)
    corruption.choose_donors(LEVELS.astype(dtype), n_donors, 2**31 - 5, 3, out)
    np.testing.assert_array_equal(out, naive.choose_donors(9, LEVELS, n_donors, 2**31 - 5, 3))


@pytest.mark.parametrize("dtype", DTYPES)
def test_emphasise_marks_the_cells_that_are_corrupted(dtype):
    levels, out = LEVELS.astype(dtype), np.full((9, 33), 0.5, dtype)
    corruption.emphasise(levels, 2.0, 2**31 - 5, 3, out)
    masked = np.empty((9, 33), dtype)
    corruption.masking(np.ones_like(out), levels, levels, levels, 2**31 - 5, 3, masked)
    assert 0 < (masked == 0).sum() < masked.size
    np.testing.assert_array_equal(out, np.where(masked == 0, 2, 0.5))


@pytest.mark.parametrize("dtype", DTYPES)
def test_updates(dtype):
    rng = np.random.RandomState(0)
    param, grad, first = rng.standard_normal((3, 101)).astype(dtype)
    second = rng.uniform(0.1, 1, 101).astype(dtype)
    tolerance = TOLERANCE[dtype]

    def check(rule, state, step_size, *decays):
        """Compare an update, its state included, with the naive reference of the same name."""
        got, used, arrays = param.copy(), grad.copy(), [array.copy() for array in state]
        first, second = [*arrays, *([np.empty(0, dtype)] * (2 - len(arrays)))]
        getattr(update, rule)(got, used, first, second, step_size, *decays, *([0.0] * (3 - len(decays))))
        assert not used.any()  # the next gradient is added to it
        expected = getattr(naive, rule)(param, grad, *state, step_size, *decays)
        np.testing.assert_allclose([got, *arrays], np.reshape(expected, (-1, 101)), **tolerance)

    check("descend", [], 0.1)
    check("heavy_ball", [first], 0.1, 0.9)
    check("nesterov", [first], 0.1, 0.9)
    check("adam", [first, second], 0.1, 0.9, 0.999, 1e-8)


@pytest.mark.parametrize("rule", ["heavy_ball", "nesterov", "adam"])
def test_what_decays_becomes_zero_and_never_denormal(rule):
    # averages and coefficients of units that are never active again; denormal numbers made a fit of two
    # layers of 100 units 8 times slower than it had to be
    smallest_normal = np.finfo("float32").tiny
    state = [np.full(8, 1e-3, "float32") for _ in range(3)]
    nothing = np.zeros(8, "float32")
    for _ in range(2000):
        getattr(update, rule)(state[0], nothing, state[1], state[2], 1e-3, 0.9, 0.95, 1e-8)
        for array in state:
            assert ((array == 0) | (abs(array) >= smallest_normal)).all()
    assert not state[1].any()


@pytest.mark.parametrize("rule", ["descend", "heavy_ball", "nesterov", "adam"])
def test_a_coefficient_that_decays_becomes_zero(rule):
    # as by an L2 penalty, whose gradient is a part of the coefficient
    param, first, second = (np.full(8, value, "float32") for value in (1e-3, 0, 0))
    for _ in range(800):
        getattr(update, rule)(param, 0.5 * param, first, second, 0.4, 0.5, 0.5, 1e-20)
        assert ((param == 0) | (abs(param) >= 1e-30)).all()
    if rule != "adam":  # whose steps are of one size
        assert not param.any()


@jit_only  # the plain exponential function that stands in without it goes down to denormal numbers
@pytest.mark.parametrize("activation", ["logistic", "tanh"])
def test_saturated_units_give_no_denormal_numbers(activation):
    H = np.array([[-1000, -90, 90, 1000]], "float32")
    pointwise.ACTIVATIONS[activation].forward(H, np.zeros(4, "float32"))
    delta = np.full_like(H, 1e-6)
    pointwise.ACTIVATIONS[activation].backward(H, delta)
    for array in (H, delta):
        assert ((array == 0) | (abs(array) >= np.finfo("float32").tiny)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_add_l2(dtype):
    rng = np.random.RandomState(0)
    coef, grad = rng.standard_normal((2, 7, 13)).astype(dtype)
    strengths = rng.uniform(size=13).astype(dtype)
    got = grad.copy()
    value = penalty.add_l2_by_column(coef.ravel(), 7, strengths, got.ravel())
    np.testing.assert_allclose(got, grad + strengths * coef, **TOLERANCE[dtype])
    np.testing.assert_allclose(value, 0.5 * (strengths * coef.astype(float) ** 2).sum(), rtol=1e-5)
    got = grad.copy()
    value = penalty.add_l2(coef.ravel(), 0.3, strengths, got.ravel())
    np.testing.assert_allclose(got, grad + 0.3 * coef, **TOLERANCE[dtype])
    np.testing.assert_allclose(value, 0.15 * (coef.astype(float) ** 2).sum(), rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", pointwise.ACTIVATIONS)
def test_derivatives(name, dtype):
    activation, (_, derivative) = pointwise.ACTIVATIONS[name], naive.ACTIVATIONS[name]
    z = np.random.RandomState(0).uniform(-4, 4, (5, 70))
    z = np.where(abs(z) < 0.01, 1, z)  # away from the corner of the rectifier
    H = z.astype(dtype)
    activation.forward(H, np.zeros(z.shape[1], dtype))
    first, second = np.full((2, *H.shape), np.nan, dtype)
    activation.derivatives(H, first, second)
    slope = (derivative(z + 1e-6) - derivative(z - 1e-6)) / 2e-6
    np.testing.assert_allclose(first, derivative(z), atol=2e-6 if dtype == "float32" else 1e-13)
    np.testing.assert_allclose(second, slope, atol=2e-6 if dtype == "float32" else 1e-8)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["squared_error", "cross_entropy"])
def test_emphasised_loss(name, dtype):
    rng = np.random.RandomState(0)
    Z = (3 * rng.standard_normal((7, 131))).astype(dtype)
    X, emphasis = rng.uniform(size=(2, *Z.shape)).astype(dtype)
    intercept, weights = rng.standard_normal(131).astype(dtype), rng.uniform(0.1, 1, 7).astype(dtype)
    z = Z.astype(float) + intercept
    terms, link = naive.TERMS[name], naive.LOSSES[name][1]
    delta, losses = Z.copy(), np.empty(7, dtype)
    pointwise.LOSSES[name].emphasised(X, delta, intercept, weights, emphasis, losses)
    tolerance = TOLERANCE[dtype]
    expected = (emphasis * terms(X.astype(float), z)).sum(axis=1)
    np.testing.assert_allclose(losses, expected, rtol=10 * tolerance["rtol"])
    np.testing.assert_allclose(delta, weights[:, None] * emphasis * (link(z) - X), **tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
def test_inputs_may_be_read_only(dtype):
    intercept = np.ones(3, dtype)
    intercept.flags.writeable = False
    Z = np.zeros((2, 3), dtype)
    pointwise.identity_forward(Z, intercept)
    assert (Z == 1).all()


@jit_only
def test_a_wrong_type_is_refused_rather_than_compiled():
    with pytest.raises(TypeError, match=r"No matching definition|not for int64"):
        pointwise.identity_forward(np.zeros((2, 3), "int64"), np.zeros(3, "int64"))


@jit_only
@pytest.mark.parametrize("kernel", [pointwise.cross_entropy, pointwise.logistic_forward, update.adam])
def test_constants_do_not_widen_float32(kernel):
    # in Numba an integer with a float32 makes a float64, which costs half the speed
    signature = tuple(argument(numba.float32) for argument in kernel.arguments)
    compiled = numba.njit(signature, **FLAGS)(kernel.py_func)
    llvm = compiled.inspect_llvm(compiled.signatures[0])
    assert "fmul" in llvm or "fdiv" in llvm
    assert not re.search(r"f(mul|div|add|sub) .*double", llvm)


@jit_only
def test_a_kernel_compiles_at_its_first_call_only():
    made = kernel(VECTOR, SCALAR)(update.descend.py_func)
    assert not made._compiled
    assert made.__name__ == "descend" and "gradient descent" in made.__doc__


def test_threads_share_one_compilation(monkeypatch):
    compiled = []

    def compile_slowly(self, dtype):
        time.sleep(0.05)  # the other threads come meanwhile
        compiled.append(object())
        return compiled[-1]

    monkeypatch.setattr(Kernel, "_compile", compile_slowly)
    one = kernel(VECTOR)(lambda array: None)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(one._of, [np.dtype("float32")] * 4))
    assert found == compiled * 4


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_of_large_logits(dtype):
    Z = np.array([[0, 1000, -1000], [1000, 0, 999]], dtype)
    pointwise.softmax_forward(Z, np.zeros(3, dtype))
    np.testing.assert_allclose(Z, [[0, 1, 0], [0.7310586, 0, 0.2689414]], rtol=1e-6, atol=1e-12)
