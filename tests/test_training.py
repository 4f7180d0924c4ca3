"""The loop and the optimizers, on problems small enough to know the answer."""

import numpy as np
import pytest
import scipy.stats
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from sklearn_sda import DenoisingAutoencoder, _training
from sklearn_sda._optimizers import OPTIMIZERS, SGD, Adam
from sklearn_sda._stopping import Geometric, Patience
from sklearn_sda._training import DivergenceError, _Shuffled, minimize, minimize_batch

CONSTANT = {"learning_rate": "constant", "power_t": 0.5}


def update(optimizer, parameters, gradients):
    """Make one update of all parameters."""
    step_size, end = optimizer.step_size(), 0
    for param, grad in zip(parameters, gradients, strict=True):
        start, end = end, end + param.size
        state = [array[start:end] for array in (optimizer.first, optimizer.second)]
        optimizer.rule(param.reshape(-1), grad.flatten(), *state, step_size, *optimizer.decays)


class Quadratic:
    """Mean of (x_i - p)**2 / 2 over rows: its minimum is the mean of x."""

    name = "Quadratic"

    def __init__(self, x, batch_size=4):
        self.x = x
        self.span = batch_size
        self.parameters = [np.zeros(1)]
        self.gradients = [np.zeros(1)]
        self.calls = []

    def evaluate(self, rows, position):
        self.calls.append((list(rows), position))
        residual = self.parameters[0] - self.x[rows]
        self.gradients[0][:] = residual.mean()
        return float((residual**2).sum() / 2)

    def step(self, rows, position, optimizer):
        total = self.evaluate(rows, position)
        update(optimizer, self.parameters, self.gradients)
        return total


def run(objective, **kwargs):
    options = {
        "rows": np.arange(len(objective.x)),
        "max_iter": 5,
        "shuffle": False,
        "rng": np.random.RandomState(0),
        **kwargs,
    }
    rule = {
        name: options.pop(name, default) for name, default in (("tol", 0.0), ("n_iter_no_change", np.inf))
    }
    options["stopping"] = options.pop("rule", Patience)(**rule)
    optimizer = options.pop("optimizer", None) or SGD(
        objective.parameters, momentum=0.0, nesterovs_momentum=False, learning_rate_init=0.5, **CONSTANT
    )
    return minimize(objective, optimizer, **options)


def converged_adaptive(rate):
    """Return an objective that makes no progress after the first epoch, and SGD with an adaptive rate."""
    objective = Quadratic(np.array([1.0]))
    objective.parameters[0][:] = 1
    options = {"momentum": 0.0, "nesterovs_momentum": False, "learning_rate": "adaptive", "power_t": 0.5}
    return objective, SGD(objective.parameters, learning_rate_init=rate, **options)


def test_it_finds_the_minimum():
    objective = Quadratic(np.array([1.0, 2, 3, 6]))
    history = run(objective, max_iter=60)
    np.testing.assert_allclose(objective.parameters[0], 3, rtol=1e-10)
    np.testing.assert_allclose(history.loss_curve[-1], 3.5 / 2, rtol=1e-10)
    assert len(history.loss_curve) == 60 and not history.converged


def test_every_row_is_seen_once_an_epoch_and_positions_count_samples():
    objective = Quadratic(np.arange(10.0))
    history = run(objective, max_iter=2, shuffle=True, position=100)
    rows = [row for batch, _ in objective.calls for row in batch]
    assert sorted(rows[:10]) == sorted(rows[10:]) == list(range(10))
    assert rows[:10] != rows[10:]
    assert [position for _, position in objective.calls] == [100, 104, 108, 110, 114, 118]
    assert [len(batch) for batch, _ in objective.calls[:3]] == [4, 4, 2]
    assert history.position == 120


