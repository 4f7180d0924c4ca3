"""To scikit-learn's perceptrons and back, and parameters in files."""

import json
import os
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import BernoulliRBM, MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.validation import check_is_fitted
from test_bad_input import assert_refused
from test_few_labels import INDICATOR, make_classifier, make_encoder, make_regressor

from sklearn_sda import DenoisingAutoencoder, SdAClassifier, SdARegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TARGETS = {
    "three classes": (make_classifier, lambda y: np.array(["a", "b", "c"])[y]),
    "two classes": (make_classifier, lambda y: y % 2),
    "indicators": (make_classifier, lambda y: INDICATOR[y]),
    "a number": (make_regressor, lambda y: y + 0.5),
    "numbers": (make_regressor, lambda y: np.column_stack([y, 2.0 - y])),
}
every_target = pytest.mark.parametrize("target", TARGETS)


# --- perceptrons ----------------------------------------------------------------------------------


@every_target
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_a_network_and_its_perceptron_predict_the_same(activation, dtype, tolerance, target, X, y):
    make, code = TARGETS[target]
    labels = code(y)
    network = make(make_encoder(activation=activation, dtype=dtype), max_iter=20).fit(X, labels)
    mlp = network.to_sklearn()
    assert type(mlp) is (MLPClassifier if make is make_classifier else MLPRegressor)
    check_is_fitted(mlp)
    back = type(network).from_sklearn(mlp)
    for a, b in ((network, mlp), (mlp, back)):
        np.testing.assert_array_equal(a.predict(X).shape, b.predict(X).shape)
        if make is make_classifier:
            np.testing.assert_array_equal(a.classes_, b.classes_)
            np.testing.assert_array_equal(a.predict(X), b.predict(X))
            np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), rtol=0, atol=tolerance)
        else:
            np.testing.assert_allclose(a.predict(X), b.predict(X), rtol=0, atol=10 * tolerance)
        np.testing.assert_allclose(a.score(X, labels), b.score(X, labels), rtol=1e-5, atol=1e-6)
    assert back.coefs_[0].dtype == dtype and mlp.coefs_[0] is not network.coefs_[0]
    assert mlp.loss_curve_ == network.loss_curve_ and mlp.n_iter_ == network.n_iter_


@every_target
def test_both_go_on_learning(target, X, y):
    make, code = TARGETS[target]
    labels = code(y)
    network = make(max_iter=5, alpha=0.01, learning_rate_init=0.02, batch_size=30).fit(X, labels)
    mlp = network.to_sklearn()
    assert mlp.alpha == 0.01 and mlp.learning_rate_init == 0.02 and mlp.hidden_layer_sizes == (6, 5)
    start = mlp.coefs_[0].copy()
    for _ in range(100):
        mlp.partial_fit(X, labels)
    assert not np.array_equal(mlp.coefs_[0], start) and len(mlp.loss_curve_) == 105
    assert len(network.loss_curve_) == 5  # a list of its own
    back = type(network).from_sklearn(mlp).set_params(warm_start=True, max_iter=10)
    assert back.alpha == 0.01 and back.loss_curve_ == mlp.loss_curve_
    loss = back.loss_
    back.fit(X, labels)
    assert len(back.loss_curve_) > 105 and back.loss_curve_[105] < 2 * loss + 0.1  # not from the beginning
    clone(back).set_params(warm_start=False).fit(X, labels)


def test_scikit_learns_own_networks_come_over(digits):
    X, y = digits
    for labels in (y, y % 2, (y[:, None] % [2, 3, 5] == 0).astype(int)):
        mlp = MLPClassifier((20, 10), max_iter=30, random_state=0).fit(X, labels)
        network = SdAClassifier.from_sklearn(mlp)
        np.testing.assert_array_equal(network.predict(X), mlp.predict(X))
        probabilities = network.predict_proba(X)
        np.testing.assert_allclose(probabilities, mlp.predict_proba(X), rtol=0, atol=1e-12)
        assert network.transform(X).shape == (200, 10) and len(network.encoder_) == 2
    mlp = MLPRegressor(hidden_layer_sizes=(20,), max_iter=30, random_state=0).fit(X, np.column_stack([y, -y]))
    np.testing.assert_allclose(SdARegressor.from_sklearn(mlp).predict(X), mlp.predict(X), rtol=1e-10)


def test_names_of_features_go_along(X, y):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    network = make_classifier().fit(frame, y)
    mlp = network.to_sklearn()
    assert list(mlp.feature_names_in_) == list("abcd")
    mlp.predict(frame)
    assert list(SdAClassifier.from_sklearn(mlp).feature_names_in_) == list("abcd")


def test_a_belief_network_is_a_perceptron_too(X, y):
    network = SdAClassifier(BernoulliRBM(5, n_iter=2, random_state=0), max_iter=5, random_state=0).fit(X, y)
    mlp = network.to_sklearn()
    np.testing.assert_allclose(mlp.predict_proba(X), network.predict_proba(X), atol=1e-12)


