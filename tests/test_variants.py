"""Penalties and labels in pretraining: that they do to a trained layer what they are there for."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from marks import slow_without_the_jit
from sklearn_sda import DenoisingAutoencoder, SdAClassifier, StackedAutoencoderTransformer
from sklearn_sda._kernels.pointwise import ACTIVATIONS

pytestmark = slow_without_the_jit

OPTIONS = {"max_iter": 30, "random_state": 0, "corruption_level": 0.1}


def test_activity_l1_gives_sparse_codes(digits):
    X, _ = digits

    def zeros(strength):
        layer = DenoisingAutoencoder(60, activation="relu", activity_l1=strength, **OPTIONS).fit(X)
        return (layer.transform(X) == 0).mean()

    assert zeros(0.3) > zeros(0) + 0.2


def test_sparsity_moves_mean_activities_to_the_target(digits):
    X, _ = digits
    for target in (0.05, 0.3):
        layer = DenoisingAutoencoder(
            40, activation="logistic", sparsity_weight=3.0, sparsity_target=target, max_iter=200,
            random_state=0,
        ).fit(X)  # fmt: skip
        assert abs(layer.transform(X).mean() - target) < 0.05


def jacobian_norm(layer, X):
    """Mean squared norm of the Jacobian, by differences of the codes."""
    step = 1e-3
    total = 0
    for j in range(X.shape[1]):
        shifted = X.copy()
        shifted[:, j] += step
        total += ((layer.transform(shifted) - layer.transform(X)) ** 2).sum() / step**2
    return total / len(X)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_contraction_makes_codes_insensitive(activation, digits):
    X = digits[0][:100]

    def norm(strength):
        layer = DenoisingAutoencoder(
            20,
            activation=activation,
            contraction=strength,
            learning_rate_init=0.01,
            dtype="float64",
            **OPTIONS,
        ).fit(X)
        return jacobian_norm(layer, X)

    assert norm(1.0) < 0.7 * norm(0)


def test_supervised_layers_separate_the_classes_better(digits):
    X, y = digits

    def accuracy(supervision):
        stack = StackedAutoencoderTransformer(
            (20, 5), activation="tanh", supervision=supervision, max_iter=40, random_state=0
        )
        return cross_val_score(make_pipeline(stack, LogisticRegression()), X, y, cv=3).mean()

    plain, partial, full = map(accuracy, (0, 0.9, 1))
    assert min(partial, full) > plain + 0.05


def test_labels_of_any_kind_and_as_many_classes_as_there_are(digits):
    X, y = digits
    layer = DenoisingAutoencoder(10, supervision=0.5, max_iter=3, random_state=0)
    expected = layer.fit(X, y).encoder_coef_
    names = np.array(list("abcdefghij"))[y]
    np.testing.assert_array_equal(layer.fit(X, names).encoder_coef_, expected)
    reconstruction = DenoisingAutoencoder(10, max_iter=3, random_state=0).fit(X, y)
    assert not np.allclose(expected, reconstruction.encoder_coef_)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        layer.fit(X, y + 0.5)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        layer.fit(X, y[1:])


def test_with_labels_only_the_decoder_is_not_trained(digits):
    X, y = digits
    layer = DenoisingAutoencoder(10, supervision=1, tied_weights=False, max_iter=3, random_state=0)
    start = layer.set_params(max_iter=0).fit(X, y)
    decoder = start.decoder_coef_.copy()
    layer.set_params(max_iter=3, solver="sgd", momentum=0).fit(X, y)
    np.testing.assert_array_equal(layer.decoder_coef_, decoder)
    assert not layer.decoder_intercept_.any()


def test_early_stopping_measures_what_is_trained(digits):
    # with labels only, the score of an epoch is the negative log loss on the validation samples
    X, y = digits
    layer = DenoisingAutoencoder(
        20, supervision=1, early_stopping=True, max_iter=20, learning_rate_init=0.01, random_state=0
    ).fit(X, y)
    scores = layer.validation_scores_
    assert -3 < scores[0] < -1 and scores[0] < layer.best_validation_score_ < 0


def test_supervision_through_the_classifier_and_in_several_threads(digits):
    X, y = digits
    encoder = StackedAutoencoderTransformer(
        (300, 300), supervision=(0.3, 1), contraction=(0, 0.01), max_iter=2
    )
    fits = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            clf = SdAClassifier(encoder, max_iter=0, random_state=0).fit(X, y)
        fits.append(clf.coefs_)
    for one, two in zip(*fits, strict=True):
        np.testing.assert_array_equal(one, two)


def test_threads_add_to_what_is_complete():
    # the output layer's error is added to that of the decoder, whose product has other parts
    X = np.random.RandomState(0).uniform(size=(600, 400)).astype("float32")
    y = np.arange(600) % 3
    fits = []
    for n_threads in (1, 2, 3):
        layer = DenoisingAutoencoder(500, supervision=0.5, batch_size=200, max_iter=2, random_state=0)
        with threadpool_limits(n_threads):
            fits.append(layer.fit(X, y).encoder_coef_)
    for other in fits[1:]:
        np.testing.assert_array_equal(fits[0], other)
