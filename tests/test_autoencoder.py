"""One layer: corruption as the papers have it, faithful inputs, scores, continued training."""

import itertools
import pickle
import tracemalloc
from copy import deepcopy

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV

import naive
from marks import slow_without_the_jit
from sklearn_sda import DenoisingAutoencoder
from sklearn_sda._kernels.corruption import CORRUPTIONS
from sklearn_sda._objectives import Reconstruction

QUICK = {"n_components": 3, "activation": "logistic", "max_iter": 3, "random_state": 0}


def parameters_of(layer):
    return [layer.encoder_coef_, layer.encoder_intercept_, layer.decoder_coef_, layer.decoder_intercept_]


def assert_same_layer(a, b):
    for left, right in zip(parameters_of(a), parameters_of(b), strict=True):
        np.testing.assert_array_equal(left, right)


# --- corruption ----------------------------------------------------------------------------------


def record_corrupted(monkeypatch):
    """Return a list that collects everything that is corrupted."""
    seen = []
    noise = CORRUPTIONS["masking"]

    def recording(X, levels, low, high, seed, position, out):
        noise.kernel(X, levels, low, high, seed, position, out)
        seen.append(out.copy())

    monkeypatch.setitem(CORRUPTIONS, "masking", noise._replace(kernel=recording))
    return seen


def test_every_minibatch_is_corrupted_afresh_at_the_given_level(monkeypatch):
    seen = record_corrupted(monkeypatch)
    X = np.ones((200, 20))
    DenoisingAutoencoder(2, corruption_level=0.4, batch_size=200, max_iter=5, random_state=0).fit(X)
    assert len(seen) == 5
    for epoch in seen:
        assert set(np.unique(epoch)) == {0, 1}
        assert abs((epoch == 0).mean() - 0.4) < 4 * np.sqrt(0.24 / X.size)
    for earlier, later in itertools.pairwise(seen):
        assert (earlier != later).mean() > 0.3


def test_level_zero_corrupts_nothing(monkeypatch, X):
    seen = record_corrupted(monkeypatch)
    layer = DenoisingAutoencoder(corruption_level=0, **QUICK).fit(X)
    assert not seen

    def copy(X, levels, low, high, seed, position, out):
        out[...] = X

    monkeypatch.setitem(CORRUPTIONS, "masking", CORRUPTIONS["masking"]._replace(kernel=copy))
    assert_same_layer(layer, DenoisingAutoencoder(corruption_level=0.3, **QUICK).fit(X))


# --- inputs --------------------------------------------------------------------------------------


def variants(X, folder):
    """The same samples in other types, layouts and places."""
    integers = np.round(X * 255)
    path = folder / "X.dat"
    mapped = np.memmap(path, dtype="uint8", mode="w+", shape=X.shape)
    mapped[:] = integers
    mapped.flush()
    yield "uint8", integers.astype("uint8")
    yield "read-only memmap", np.memmap(path, dtype="uint8", mode="r", shape=X.shape)
    yield "fortran", np.asfortranarray(integers.astype("float32"))
    yield "strided", np.repeat(integers, 2, axis=0)[::2]
    yield "int64", integers.astype("int64")
    yield "big-endian", integers.astype(">f8")
    yield "list", integers.tolist()


def test_any_numeric_input_gives_the_same_layer_and_stays_as_it_is(tmp_path, X):
    expected = DenoisingAutoencoder(**QUICK).fit(np.round(X * 255).astype("float32"))
    for name, data in variants(X, tmp_path):
        before = np.array(data)
        layer = DenoisingAutoencoder(**QUICK).fit(data)
        np.testing.assert_array_equal(layer.encoder_coef_, expected.encoder_coef_, err_msg=name)
        np.testing.assert_allclose(layer.transform(data), expected.transform(before), rtol=1e-6, err_msg=name)
        layer.score(data)
        layer.partial_fit(data)
        np.testing.assert_array_equal(np.array(data), before, err_msg=name)


