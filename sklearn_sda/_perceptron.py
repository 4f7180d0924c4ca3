"""To scikit-learn's multilayer perceptrons and back: the same network, with the same parameters."""

import copy
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.utils.validation import check_is_fitted

from sklearn_sda._encoder import split_steps
from sklearn_sda._stacked import StackedAutoencoderTransformer
from sklearn_sda._targets import is_unlabelled

# Activations by scikit-learn's name, which is ours.
ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
# What both say about their training.
HISTORY = ("loss_", "best_loss_", "loss_curve_", "n_iter_", "t_", "feature_names_in_")


def shared_parameters(estimator, other):
    """Return those parameters of an estimator that another one has too, but for its layers."""
    names = set(other.get_params(deep=False)) - {"hidden_layer_sizes", "activation"}
    return {name: value for name, value in estimator.get_params(deep=False).items() if name in names}


def targets_like(classes, n_outputs, n_features):
    """Return samples and targets from which an estimator learns shapes and classes, and nothing else.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,) or None
        Class labels; None for numbers, or for indicators of several classes.
    n_outputs : int
        Number of outputs.
    n_features : int
        Number of columns.

    Returns
    -------
    X : ndarray of zeros of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
    """
    if classes is not None:
        return np.zeros((len(classes), n_features)), classes
    y = np.zeros((2, n_outputs), int)
    y[1] = 1
    return np.zeros((2, n_features)), y if n_outputs > 1 else y[:, 0]


