"""A deep belief network: BernoulliRBM steps as layers of the classifier's encoder."""

import io
import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from test_bad_input import assert_refused

from sklearn_sda import DenoisingAutoencoder, SdAClassifier
from sklearn_sda._parts import find_parts, learning_curves
from sklearn_sda.inspection import FilterDisplay, ReconstructionDisplay

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def make_machine(n_components=30, **options):
    return BernoulliRBM(n_components, **{"n_iter": 5, "learning_rate": 0.05, "random_state": 0, **options})


def test_pretraining_is_that_of_the_pipeline(digits):
    X, y = digits
    machines = make_pipeline(make_machine(), make_machine(20))
    clf = SdAClassifier(machines, max_iter=0).fit(X, y)
    machines.fit(X)
    for ours, theirs in zip(clf.encoder_, machines, strict=True):
        np.testing.assert_array_equal(ours.components_, theirs.components_)
    np.testing.assert_allclose(clf.transform(X), machines.transform(X), rtol=1e-12)
    assert [coef.shape for coef in clf.coefs_] == [(64, 30), (30, 20), (20, 10)]
    assert clf.coefs_[0].dtype == np.float64
    assert SdAClassifier(machines, max_iter=0).fit(X.astype("float32"), y).coefs_[0].dtype == np.float32


def test_fine_tuning_moves_the_machines_own_arrays(digits):
    X, y = digits
    machines = make_pipeline(make_machine(), make_machine(20))
    clf = SdAClassifier(machines, learning_rate_init=0.02, max_iter=60, random_state=0).fit(X, y)
    start = SdAClassifier(machines, max_iter=0).fit(X, y)
    assert clf.score(X, y) > 0.95
    for tuned, pretrained, coef in zip(clf.encoder_, start.encoder_, clf.coefs_, strict=False):
        assert np.shares_memory(tuned.components_, coef)
        assert not np.allclose(tuned.components_, pretrained.components_)
        assert not np.allclose(tuned.intercept_hidden_, pretrained.intercept_hidden_)
    np.testing.assert_allclose(clf.encoder_.transform(X), clf.transform(X), rtol=1e-10)
    for copy in (pickle.loads(pickle.dumps(clf)), joblib.load(dumped(clf))):
        np.testing.assert_array_equal(copy.predict_proba(X), clf.predict_proba(X))
        before = copy.encoder_[0].components_.copy()
        copy.set_params(warm_start=True, max_iter=1).fit(X, y)
        assert not np.array_equal(copy.encoder_[0].components_, before)
        np.testing.assert_allclose(copy.encoder_.transform(X), copy.transform(X), rtol=1e-10)


def dumped(estimator):
    """Return a file-like object with the estimator."""
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return file


def test_fitted_machines_in_a_frozen_pipeline(digits):
    X, y = digits
    machines = make_pipeline(MinMaxScaler(), make_machine(), make_machine(20)).fit(X)
    before = machines[-1].components_.copy()
    clf = SdAClassifier(FrozenEstimator(machines), max_iter=3, random_state=0).fit(X, y)
    np.testing.assert_array_equal(machines[-1].components_, before)  # a copy is tuned
    start = SdAClassifier(FrozenEstimator(machines), max_iter=0).fit(X, y)
    np.testing.assert_allclose(start.transform(X), machines.transform(X), rtol=1e-12)
    assert not np.allclose(clf.transform(X), machines.transform(X))


def test_one_machine_and_machines_among_autoencoders(digits):
    X, y = digits
    assert SdAClassifier(make_machine(), max_iter=1).fit(X, y).transform(X).shape == (200, 30)
    mixed = make_pipeline(make_machine(), DenoisingAutoencoder(10, dtype="float64", max_iter=2))
    clf = SdAClassifier(mixed, max_iter=2, random_state=0).fit(X, y)
    np.testing.assert_allclose(clf.encoder_.transform(X), clf.transform(X), rtol=1e-10)
    mixed = make_pipeline(make_machine(), DenoisingAutoencoder(10, max_iter=2))
    assert_refused(SdAClassifier(mixed), ValueError, "same dtype, got float32 and float64", X, y)


def test_seeds_grids_and_without_pretraining(digits):
    X, y = digits
    encoder = make_pipeline(make_machine(random_state=None), make_machine(20, random_state=None))
    clf = SdAClassifier(encoder, max_iter=2, random_state=3)
    np.testing.assert_array_equal(clf.fit(X, y).coefs_[0], clf.fit(X, y).coefs_[0])
    grid = {"encoder__bernoullirbm-1__n_iter": [1, 3], "pretrain": [True, False]}
    search = GridSearchCV(clf, grid, cv=2, n_jobs=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["mean_test_score"]) == 4
    random = SdAClassifier(encoder, pretrain=False, max_iter=0, random_state=3).fit(X, y)
    assert abs(random.coefs_[0]).max() < 0.06  # the machine's initial parameters are N(0, 0.01**2)
    clf.partial_fit(X, y).partial_fit(X, y)
    clf.set_params(warm_start=True, encoder=make_pipeline(make_machine(7), make_machine(20)))
    assert_refused(clf, ValueError, "Training can't continue", X, y)


def test_pictures(digits, agg):
    X, y = digits
    clf = SdAClassifier(make_pipeline(make_machine(), make_machine(20)), max_iter=2).fit(X, y)
    assert list(learning_curves(clf)) == ["fine-tuning"]
    assert [layer.encoder_coef_.shape for layer in find_parts(clf).layers] == [(64, 30), (30, 20)]
    FilterDisplay.from_estimator(clf)
    machines = SdAClassifier(make_machine(), max_iter=0).fit(X, y)
    display = ReconstructionDisplay.from_estimator(machines, X[:5])
    machine = machines.encoder_
    logits = machine.transform(X[:5]) @ machine.components_ + machine.intercept_visible_
    np.testing.assert_allclose(display.reconstructed, 1 / (1 + np.exp(-logits)), rtol=1e-10)
    np.testing.assert_array_equal(display.corrupted, X[:5])


def test_samples_for_validation_are_for_the_network(digits):
    X, y = digits
    clf = SdAClassifier(make_machine(), max_iter=2, random_state=0)
    plain = clone(clf).fit(X[:150], y[:150])
    watched = clone(clf).fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    assert len(watched.validation_scores_) == 2
    np.testing.assert_array_equal(watched.coefs_[0], plain.coefs_[0])