@slow_without_the_jit
def test_x_is_never_copied_or_cast_as_a_whole(tmp_path):
    X = np.memmap(tmp_path / "X.dat", dtype="uint8", mode="w+", shape=(2000, 5000))
    layer = DenoisingAutoencoder(1, max_iter=0, solver="sgd", momentum=0.0, random_state=0).fit(X)
    layer.set_params(max_iter=1, batch_size=2, warm_start=True, corruption_level=0)
    layer.fit(X)  # compiling kernels takes memory too
    tracemalloc.start()
    layer.fit(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # the buffers of a step and parameters take 2.5 MB; X has 10 MB, a mask of it would have as much, a
    # float32 copy four times that
    assert peak < 0.4 * X.nbytes


# --- what is learned -----------------------------------------------------------------------------


@pytest.mark.parametrize("tied", [True, False])
def test_it_learns_to_reconstruct(tied, digits):
    X, _ = digits
    untrained = DenoisingAutoencoder(40, tied_weights=tied, max_iter=0, random_state=0).fit(X)
    trained = DenoisingAutoencoder(
        40, tied_weights=tied, max_iter=40, learning_rate_init=0.01, random_state=0
    ).fit(X)
    assert trained.loss_curve_[-1] < 0.8 * trained.loss_curve_[0]
    error = ((trained.inverse_transform(trained.transform(X)) - X) ** 2).mean()
    assert error < 0.5 * X.var(axis=0).mean()
    assert trained.score(X) > untrained.score(X)


def test_a_linear_autoencoder_spans_the_principal_subspace():
    # an independent oracle: Baldi and Hornik (1989)
    rng = np.random.RandomState(0)
    X = rng.standard_normal((200, 6)) * [5, 4, 1, 0.5, 0.2, 0.1]
    X -= X.mean(axis=0)
    layer = DenoisingAutoencoder(
        2, activation="identity", loss="squared_error", corruption_level=0, max_iter=300, dtype="float64",
        learning_rate_init=0.01, batch_size=200, tol=0, n_iter_no_change=np.inf, random_state=0,
    ).fit(X)  # fmt: skip
    best = PCA(2).fit(X)
    optimum = 0.5 * ((X - best.inverse_transform(best.transform(X))) ** 2).sum(axis=1).mean()
    np.testing.assert_allclose(-layer.score(X), optimum, rtol=1e-3)


def test_tied_weights_stay_tied_and_untied_ones_part(X):
    tied = DenoisingAutoencoder(**QUICK).fit(X)
    assert np.shares_memory(tied.decoder_coef_, tied.encoder_coef_)
    np.testing.assert_array_equal(tied.decoder_coef_, tied.encoder_coef_.T)
    untied = DenoisingAutoencoder(tied_weights=False, **QUICK).fit(X)
    assert not np.shares_memory(untied.decoder_coef_, untied.encoder_coef_)
    assert not np.allclose(untied.decoder_coef_, untied.encoder_coef_.T)


@pytest.mark.parametrize("activation", naive.ACTIVATIONS)
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_transform_and_scores_follow_their_formulas(activation, loss, X):
    layer = DenoisingAutoencoder(
        **{**QUICK, "activation": activation}, loss=loss, dtype="float64", corruption_level=0.9
    ).fit(X)
    W, b, W_prime, b_prime = parameters_of(layer)
    H = naive.ACTIVATIONS[activation][0](X @ W + b)
    np.testing.assert_allclose(layer.transform(X), H, rtol=1e-10)
    losses, link = naive.LOSSES[loss]
    np.testing.assert_allclose(layer.inverse_transform(H), link(H @ W_prime + b_prime), rtol=1e-10)
    np.testing.assert_allclose(layer.score_samples(X), -losses(X, H @ W_prime + b_prime), rtol=1e-10)
    np.testing.assert_allclose(layer.score(X), layer.score_samples(X).mean(), rtol=1e-10)
    np.testing.assert_array_equal(layer.transform(X), layer.transform(X))


def test_long_inputs_pass_in_chunks():
    X = np.random.RandomState(0).uniform(size=(2500, 4))
    layer = DenoisingAutoencoder(dtype="float64", **QUICK).fit(X[:100])
    H = naive.logistic(X @ layer.encoder_coef_ + layer.encoder_intercept_)
    np.testing.assert_allclose(layer.transform(X), H, rtol=1e-10)
    np.testing.assert_allclose(layer.transform(X.astype("float32")), H, rtol=1e-5)
    assert layer.score_samples(X).shape == (2500,)


@pytest.mark.parametrize("n_components", [1, 2, 7])
@pytest.mark.parametrize("n_samples", [1, 5, 16, 21, 1043])
def test_a_rows_result_does_not_depend_on_its_place(n_samples, n_components):
    # to the last bit: BLAS rounds the rows of an incomplete block in another way
    X = np.random.RandomState(0).uniform(size=(n_samples, 30)).astype("float32")
    layer = DenoisingAutoencoder(n_components, max_iter=0, random_state=0).fit(X)
    order = np.random.RandomState(1).permutation(n_samples)
    np.testing.assert_array_equal(layer.transform(X)[order], layer.transform(X[order]))
    np.testing.assert_array_equal(layer.score_samples(X)[order], layer.score_samples(X[order]))


@pytest.mark.parametrize(
    ("data", "link"),
    [
        (np.linspace(0, 1, 20).reshape(10, 2), "logistic"),
        (np.linspace(0, 1 + 2e-16, 20).reshape(10, 2), "logistic"),
        (np.linspace(0, 1 + 4e-16, 20).reshape(10, 2) + 1e-9, "logistic"),  # rounding of a scaler
        (np.linspace(-1, 1, 20).reshape(10, 2), "identity"),
        (np.linspace(0, 255, 20).reshape(10, 2).astype("uint8"), "identity"),
    ],
)
def test_auto_loss_follows_the_range_of_the_data(data, link):
    assert DenoisingAutoencoder(**QUICK).fit(data).out_activation_ == link


def test_a_grid_search_picks_the_better_of_a_planted_pair(digits):
    # a `score` that returned the loss would pick the one that learns nothing
    X, _ = digits
    layer = DenoisingAutoencoder(20, max_iter=10, learning_rate_init=0.01, random_state=0)
    search = GridSearchCV(layer, {"learning_rate_init": [1e-9, 0.01]}, cv=2).fit(X)
    assert search.best_params_ == {"learning_rate_init": 0.01}


# --- course of training --------------------------------------------------------------------------


def test_early_stopping_keeps_the_best_parameters(X):
    layer = DenoisingAutoencoder(
        3, solver="sgd", momentum=0.9, learning_rate_init=0.7, early_stopping=True, validation_fraction=0.3,
        max_iter=40, n_iter_no_change=5, random_state=0,
    ).fit(X)  # fmt: skip
    assert len(layer.validation_scores_) == len(layer.loss_curve_) == layer.n_iter_
    assert layer.best_validation_score_ == max(layer.validation_scores_)
    assert layer.best_loss_ is None
    # the rows set aside, recovered from their score
    best = int(np.argmax(layer.validation_scores_)) + 1
    shorter = clone(layer).set_params(max_iter=best, n_iter_no_change=100).fit(X)
    assert_same_layer(layer, shorter)


def test_the_best_validation_score_is_that_of_the_restored_parameters(X):
    layer = DenoisingAutoencoder(
        3, learning_rate_init=0.05, early_stopping=True, warm_start=True, max_iter=20, random_state=0
    ).fit(X)
    first = layer.best_validation_score_
    layer.set_params(solver="sgd", learning_rate_init=3.0, max_iter=2).fit(X)  # a worse second fit
    assert layer.best_validation_score_ == max(layer.validation_scores_[-2:]) < first
    assert len(layer.validation_scores_) == 22


def test_early_stopping_does_not_train_on_the_validation_rows(monkeypatch, X):
    rows_seen = set()
    step = Reconstruction.step

    def recording(self, rows, position, optimizer):
        rows_seen.update(rows.tolist())
        return step(self, rows, position, optimizer)

    monkeypatch.setattr(Reconstruction, "step", recording)
    DenoisingAutoencoder(early_stopping=True, validation_fraction=0.25, **QUICK).fit(X)
    assert len(rows_seen) == 45


def test_learning_curves(X):
    layer = DenoisingAutoencoder(**QUICK).fit(X)
    assert layer.n_iter_ == len(layer.loss_curve_) == 3
    assert layer.loss_ == layer.loss_curve_[-1] and layer.best_loss_ == min(layer.loss_curve_)
    assert layer.validation_scores_ is layer.best_validation_score_ is None
    assert layer.t_ == 180


@slow_without_the_jit
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus", "identity"])
@pytest.mark.parametrize(("n_features", "n_components"), [(2, 200), (50, 200), (200, 20)])
def test_training_starts_near_the_means_of_the_columns(n_features, n_components, activation, tied):
    # on narrow tables rectifiers once started at thousands of times that loss, and did not come down
    X = np.random.RandomState(0).standard_normal((500, n_features))
    layer = DenoisingAutoencoder(
        n_components, activation=activation, tied_weights=tied, max_iter=0, random_state=0
    )
    assert layer.fit(X).score(X) > 10 * -0.5 * n_features
    layer.set_params(max_iter=100)
    assert layer.fit(X).score(X) > -0.5 * n_features


def test_max_iter_zero_leaves_the_initial_parameters(X):
    layer = DenoisingAutoencoder(3, activation="logistic", max_iter=0, random_state=0).fit(X)
    assert layer.n_iter_ == 0 and layer.loss_curve_ == []
    bound = 4 * np.sqrt(6 / (4 + 3))
    assert abs(layer.encoder_coef_).max() <= bound < 2 * abs(layer.encoder_coef_).max()
    assert not layer.encoder_intercept_.any() and not layer.decoder_intercept_.any()
    # training starts from the same ones
    still = DenoisingAutoencoder(**{**QUICK, "max_iter": 1, "learning_rate_init": 1e-30}).fit(X)
    np.testing.assert_array_equal(still.encoder_coef_, layer.encoder_coef_)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_passes_of_partial_fit_equal_epochs_of_fit(solver, X):
    options = {"solver": solver, "shuffle": False, "batch_size": 20, "n_components": 3, "random_state": 0}
    whole = DenoisingAutoencoder(max_iter=3, tol=0, **options).fit(X)
    pieces = DenoisingAutoencoder(**options)
    for _ in range(3):
        for start in (0, 20, 40):
            pieces.partial_fit(X[start : start + 20])
    assert_same_layer(whole, pieces)
    assert pieces.t_ == whole.t_ == 180


def test_partial_fit_keeps_the_options_of_its_optimizer_but_not_another_solver(X):
    options = {"batch_size": 60, "shuffle": False, "n_components": 3, "random_state": 0}
    layer = DenoisingAutoencoder(solver="sgd", momentum=0.0, learning_rate_init=1e-3, **options)
    layer.partial_fit(X)
    kept = deepcopy(layer).set_params(learning_rate_init=1.0).partial_fit(X)
    assert_same_layer(kept, deepcopy(layer).partial_fit(X))
    other = deepcopy(layer).set_params(solver="adam", learning_rate_init=1e-30).partial_fit(X)
    assert_same_layer(other, layer)


def test_warm_start_continues_with_fresh_corruption(monkeypatch, X):
    seen = record_corrupted(monkeypatch)
    layer = DenoisingAutoencoder(
        3, warm_start=True, learning_rate_init=0.1, batch_size=60, max_iter=2, shuffle=False, random_state=0
    ).fit(X)
    first = layer.encoder_coef_.copy()
    layer.fit(X)
    assert layer.n_iter_ == len(layer.loss_curve_) == 4 and layer.t_ == 240
    assert not np.array_equal(first, layer.encoder_coef_)
    assert layer.loss_curve_[2] < layer.loss_curve_[0]
    assert (seen[0] != seen[2]).any()
    layer.set_params(warm_start=False).fit(X)
    np.testing.assert_array_equal(first, layer.encoder_coef_)


def test_an_integer_seed_gives_the_same_bits(X):
    a, b = DenoisingAutoencoder(**QUICK).fit(X), DenoisingAutoencoder(**QUICK).fit(X)
    assert_same_layer(a, b)
    c = DenoisingAutoencoder(**{**QUICK, "random_state": 1}).fit(X)
    assert not np.array_equal(a.encoder_coef_, c.encoder_coef_)


@pytest.mark.parametrize("tied", [True, False])
def test_persistence(tied, tmp_path, X):
    layer = DenoisingAutoencoder(tied_weights=tied, **QUICK).fit(X)
    joblib.dump(layer, tmp_path / "layer.joblib")
    mapped = joblib.load(tmp_path / "layer.joblib", mmap_mode="r")
    for copy in (pickle.loads(pickle.dumps(layer)), joblib.load(tmp_path / "layer.joblib"), mapped):
        assert_same_layer(layer, copy)
        np.testing.assert_array_equal(copy.transform(X), layer.transform(X))
        np.testing.assert_array_equal(copy.score_samples(X), layer.score_samples(X))
        assert np.shares_memory(copy.encoder_coef_, copy.decoder_coef_) == tied
        copy.partial_fit(X)  # also from read-only arrays
    pickle.loads(pickle.dumps(DenoisingAutoencoder()))


def test_a_saved_model_carries_no_optimizer_state(X):
    assert DenoisingAutoencoder(**QUICK).fit(X)._optimizer is None


def test_names_of_the_code(X):
    layer = DenoisingAutoencoder(**QUICK).fit(X)
    assert list(layer.get_feature_names_out()) == [f"denoisingautoencoder{i}" for i in range(3)]


def test_verbose_prints_a_line_per_epoch(capsys, X):
    DenoisingAutoencoder(**QUICK, verbose=1, early_stopping=True).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("[Autoencoder layer 4 -> 3] epoch 2/3, loss = ")
    assert "validation score = " in lines[1]
    DenoisingAutoencoder(**QUICK).fit(X)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("n_samples", "batch_size", "epochs"), [(60, "auto", 100), (400, 20, 25), (1200, 15, 15)]
)
def test_auto_max_iter_is_a_number_of_updates(n_samples, batch_size, epochs):
    X = np.random.RandomState(0).uniform(size=(n_samples, 2))
    layer = DenoisingAutoencoder(1, batch_size=batch_size, n_iter_no_change=np.inf, random_state=0).fit(X)
    assert layer.n_iter_ == epochs


def test_a_failed_pass_leaves_the_optimizer_as_it_was(X):
    layer = DenoisingAutoencoder(3, loss="squared_error", corruption_level=0, random_state=0).partial_fit(X)
    twin = deepcopy(layer)
    with pytest.raises(ValueError, match="infinite or NaN"):
        layer.partial_fit(X * 1e30)
    np.testing.assert_array_equal(layer.partial_fit(X).encoder_coef_, twin.partial_fit(X).encoder_coef_)


def test_early_stopping_has_no_effect_on_passes_of_a_layer(X):
    layer = DenoisingAutoencoder(3, early_stopping=True, random_state=0).partial_fit(X)
    assert layer.t_ == 60 and layer.validation_scores_ is None
    plain = DenoisingAutoencoder(3, random_state=0).partial_fit(X)
    np.testing.assert_array_equal(layer.encoder_coef_, plain.encoder_coef_)
    layer.partial_fit(X[:1])