def make_perceptron(kind, network, layers, output, classes):
    """Return a fitted multilayer perceptron with given parameters.

    Parameters
    ----------
    kind : type
        MLPClassifier or MLPRegressor.
    network : SdAClassifier or SdARegressor
        Fitted; its parameters of the same names are taken.
    layers : list of DenoisingAutoencoder
        Hidden layers.
    output : tuple of ndarray
        Coefficients and intercept of the output layer.
    classes : ndarray of shape (n_classes,) or None
        See `targets_like`.

    Returns
    -------
    mlp : MLPClassifier or MLPRegressor

    Raises
    ------
    ValueError
        If the layers have several activations, or one that a perceptron has not.
    """
    activations = sorted({layer.activation for layer in layers})
    if len(activations) > 1 or activations[0] not in ACTIVATIONS:
        raise ValueError(
            f"{kind.__name__} has one activation for all hidden layers, of {list(ACTIVATIONS)}; the layers "
            f"of this network have {activations}."
        )
    coef, intercept = output
    if classes is not None and len(classes) == 2:  # two classes are one logistic output there
        coef, intercept = coef[:, 1:] - coef[:, :1], intercept[1:] - intercept[:1]
    sizes = tuple(layer.encoder_coef_.shape[1] for layer in layers)
    mlp = kind(hidden_layer_sizes=sizes, activation=activations[0])
    params = shared_parameters(network, mlp)
    X, y = targets_like(classes, intercept.size, layers[0].encoder_coef_.shape[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # a training of no rate makes every attribute there is, whatever the version
        mlp.set_params(solver="sgd", learning_rate_init=1e-30, max_iter=1, random_state=0)
        mlp.fit(X.astype(coef.dtype), y)
    mlp.set_params(**params)
    mlp.coefs_ = [np.array(layer.encoder_coef_, order="C") for layer in layers] + [np.array(coef, order="C")]
    mlp.intercepts_ = [np.array(layer.encoder_intercept_) for layer in layers] + [np.array(intercept)]
    del mlp._optimizer  # another training begins with a new one
    for name in HISTORY:
        if hasattr(network, name):
            setattr(mlp, name, copy.copy(getattr(network, name)))
    mlp.validation_scores_, mlp.best_validation_score_ = None, None
    if mlp.early_stopping:
        best = network.best_validation_score_
        mlp.validation_scores_ = list(network.validation_scores_ or [])
        mlp.best_validation_score_ = -np.inf if best is None else best
        # what a training that finds nothing better ends with
        mlp._best_coefs, mlp._best_intercepts = copy.deepcopy((mlp.coefs_, mlp.intercepts_))
    elif mlp.best_loss_ is None:
        mlp.best_loss_ = min(mlp.loss_curve_, default=np.inf)
    return mlp


def read_perceptron(mlp, kind):
    """Return what a fitted multilayer perceptron is made of.

    Parameters
    ----------
    mlp : MLPClassifier or MLPRegressor
        Fitted.
    kind : type
        Which of the two it must be.

    Returns
    -------
    coefs, intercepts : list of ndarray
        Of all layers, those of two classes with one output each.
    classes : ndarray of shape (n_classes,) or None
        See `targets_like`.

    Raises
    ------
    TypeError
        If `mlp` is something else.
    ValueError
        If its loss is not one that this package has, it has no hidden layer, or a class is -1.
    """
    if not isinstance(mlp, kind):
        raise TypeError(f"from_sklearn needs a fitted {kind.__name__}, got {mlp!r}.")
    check_is_fitted(mlp)
    if len(mlp.coefs_) < 2:
        raise ValueError(f"{mlp!r} has no hidden layer, which a network of this package must have.")
    if getattr(mlp, "loss", "squared_error") not in ("squared_error", "log_loss"):
        raise ValueError(f"SdARegressor minimises the squared error; the MLPRegressor has loss={mlp.loss!r}.")
    coefs, intercepts = list(mlp.coefs_), list(mlp.intercepts_)
    if kind is MLPRegressor or mlp._label_binarizer.y_type_ == "multilabel-indicator":
        return coefs, intercepts, None
    if is_unlabelled(np.asarray(mlp.classes_)).any():
        raise ValueError(
            f"The perceptron has the classes {mlp.classes_}, but here the label -1 stands for 'unlabelled'. "
            "Fit it to other labels."
        )
    if len(mlp.classes_) == 2:
        coefs[-1] = np.hstack([np.zeros_like(coefs[-1]), coefs[-1]])
        intercepts[-1] = np.concatenate([np.zeros_like(intercepts[-1]), intercepts[-1]])
    return coefs, intercepts, mlp.classes_


class PerceptronExchange:
    """Mixin: to scikit-learn's perceptron `_perceptron` (a class) and back.

    An estimator has ``_layers()``, ``_start(n_features, classes, n_outputs, dtype, feature_names)`` and the
    attributes of `SupervisedNetwork`.
    """

    def to_sklearn(self):
        """Return the fitted network as a multilayer perceptron of scikit-learn.

        Returns
        -------
        mlp : MLPClassifier or MLPRegressor
            Fitted, with copies of the parameters and the same predictions (of two classes it has one logistic
            output). Its training would go on without pretraining, dropout, frozen layers and weights of
            classes, which it does not have.

        Raises
        ------
        NotFittedError
            If the network is not fitted.
        ValueError
            If the network is none that a perceptron can be: hidden units of several kinds or "softplus", or
            preprocessing in the encoder.
        """
        check_is_fitted(self)
        preprocessing, _ = split_steps(self.encoder_)
        if preprocessing:
            raise ValueError(
                f"A perceptron has no preprocessing, but the encoder of this network has {preprocessing!r}. "
                "Put it before the network, in a Pipeline, and fit again."
            )
        classes = getattr(self, "classes_", None) if self.out_activation_ == "softmax" else None
        output = self.output_coef_, self.output_intercept_
        return make_perceptron(self._perceptron, self, self._layers(), output, classes)

    @classmethod
    def from_sklearn(cls, mlp):
        """Return a fitted multilayer perceptron of scikit-learn as a network.

        Parameters
        ----------
        mlp : MLPClassifier or MLPRegressor
            Fitted.

        Returns
        -------
        network : SdAClassifier or SdARegressor
            Fitted, with copies of the parameters and the same predictions. Its encoder is a stack of tied
            weights that was not trained to reconstruct anything.

        Raises
        ------
        TypeError
            If `mlp` is not of the kind that corresponds.
        NotFittedError
            If it is not fitted.
        ValueError
            If its loss is not one that the network has, it has no hidden layer, a class is -1, or it has
            momentum=1, which the network has not.
        """
        coefs, intercepts, classes = read_perceptron(mlp, cls._perceptron)
        stack = StackedAutoencoderTransformer(
            tuple(coef.shape[1] for coef in coefs[:-1]),
            activation=mlp.activation,
            loss="squared_error",
            dtype=coefs[0].dtype.name,
        )
        network = cls(stack, **{**shared_parameters(mlp, cls()), "warm_start": False})
        names = getattr(mlp, "feature_names_in_", None)
        network._start(coefs[0].shape[0], classes, intercepts[-1].size, coefs[0].dtype, names)
        for ours, theirs in zip(network.coefs_ + network.intercepts_, coefs + intercepts, strict=True):
            ours[...] = theirs
        network.set_params(warm_start=mlp.warm_start)
        for name in (*HISTORY, "validation_scores_", "best_validation_score_"):
            if hasattr(mlp, name):
                setattr(network, name, copy.copy(getattr(mlp, name)))
        return network