@pytest.mark.parametrize("n", [*range(1, 40), 1000, 1023, 1024, 1025])
def test_an_order_that_is_computed_is_a_permutation(n):
    order = _Shuffled(range(n), np.random.RandomState(n))
    whole = order[0:n]
    assert len(order) == n and sorted(whole) == list(range(n))
    np.testing.assert_array_equal(np.concatenate([order[k : k + 7] for k in range(0, n, 7)]), whole)
    some = _Shuffled(np.arange(n) * 2, np.random.RandomState(n))  # any rows, in the same order
    np.testing.assert_array_equal(some[0:n], 2 * whole)


def test_an_order_that_is_computed_looks_random():
    # of each part of the rows as many in each part of the order, for any two neighbours any distance
    n = 200_000
    order = _Shuffled(range(n), np.random.RandomState(0))[0:n]
    table = np.histogram2d(np.arange(n), order, bins=20)[0]
    distances = np.histogram(np.diff(order) % n, bins=400)[0]
    for counts in (table, distances):
        chi2 = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
        assert scipy.stats.chi2(counts.size).sf(chi2) > 1e-4
    assert not np.array_equal(order, _Shuffled(range(n), np.random.RandomState(1))[0:n])


def test_many_rows_are_seen_once_an_epoch_in_orders_that_take_no_memory(monkeypatch):
    monkeypatch.setattr(_training, "LARGEST_ORDER", 9)
    seen = []
    for _ in range(2):
        objective = Quadratic(np.arange(10.0))
        run(objective, rows=range(10), max_iter=2, shuffle=True)
        seen.append([row for batch, _ in objective.calls for row in batch])
    assert sorted(seen[0][:10]) == sorted(seen[0][10:]) == list(range(10))
    assert seen[0][:10] != seen[0][10:] and seen[0] == seen[1]
    monkeypatch.undo()  # ten rows are few
    objective = Quadratic(np.arange(10.0))
    run(objective, rows=range(10), max_iter=1, shuffle=True)
    assert [row for batch, _ in objective.calls for row in batch] == list(
        np.random.RandomState(0).permutation(10)
    )


def test_the_epoch_loss_weighs_batches_by_their_rows():
    objective = Quadratic(np.array([0.0, 0, 0, 0, 6]))
    objective.parameters[0][:] = 0
    optimizer = SGD(
        objective.parameters, momentum=0.0, nesterovs_momentum=False, learning_rate_init=1e-300, **CONSTANT
    )
    assert run(objective, max_iter=1, optimizer=optimizer).loss_curve == [18 / 5]


def test_early_stopping_restores_the_best_parameters():
    objective = Quadratic(np.array([8.0]))
    # the score is best when the parameter passes 4 on its way to 8
    history = run(
        objective,
        max_iter=50,
        n_iter_no_change=3,
        validate=lambda: (-abs(objective.parameters[0][0] - 4), 0.5),
        early_stopping=True,
    )
    assert history.converged
    assert len(history.validation_scores) == 5  # the best one, and more than three without progress
    assert objective.parameters[0] == 4
    assert np.argmax(history.validation_scores) == 0 and max(history.validation_scores) == 0
    assert history.validation_losses == [0.5] * 5


def test_it_stops_without_progress_and_not_before():
    objective = Quadratic(np.array([1.0]))
    objective.parameters[0][:] = 1  # at the minimum: no progress after the first epoch
    history = run(objective, max_iter=50, n_iter_no_change=3)
    assert len(history.loss_curve) == 5 and history.converged


def test_validation_without_early_stopping_only_watches():
    objective, scores = Quadratic(np.array([8.0])), iter(range(0, -50, -1))
    history = run(objective, max_iter=20, n_iter_no_change=3, validate=lambda: (next(scores), 1.0))
    assert len(history.loss_curve) == len(history.validation_scores) == 20
    np.testing.assert_allclose(objective.parameters[0], 8, rtol=1e-4)


