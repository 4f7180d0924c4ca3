"""What is trained: frozen layers, factors of the learning rate, stacks that have grown, passes, caches."""

import copy

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from test_bad_input import assert_refused
from test_few_labels import make_classifier, make_encoder, make_regressor, partly, same_parameters

import sklearn_sda._supervised as supervised
from marks import slow_without_the_jit
from sklearn_sda import DenoisingAutoencoder, SdAClassifier, StackedAutoencoderTransformer
from sklearn_sda._objectives import Network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# --- freezing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("freeze", [0, 1, 2])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("make", [make_classifier, make_regressor])
def test_frozen_layers_keep_every_bit_and_the_others_move(make, solver, freeze, X, y):
    pretrained = make_encoder().fit(X)
    fitted = make(freeze=freeze, solver=solver, max_iter=5).fit(X, y)
    for number in range(2):
        arrays = zip(
            (fitted.coefs_[number], fitted.intercepts_[number]),
            (pretrained.coefs_[number], pretrained.intercepts_[number]),
            strict=True,
        )
        same = [np.array_equal(*pair) for pair in arrays]
        assert same == [number < freeze] * 2
    assert fitted.output_coef_.any()


def test_the_others_are_trained_as_on_the_code_of_the_frozen_ones(X, y):
    # also where most samples have no label, and with dropout of the code
    some = partly(y)
    stack = make_encoder().fit(X)
    clf = make_classifier(FrozenEstimator(stack), freeze=1, early_stopping=True, validation_fraction=0.25)
    clf.fit(X, some)
    upper = make_classifier(FrozenEstimator(stack[1]), early_stopping=True, validation_fraction=0.25)
    upper.fit(stack[0].transform(X), some)
    np.testing.assert_array_equal(clf.coefs_[1], upper.coefs_[0])
    assert clf.validation_scores_ == upper.validation_scores_
    dropped = make_classifier(FrozenEstimator(stack), freeze=1, dropout=0.5).fit(X, y)
    assert not np.array_equal(
        dropped.coefs_[1], make_classifier(FrozenEstimator(stack), freeze=1).fit(X, y).coefs_[1]
    )
    np.testing.assert_array_equal(dropped.coefs_[0], stack.coefs_[0])


def test_dropout_and_factors_are_those_of_the_layers_that_are_trained(X, y, monkeypatch):
    given = {}
    init = Network.__init__

    def recording(self, X, write_targets, parameters, **kwargs):
        given.update(kwargs)
        init(self, X, write_targets, parameters, **kwargs)

    monkeypatch.setattr(Network, "__init__", recording)
    clf = make_classifier(freeze=1, dropout=(0.1, 0.2), learning_rate_factors=(5, 0.5, 1)).fit(X, y)
    assert given["dropout"] == [0.1, 0.2] and given["rate_factors"] == [0.5, 1] and len(given["seeds"]) == 2
    clf.set_params(freeze=2).fit(X, y)
    assert given["dropout"] == [0.2] and given["rate_factors"] == [1] and given["activations"] == []


@slow_without_the_jit
def test_freezing_is_linear_classification_in_the_end(digits):
    X, y = digits
    clf = make_classifier(StackedAutoencoderTransformer((30,), random_state=0), freeze=1, max_iter=200).fit(
        X, y
    )
    assert clf.score(X, y) > 0.9
    unfrozen = clf.set_params(freeze=0, warm_start=True, max_iter=5)
    before = clf.coefs_[0].copy()
    assert not np.array_equal(unfrozen.fit(X, y).coefs_[0], before)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"freeze": 3}, "freeze=3 is more than the number of hidden layers, 2"),
        ({"freeze": -1}, "'freeze' parameter"),
        ({"freeze": 1, "input_dropout": 0.1}, "input_dropout=0.1 makes no sense with freeze=1"),
        ({"learning_rate_factors": (1, 2)}, "2 values for 2 hidden layers and the output layer. Give 3"),
        ({"learning_rate_factors": (1, 2, -1)}, "number of at least 0"),
        ({"learning_rate_factors": (1, 2, np.inf)}, "number of at least 0"),
        ({"learning_rate_factors": (1, 1, 1), "solver": "lbfgs"}, "no learning rate"),
        ({"stopping": "wrong"}, "'stopping' parameter"),
        ({"memory": 5}, "'memory' parameter"),
    ],
)
def test_parameters_that_are_refused(options, match, X, y):
    for make in (make_classifier, make_regressor):
        assert_refused(make(**options), ValueError, match, X, y)