def test_what_no_perceptron_can_be_is_said(X, y):
    for encoder, match in (
        (make_encoder(activation="softplus"), r"one activation.*have \['softplus'\]"),
        (make_encoder(activation=("tanh", "relu")), r"one activation.*have \['relu', 'tanh'\]"),
        (
            make_pipeline(MinMaxScaler(), make_encoder()),
            "no preprocessing.*MinMaxScaler.*Put it before",
        ),
    ):
        with pytest.raises(ValueError, match=match):
            make_classifier(encoder).fit(X, y).to_sklearn()
    with pytest.raises(NotFittedError):
        make_classifier().to_sklearn()
    with pytest.raises(NotFittedError):
        SdAClassifier.from_sklearn(MLPClassifier())
    with pytest.raises(TypeError, match="needs a fitted MLPClassifier, got MLPRegressor"):
        SdAClassifier.from_sklearn(MLPRegressor())
    with pytest.raises(TypeError, match="needs a fitted MLPRegressor, got 3"):
        SdARegressor.from_sklearn(3)


# --- files ----------------------------------------------------------------------------------------

MAKERS = {
    "layer": lambda **options: DenoisingAutoencoder(5, **{"max_iter": 2, "random_state": 0, **options}),
    "stack": lambda **options: make_encoder(**options),
    "fine-tuned stack": lambda **options: make_encoder(fine_tune=True, **options),
    "classifier": lambda **options: make_classifier(make_encoder(**options)),
    "regressor": lambda **options: make_regressor(make_encoder(**options)),
}
every_maker = pytest.mark.parametrize("name", MAKERS)


@pytest.fixture
def path(tmp_path):
    pytest.importorskip("safetensors")
    return tmp_path / "parameters.safetensors"


