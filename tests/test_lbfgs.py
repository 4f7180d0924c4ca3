"""L-BFGS: SciPy's updates on our losses and gradients, in pretraining and in fine-tuning."""

import numpy as np
import pytest
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import check_random_state
from test_bad_input import assert_refused

import naive
from marks import slow_without_the_jit
from sklearn_sda import DenoisingAutoencoder, SdAClassifier, SdARegressor, StackedAutoencoderTransformer

LAYER = {
    "activation": "tanh",
    "loss": "squared_error",
    "solver": "lbfgs",
    "dtype": "float64",
    "alpha": 0.1,
    "random_state": 0,
}


@pytest.mark.parametrize("tied_weights", [True, False])
def test_it_finds_what_scipy_finds_for_the_naive_loss(tied_weights, X):
    layer = DenoisingAutoencoder(2, tied_weights=tied_weights, max_iter=200, tol=1e-7, **LAYER)
    start = layer.set_params(max_iter=0).fit(X)
    arrays = [start.encoder_coef_, start.encoder_intercept_, start.decoder_intercept_]
    arrays += [] if tied_weights else [start.decoder_coef_]
    seed = check_random_state(0).randint(np.iinfo(np.int32).max)
    X_tilde = naive.masking(X, np.full(4, 0.3), None, None, seed, 0)  # the same noise in every iteration

    def loss(flat):
        W, b, b_prime, *W_prime = np.split(flat, np.cumsum([array.size for array in arrays])[:-1])
        W_prime = W_prime[0].reshape(2, 4) if W_prime else None
        return naive.reconstruction_loss(
            X, X_tilde, W.reshape(4, 2), b, b_prime, W_prime, "tanh", "squared_error", 0.1
        )

    first = np.concatenate([array.ravel() for array in arrays])
    expected = scipy.optimize.minimize(loss, first, method="BFGS").fun
    fitted = layer.set_params(max_iter=500).fit(X)
    assert abs(fitted.loss_ - expected) < 1e-6
    assert fitted.n_iter_ == len(fitted.loss_curve_) < 500 and fitted.best_loss_ == min(fitted.loss_curve_)
    assert (np.diff(fitted.loss_curve_) <= 0).all()


def test_fine_tuning_follows_scikit_learns_mlp(digits):
    X, y = digits
    clf = SdAClassifier(
        StackedAutoencoderTransformer((12,), activation="logistic", dtype="float64"),
        pretrain=False, solver="lbfgs", alpha=0.5, max_iter=0, random_state=0,
    ).fit(X, y)  # fmt: skip
    mlp = MLPClassifier(
        (12,), activation="logistic", solver="lbfgs", alpha=0.5, max_iter=15, random_state=0, warm_start=True
    )
    with pytest.warns(ConvergenceWarning):
        mlp.fit(X, y)
    mlp.coefs_ = [coef.copy() for coef in clf.coefs_]
    mlp.intercepts_ = [intercept.copy() for intercept in clf.intercepts_]
    with pytest.warns(ConvergenceWarning):
        mlp.fit(X, y)
    with pytest.warns(ConvergenceWarning, match="maximum number of iterations"):
        clf.set_params(max_iter=15).fit(X, y)
    np.testing.assert_allclose(clf.loss_, mlp.loss_, rtol=1e-6)
    np.testing.assert_allclose(clf.predict_proba(X), mlp.predict_proba(X), atol=1e-4)


@slow_without_the_jit
def test_in_every_phase_in_float32(digits):
    X, y = digits
    stack = StackedAutoencoderTransformer((30, 10), solver="lbfgs", activation="tanh", fine_tune=True)
    clf = make_pipeline(MinMaxScaler(), SdAClassifier(stack, solver="lbfgs", random_state=0)).fit(X, y)
    assert clf.score(X, y) == 1
    encoder = clf[-1].encoder_
    for curve in (encoder[0].loss_curve_, encoder[1].loss_curve_, encoder.loss_curve_, clf[-1].loss_curve_):
        assert len(curve) > 5 and curve[-1] < curve[0]
    assert encoder[0].t_ == 200 * encoder[0].n_iter_


def test_it_continues_and_prints_its_iterations(X, capsys):
    layer = DenoisingAutoencoder(2, max_iter=3, verbose=1, warm_start=True, **LAYER).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and "epoch 3/3" in lines[-1] and f"{layer.loss_:.6g}" in lines[-1]
    layer.fit(X)
    assert layer.n_iter_ == 6 and layer.loss_ < layer.loss_curve_[2]


@pytest.mark.parametrize("corruption", ["masking", lambda X, level, random_state: X + level])
def test_penalties_and_labels_take_part(corruption, X, y):
    layer = DenoisingAutoencoder(3, corruption=corruption, **{**LAYER, "activation": "logistic"}).fit(X)
    codes = layer.transform(X)
    for change in (
        {"supervision": 0.9},
        {"contraction": 1.0},
        {"sparsity_weight": 1.0},
        {"activity_l1": 1.0},
    ):
        options = {**LAYER, "activation": "logistic", **change}
        other = DenoisingAutoencoder(3, corruption=corruption, **options).fit(X, y)
        assert not np.allclose(other.transform(X), codes, atol=1e-3)


def test_what_makes_no_sense_with_it(X, y):
    layer = DenoisingAutoencoder(2, **LAYER)
    assert_refused(layer, AttributeError, "has no attribute 'partial_fit'", X, method="partial_fit")
    layer.set_params(early_stopping=True)
    assert_refused(layer, ValueError, "early_stopping=True makes no sense with solver='lbfgs'", X)
    clf = SdAClassifier((3,), solver="lbfgs", dropout=0.1)
    assert_refused(clf, ValueError, "dropout=0.1 .* make no sense with solver='lbfgs'", X, y)
    clf = SdAClassifier((3,), solver="lbfgs")
    assert_refused(
        clf, AttributeError, "has no attribute 'partial_fit'", X, y, [0, 1, 2], method="partial_fit"
    )


def test_divergence_is_an_error(X):
    layer = DenoisingAutoencoder(2, **{**LAYER, "dtype": "float32"})
    assert_refused(layer, ValueError, "infinite or NaN in iteration 1 of L-BFGS", X * 1e30)


def test_it_has_no_early_stopping_in_any_phase(X, y):
    match = "early_stopping=True makes no sense with solver='lbfgs'"
    options = {"solver": "lbfgs", "early_stopping": True}
    for network in (SdAClassifier((3,), **options), SdARegressor((3,), **options)):
        assert_refused(network, ValueError, match, X, y)
    assert_refused(StackedAutoencoderTransformer((3,), max_iter=1, fine_tune=options), ValueError, match, X)