def test_factors_of_the_learning_rate(X, y):
    stack = FrozenEstimator(make_encoder().fit(X))
    fitted = make_classifier(stack, learning_rate_factors=(0, 1, 1)).fit(X, y)
    np.testing.assert_array_equal(fitted.coefs_[0], stack.coefs_[0])
    ones = make_classifier(stack, learning_rate_factors=[1, 1, 1]).fit(X, y)
    assert same_parameters(ones, make_classifier(stack).fit(X, y))
    twice = make_classifier(stack, learning_rate_factors=[2, 2, 2]).fit(X, y)
    np.testing.assert_allclose(
        twice.coefs_[0], make_classifier(stack, learning_rate_init=0.002).fit(X, y).coefs_[0], rtol=1e-5
    )
    frozen = make_classifier(stack, freeze=1, learning_rate_factors=(5, 0.5, 1)).fit(X, y)
    np.testing.assert_array_equal(frozen.coefs_[0], stack.coefs_[0])


def test_frozen_codes_are_those_of_all_rows(X, monkeypatch):
    monkeypatch.setattr(supervised, "CHUNK", 7)
    stack = make_encoder().fit(X)
    for rows in (range(60), np.arange(60)[::2]):
        codes = supervised.frozen_code(list(stack), X, rows)
        np.testing.assert_allclose(codes[rows], stack.transform(X)[rows], rtol=1e-4, atol=1e-6)


# --- stacks that have grown -----------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"sample_weight": True}, {"X_val": True}])
def test_a_stack_that_has_grown_keeps_its_layers_and_trains_the_new_ones(options, X):
    weights = {"sample_weight": np.arange(60) % 3} if "sample_weight" in options else {}
    weights |= {"X_val": X[:10]} if "X_val" in options else {}
    whole = StackedAutoencoderTransformer((6, 5, 4), max_iter=3, random_state=0)
    small = clone(whole).set_params(hidden_layer_sizes=(6,), warm_start=True).fit(X, **weights)
    layer = small[0]
    grown = small.set_params(hidden_layer_sizes=(6, 5, 4)).fit(X, **weights)
    assert len(grown) == 3 and grown[0] is not layer
    np.testing.assert_array_equal(grown[0].encoder_coef_, layer.encoder_coef_)
    expected = clone(whole).fit(X, **weights)
    for a, b in zip(grown.coefs_, expected.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)  # as if it had been as large from the beginning
    assert all(isinstance(layer, DenoisingAutoencoder) for layer in grown)
    grown.fit(X, **weights)  # not grown any more: all of them continue
    assert not np.array_equal(grown.coefs_[0], layer.encoder_coef_)


def test_a_classifier_whose_stack_has_grown(X, y):
    clf = make_classifier(make_encoder(hidden_layer_sizes=(6,)), warm_start=True).fit(X, y)
    tuned = clf.coefs_[0].copy()
    clf.set_params(encoder__hidden_layer_sizes=(6, 5), max_iter=0).fit(X, y)
    np.testing.assert_array_equal(clf.coefs_[0], tuned)
    assert [coef.shape for coef in clf.coefs_] == [(4, 6), (6, 5), (5, 3)] and not clf.output_coef_.any()
    assert clf.encoder_[1].n_iter_ == 3 and clf.encoder_[0].n_iter_ == 3
    clf.set_params(max_iter=5).fit(X, y)
    assert clf.predict(X).shape == (60,)
    assert_refused(clf.set_params(encoder__hidden_layer_sizes=(6,)), ValueError, "can't continue", X, y)
    grown = make_classifier(make_encoder()).partial_fit(X, y, classes=[0, 1, 2])
    grown.set_params(encoder__hidden_layer_sizes=(6, 5, 4))
    assert_refused(grown, ValueError, "can't continue", X, y, method="partial_fit")