@pytest.mark.parametrize(
    ("values", "stop"),
    [
        ([1] * 50, 10),  # progress in the first epoch only: ten epochs, as a beginning
        ([*range(1, 8), *[7] * 50], 14),  # the last progress in epoch 7
        ([*[1] * 9, 2, *[2] * 50], 20),  # in epoch 10, just in time
        ([*[1] * 9, 1.04, *[1.04] * 50], 10),  # not enough to count
        (list(range(1, 60)), None),
    ],
)
def test_the_geometric_rule_doubles_the_epochs_at_progress(values, stop):
    # the tutorial's: patience = 10 epochs; max(patience, 2 * epoch) at each real improvement
    rule = Geometric(tol=0.05, n_iter_no_change=10)
    stops = [epoch for epoch, value in enumerate(values, start=1) if rule.stops(value, epoch)]
    assert stops[:1] == ([] if stop is None else [stop])


def test_the_geometric_rule_in_the_loop_and_after_a_reduced_rate():
    objective, optimizer = converged_adaptive(1e-5)
    assert len(run(objective, max_iter=50, rule=Geometric, n_iter_no_change=4).loss_curve) == 4
    history = run(objective, max_iter=50, rule=Geometric, n_iter_no_change=4, optimizer=optimizer)
    assert len(history.loss_curve) == 12  # 1e-5, 2e-6, 4e-7: four epochs each


def test_adaptive_rates_are_divided_before_stopping():
    objective, optimizer = converged_adaptive(1e-4)
    history = run(objective, max_iter=500, n_iter_no_change=1, tol=1e-4, optimizer=optimizer)
    assert history.converged
    np.testing.assert_allclose(optimizer.learning_rate, 1e-4 / 5**3)


@pytest.mark.parametrize("power_t", [0, 0.25, 2, np.int64(2), 400, np.int64(400), 400.0])
def test_invscaling_follows_its_formula_to_a_rate_of_zero(power_t):
    optimizer = Adam(
        [np.zeros(1)],
        beta_1=0.9,
        beta_2=0.9,
        epsilon=1e-8,
        learning_rate_init=0.3,
        learning_rate="invscaling",
        power_t=power_t,
    )
    optimizer.end_epoch(99)
    expected = 0.3 / 100 ** float(power_t) if power_t < 100 else 0.0
    np.testing.assert_allclose(optimizer.learning_rate, expected)


@pytest.mark.parametrize("rate", [10.0, 1e200])
def test_divergence_names_objective_epoch_and_rate(rate):
    # 1e200 overflows in the very last update, after a loss that was still finite
    objective = Quadratic(np.array([1.0, 2]))
    optimizer = SGD(
        objective.parameters, momentum=0.0, nesterovs_momentum=False, learning_rate_init=rate, **CONSTANT
    )
    with pytest.raises(DivergenceError, match=r"Quadratic: .* epoch \d+ .* learning rate 1"):
        with np.errstate(all="ignore"):
            run(objective, max_iter=1000, optimizer=optimizer)


def test_parameters_that_became_infinite_in_the_last_step_are_noticed():
    objective = Quadratic(np.array([1.0, 2]))
    optimizer = SGD(
        objective.parameters, momentum=0.0, nesterovs_momentum=False, learning_rate_init=np.inf, **CONSTANT
    )
    with pytest.raises(DivergenceError, match="epoch 1 "):
        run(objective, max_iter=1, optimizer=optimizer)


def test_a_monitor_may_stop_it():
    class Monitor:
        def begin_epoch(self):
            pass

        def end_epoch(self, history):
            return len(history.loss_curve) == 2

    history = run(Quadratic(np.array([1.0, 2])), max_iter=9, monitor=Monitor())
    assert len(history.loss_curve) == 2