def outputs(estimator, X):
    results = [estimator.transform(X)]
    if hasattr(estimator, "predict"):
        results.append(estimator.predict(X))
    else:
        results += [estimator.inverse_transform(results[0]), estimator.score_samples(X)]
    return results


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions")
def test_a_file_may_be_read_by_whom_the_umask_lets(path, X, y):
    before = os.umask(0o022)
    try:
        make_classifier().fit(X, y).save_parameters(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


@every_maker
@pytest.mark.parametrize(
    "options", [{}, {"tied_weights": False, "dtype": "float64"}, {"loss": "squared_error"}]
)
@pytest.mark.parametrize("fitted", [False, True])
def test_there_and_back(name, options, fitted, path, X, y):
    saved = MAKERS[name](**options).fit(X, y)
    saved.save_parameters(path)
    other = MAKERS[name](**options)
    if fitted:
        other.fit(X[::-1] ** 2, y)
        arrays = other.coefs_ if hasattr(other, "coefs_") else [other.encoder_coef_]
    assert other.load_parameters(str(path)) is other
    if name == "fine-tuned stack" and not fitted:
        other.loss_curve_ = []  # the file has parameters, not what was done to them
    for a, b in zip(outputs(saved, X), outputs(other, X), strict=True):
        np.testing.assert_array_equal(a, b)
    if fitted:  # in place: nobody else's arrays
        now = other.coefs_ if hasattr(other, "coefs_") else [other.encoder_coef_]
        assert all(a is b for a, b in zip(arrays, now, strict=True))
    assert other.get_params(deep=False).keys() == saved.get_params(deep=False).keys()
    if name != "layer":
        continued = clone(other).set_params(random_state=0)
        assert continued.fit(X, y) is continued
    other.fit(X, y)


def test_names_shapes_versions_and_types_are_in_the_file(path, X, y):
    from safetensors import safe_open

    import sklearn_sda

    make_classifier(make_encoder(tied_weights=(True, False))).fit(X, y).save_parameters(path)
    with safe_open(path, framework="np") as file:
        shapes = {name: file.get_tensor(name).shape for name in file.keys()}
        metadata = file.metadata()
    assert shapes == {
        "layer1.encoder_coef": (4, 6), "layer1.encoder_intercept": (6,), "layer1.decoder_intercept": (4,),
        "layer2.encoder_coef": (6, 5), "layer2.encoder_intercept": (5,), "layer2.decoder_intercept": (6,),
        "layer2.decoder_coef": (5, 6), "output.coef": (5, 3), "output.intercept": (3,),
    }  # fmt: skip
    assert metadata["sklearn_sda"] == sklearn_sda.__version__ and metadata["estimator"] == "SdAClassifier"
    assert json.loads(metadata["classes"]) == [0, 1, 2]
    assert json.loads(metadata["activations"]) == ["tanh", "tanh"]


def test_a_deeper_estimator_takes_its_lower_layers(path, X, y):
    saved = make_encoder().fit(X)
    saved.save_parameters(path)
    for deeper in (
        make_encoder(hidden_layer_sizes=(6, 5, 3)),
        make_encoder(hidden_layer_sizes=(6, 5, 3)).fit(X),
    ):
        before = deeper[2].encoder_coef_.copy() if hasattr(deeper, "pipeline_") else None
        deeper.load_parameters(path)
        for number in range(2):
            np.testing.assert_array_equal(deeper.coefs_[number], saved.coefs_[number])
        assert before is None or np.array_equal(deeper.coefs_[2], before)
    clf = make_classifier(make_encoder(hidden_layer_sizes=(6, 5, 3))).fit(X, y)
    output = clf.output_coef_.copy()
    clf.load_parameters(path)
    np.testing.assert_array_equal(clf.coefs_[1], saved.coefs_[1])
    np.testing.assert_array_equal(clf.output_coef_, output)
    make_classifier().fit(X, y).save_parameters(path)
    np.testing.assert_array_equal(make_encoder().load_parameters(path).transform(X).shape, (60, 5))


def test_any_encoder_and_names_of_features(path, X, y):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    encoder = make_pipeline(
        BernoulliRBM(5, n_iter=1, random_state=0), DenoisingAutoencoder(3, dtype="float64")
    )
    saved = make_classifier(encoder).fit(frame, y)
    saved.save_parameters(path)
    other = clone(saved).load_parameters(path)
    np.testing.assert_array_equal(other.predict_proba(frame), saved.predict_proba(frame))
    assert list(other.feature_names_in_) == list("abcd")
    scaled = make_classifier(make_pipeline(MinMaxScaler(), make_encoder())).fit(X, y)
    scaled.save_parameters(path)
    again = clone(scaled).fit(X, (y + 1) % 3).load_parameters(path)
    np.testing.assert_array_equal(again.predict_proba(X), scaled.predict_proba(X))


def test_what_is_refused_names_the_array_both_shapes_and_the_layer(path, X, y):
    make_classifier().fit(X, y).save_parameters(path)

    def refused(estimator, match):
        for fitted in (False, True):
            if fitted:
                estimator = estimator.fit(X, y)
            assert_refused(estimator, ValueError, match, path, method="load_parameters")

    refused(
        make_encoder(hidden_layer_sizes=(6, 4)),
        r"layer2.encoder_coef has shape \(6, 5\).*\(6, 4\) in layer 2",
    )
    refused(make_encoder(hidden_layer_sizes=(6,)), "has 2 layers, this estimator 1")
    refused(make_encoder(activation="relu"), "Layer 1 has activation='tanh'.*'relu'")
    refused(make_encoder(tied_weights=(True, False)), "layer2.decoder_coef is not in .*tied_weights")
    refused(
        make_regressor(), r"output.coef has shape \(5, 3\).*\(5, 1\)|can't become those of a SdARegressor"
    )
    other = make_encoder().fit(X[:, :3])
    match = r"layer1.(de|en)coder_\w+ has shape \(4,.*\(3,.*layer 1"
    assert_refused(other, ValueError, match, path, method="load_parameters")
    other = make_classifier().fit(X, y + 1)
    assert_refused(other, ValueError, r"classes \[0, 1, 2\].*\[1, 2, 3\]", path, method="load_parameters")
    path.write_bytes(b"no parameters at all")
    assert_refused(make_encoder(), ValueError, "is not a safetensors file", path, method="load_parameters")
    with pytest.raises(FileNotFoundError):
        make_encoder().load_parameters(path.with_name("nothing"))
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(3)}, path)
    assert_refused(make_encoder(), ValueError, "its format is None", path, method="load_parameters")
    with pytest.raises(NotFittedError):
        make_encoder().save_parameters(path)
    make_encoder().fit(X).save_parameters(path)
    assert_refused(
        make_classifier(), ValueError, "no output layer.*FrozenEstimator", path, method="load_parameters"
    )


def test_a_deeper_network_keeps_its_output_layer(path, X, y):
    shallow = make_classifier(make_encoder(hidden_layer_sizes=(6,))).fit(X, y)
    shallow.save_parameters(path)
    deeper = make_classifier(make_encoder(hidden_layer_sizes=(6, 6))).fit(X, y)
    output = deeper.output_coef_.copy()
    deeper.load_parameters(path)
    np.testing.assert_array_equal(deeper.coefs_[0], shallow.coefs_[0])
    np.testing.assert_array_equal(deeper.output_coef_, output)


def test_supervised_layers_come_back_without_labels(path, X, y):
    for saved in (DenoisingAutoencoder(5, supervision=0.5, max_iter=2), make_encoder(supervision=0.5)):
        saved.fit(X, y).save_parameters(path)
        loaded = clone(saved).load_parameters(path)
        np.testing.assert_array_equal(loaded.transform(X), saved.transform(X))
        assert loaded.supervision == 0.5