# --- passes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("make", [make_classifier, make_regressor])
def test_minibatches_in_pieces_equal_epochs(make, solver, X, y):
    # each piece is a minibatch; the passes over them are the epochs of a fit without shuffling
    encoder = FrozenEstimator(make_encoder().fit(X))
    options = {"solver": solver, "shuffle": False, "batch_size": 20, "tol": 0, "n_iter_no_change": np.inf}
    whole = make(encoder, max_iter=3, **options).fit(X, y)
    piecewise = make(encoder, **options)
    if make is make_regressor:  # which starts at the mean of what it sees
        piecewise.set_params(max_iter=0).fit(X, y)
    classes = {"classes": [0, 1, 2]} if make is make_classifier else {}
    for _ in range(3):
        for start in range(0, 60, 20):
            piecewise.partial_fit(X[start : start + 20], y[start : start + 20], **classes)
    for a, b in zip(piecewise.coefs_ + piecewise.intercepts_, whole.coefs_ + whole.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    assert piecewise.t_ == whole.t_ == 180


def test_pretraining_in_pieces_equals_epochs(X):
    options = {"max_iter": 1, "shuffle": False, "batch_size": 20, "random_state": 0}
    layer = DenoisingAutoencoder(6, **options)
    whole = clone(layer).set_params(max_iter=3, tol=0, n_iter_no_change=np.inf).fit(X)
    piecewise = clone(layer)
    for _ in range(3):
        for start in range(0, 60, 20):
            piecewise.partial_fit(X[start : start + 20])
    np.testing.assert_array_equal(piecewise.encoder_coef_, whole.encoder_coef_)


def test_both_phases_in_pieces_and_after_early_stopping(X, y):
    stack = make_encoder()
    for start in range(0, 60, 20):
        stack.partial_fit(X[start : start + 20])
    clf = make_classifier(FrozenEstimator(stack))
    for start in range(0, 60, 20):
        clf.partial_fit(X[start : start + 20], y[start : start + 20], classes=[0, 1, 2])
    assert clf.t_ == 60
    early = make_classifier(early_stopping=True).fit(X, y)
    losses, scores = list(early.loss_curve_), list(early.validation_scores_)
    early.partial_fit(X, y)
    assert early.loss_curve_[:-1] == losses and early.n_iter_ == len(losses) + 1
    assert early.validation_scores_[:-1] == scores and np.isnan(early.validation_scores_[-1])
    frozen = make_classifier(freeze=1).partial_fit(X, y, classes=[0, 1, 2])
    frozen.set_params(freeze=0).partial_fit(X, y)  # the optimizer has other parameters now, and is new
    assert frozen.t_ == 120


# --- one pretraining for a whole grid -------------------------------------------------------------


@pytest.fixture
def counted(monkeypatch, tmp_path):
    """Return a folder, and a list that grows by one with each pretraining that is not from the cache."""
    calls, original = [], supervised.fit_autoencoders

    def fit_autoencoders(encoder, key, X, y, metadata):
        calls.append(1)
        return original(encoder, key, X, y, metadata)

    monkeypatch.setattr(supervised, "fit_autoencoders", fit_autoencoders)
    return str(tmp_path), calls


GRID = {"learning_rate_init": [0.001, 0.01, 0.1], "alpha": [0, 0.1], "max_iter": [2, 4]}


def test_a_grid_of_twelve_pretrains_once_per_fold(counted, X, y):
    folder, calls = counted
    results = []
    for memory in (folder, None):
        calls.clear()
        search = GridSearchCV(make_classifier(memory=memory), GRID, cv=3, refit=False).fit(X, y)
        results.append(search.cv_results_["mean_test_score"])
        assert len(calls) == (3 if memory else 36)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"dropout": 0.5, "solver": "sgd", "freeze": 1, "verbose": 0, "class_weight": "balanced"}, False),
        ({"encoder__verbose": 1}, False),
        ({"encoder__max_iter": 4}, True),
        ({"encoder__random_state": 5}, True),
    ],
)
def test_only_what_determines_pretraining_is_in_the_key(counted, change, again, X, y, capsys):
    folder, calls = counted
    clf = make_classifier(memory=folder)
    first = clf.fit(X, y)
    second = clone(clf).set_params(**change).fit(X, y)
    assert len(calls) == 1 + again
    third = clone(clf).fit(X, (y + 1) % 3)  # no layer sees the labels
    assert len(calls) == 1 + again
    assert same_parameters(clone(clf).set_params(memory=None).fit(X, y), first)
    assert not same_parameters(first, second) or change == {"encoder__verbose": 1}
    assert third.encoder_ is not first.encoder_
    clone(clf).fit(X[:-1], y[:-1])
    clone(clf).fit(X, y, sample_weight=1 + y)
    assert len(calls) == 4 + again  # one of them without the cache


def test_labels_are_in_the_key_where_they_matter(counted, X, y):
    folder, calls = counted
    encoders = {
        make_encoder(supervision=0.5): 2,
        make_pipeline(MinMaxScaler(), make_encoder()): 1,
    }
    for encoder, expected in encoders.items():
        calls.clear()
        clf = make_classifier(encoder, memory=folder)
        clf.fit(X, y)
        clone(clf).fit(X, y)
        clone(clf).fit(X, (y + 1) % 3)
        assert len(calls) == expected


def test_the_cache_is_not_fine_tuned(X, y, tmp_path):
    for memory in (joblib.Memory(tmp_path, verbose=0), joblib.Memory(tmp_path, mmap_mode="r", verbose=0)):
        clf = make_classifier(memory=memory)
        first = copy.deepcopy(clf.fit(X, y).coefs_)
        again = clone(clf).fit(X, y).coefs_
        for a, b in zip(first, again, strict=True):
            np.testing.assert_array_equal(a, b)


def test_new_layers_are_seeded_by_the_classifier(X, y):
    fits = []
    for _ in range(2):
        encoder = StackedAutoencoderTransformer((4,), max_iter=1)
        clf = SdAClassifier(encoder, warm_start=True, max_iter=1, random_state=0).fit(X, y)
        fits.append(clf.set_params(encoder__hidden_layer_sizes=(4, 3)).fit(X, y).coefs_[1])
    np.testing.assert_array_equal(*fits)