@pytest.mark.parametrize(
    ("name", "options", "oracle"),
    [
        ("sgd", {"momentum": 0.9, "nesterovs_momentum": True}, SGDOptimizer),
        ("sgd", {"momentum": 0.9, "nesterovs_momentum": False}, SGDOptimizer),
        ("sgd", {"momentum": 0.0, "nesterovs_momentum": False}, SGDOptimizer),
        ("adam", {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}, AdamOptimizer),
    ],
)
def test_optimizers_take_the_steps_of_scikit_learns(name, options, oracle):
    rng = np.random.RandomState(0)
    ours = [rng.standard_normal((3, 4)), rng.standard_normal(4)]
    theirs = [p.copy() for p in ours]
    optimizer = OPTIMIZERS[name](ours, learning_rate_init=0.1, **CONSTANT, **options)
    renamed = {"nesterov" if key == "nesterovs_momentum" else key: value for key, value in options.items()}
    reference = oracle(theirs, learning_rate_init=0.1, **renamed)
    for _ in range(5):
        gradients = [rng.standard_normal(p.shape) for p in ours]
        update(optimizer, ours, gradients)
        reference.update_params(theirs, gradients)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_decays_and_epsilon_stay_within_their_bounds_in_the_type(dtype):
    almost, parameters = 1 - 1e-17, [np.zeros(2, dtype)]
    schedule = {"learning_rate_init": 0.1, **CONSTANT}
    adam = Adam(parameters, beta_1=almost, beta_2=almost, epsilon=1e-320, **schedule)
    sgd = SGD(parameters, momentum=almost, nesterovs_momentum=True, **schedule)
    decays = np.array([*adam.decays[:2], sgd.decays[0]], dtype)
    assert (decays < 1).all() and dtype(adam.decays[2]) > 0 and np.isfinite(adam.step_size())
    assert Adam(parameters, beta_1=0.9, beta_2=0.999, epsilon=1e-8, **schedule).decays == (0.9, 0.999, 1e-8)


def test_lbfgs_returns_to_the_best_point_where_its_line_search_fails():
    class Deceptive:
        """A gradient that points uphill: no step improves."""

        name = "deceptive"

        def __init__(self):
            self.parameters = [np.array([1.0, 2.0]), np.array([[3.0]])]

        def evaluate(self, rows, optimizer):
            flat = np.concatenate([parameter.ravel() for parameter in self.parameters])
            return float((flat**2).sum()), -2 * flat

    objective = Deceptive()
    history = minimize_batch(objective, None, rows=np.arange(3), max_iter=5, tol=1e-8)
    np.testing.assert_array_equal(objective.parameters[0], [1, 2])
    np.testing.assert_array_equal(objective.parameters[1], [[3]])
    np.testing.assert_allclose(history.loss_curve, [14])
    assert not history.converged


def test_a_monitor_stops_lbfgs():
    class Bowl:
        name = "bowl"

        def __init__(self):
            self.parameters = [np.array([5.0, -3.0])]

        def evaluate(self, rows, optimizer):
            (x,) = self.parameters
            return float((x**4).sum()), 4 * x**3

    class Monitor:
        def __init__(self):
            self.begun = 0

        def begin_epoch(self):
            self.begun += 1

        def end_epoch(self, history):
            return len(history.loss_curve) == 3

    monitor = Monitor()
    history = minimize_batch(Bowl(), None, rows=np.arange(4), max_iter=50, tol=0, monitor=monitor)
    assert monitor.begun == len(history.loss_curve) == 3 and history.converged
    assert history.position == 12


@pytest.mark.parametrize("learning_rate", ["constant", "invscaling"])
def test_the_schedule_reaches_the_training(learning_rate, X):
    options = {"solver": "sgd", "momentum": 0.0, "corruption_level": 0, "batch_size": 60, "shuffle": False,
               "learning_rate_init": 0.1, "dtype": "float64", "random_state": 0}  # fmt: skip
    layer = DenoisingAutoencoder(3, learning_rate=learning_rate, max_iter=2, **options).fit(X)
    by_hand = DenoisingAutoencoder(3, max_iter=1, warm_start=True, **options).fit(X)
    by_hand.set_params(learning_rate_init=0.1 if learning_rate == "constant" else 0.1 / 61**0.5).fit(X)
    np.testing.assert_allclose(layer.encoder_coef_, by_hand.encoder_coef_, rtol=1e-9)


def test_patience_begins_anew_after_a_reduced_rate():
    objective, optimizer = converged_adaptive(1e-5)
    history = run(objective, max_iter=50, n_iter_no_change=3, optimizer=optimizer)
    assert len(history.loss_curve) == 13  # 1e-5: 1 + 4 epochs; 2e-6 and 4e-7: 4 each
