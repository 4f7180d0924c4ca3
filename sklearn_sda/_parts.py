"""What a fitted estimator is made of: preprocessing, layers, the learning curve of each phase.

For those that look at a network from outside: the displays and the command line.
"""

from itertools import takewhile
from typing import NamedTuple

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklearn_sda._classifier import SdAClassifier
from sklearn_sda._encoder import AUTOENCODERS, layers_of, leaves, split_steps
from sklearn_sda._regressor import SdARegressor
from sklearn_sda._samples import check_samples
from sklearn_sda._stacked import StackedAutoencoderTransformer

SUPERVISED = (SdAClassifier, SdARegressor)
VALIDATION_LABELS = {SdAClassifier: "validation accuracy", SdARegressor: "validation R²"}
# Axis label of each loss, by the output activation that it comes with.
LOSS_LABELS = {
    "logistic": "cross-entropy (nats per sample)",
    "identity": "half squared error (per sample)",
    "softmax": "log loss (nats per sample)",
}


# Where estimators keep the one that they have fitted.
FITTED = ("best_estimator_", "estimator_", "regressor_")


class Parts(NamedTuple):
    """The parts of a fitted estimator.

    Attributes
    ----------
    preprocessing : list of transformers
        The steps before `owner`.
    owner : estimator
        Validates its input: a supervised estimator or the lowest autoencoder.
    autoencoders : list of DenoisingAutoencoder, StackedAutoencoderTransformer or BernoulliRBM
        From the lowest to the highest.
    layers : list of DenoisingAutoencoder
        From the lowest to the highest.
    """

    preprocessing: list
    owner: BaseEstimator
    autoencoders: list
    layers: list

    def inputs(self, X):
        """Return samples, of shape (n_samples, n_features), as the lowest layer gets them."""
        for step in self.preprocessing:
            X = step.transform(X)
        if isinstance(self.owner, SUPERVISED):
            return self.owner._network_inputs(X)
        return check_samples(self.owner, X, self.layers[0].encoder_coef_.dtype, reset=False)


def fitted_steps(estimator):
    """Return the steps of nested pipelines as one list; for a last one that has fitted another, the other's.

    Selectors of features have fitted one too, but are steps themselves. Ensembles have fitted several, and
    what they call `estimator_` is none of them.
    """
    steps = leaves(estimator)
    last = steps[-1] if steps else None
    fitted = next((getattr(last, name) for name in FITTED if hasattr(last, name)), None)
    if fitted is None or hasattr(last, "estimators_"):
        return steps
    return [*steps[:-1], *fitted_steps(fitted)]


def find_parts(estimator):
    """Return the `Parts` in an estimator.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If there is no autoencoder in it.
    """
    steps = fitted_steps(estimator)
    first = next((k for k, step in enumerate(steps) if isinstance(step, AUTOENCODERS + SUPERVISED)), None)
    if first is None:
        raise TypeError(
            "estimator must be a DenoisingAutoencoder, a StackedAutoencoderTransformer, an SdAClassifier, "
            "an SdARegressor, a Pipeline with one of them, or a search or the like that has fitted one, got "
            f"{estimator!r}."
        )
    owner = steps[first]
    check_is_fitted(owner)
    if isinstance(owner, SUPERVISED):
        autoencoders = split_steps(owner.encoder_)[1]
    else:
        autoencoders = list(takewhile(lambda step: isinstance(step, AUTOENCODERS), steps[first:]))
    for autoencoder in autoencoders:
        check_is_fitted(autoencoder)
    return Parts(steps[:first], owner, autoencoders, layers_of(autoencoders))


def learning_curves(estimator):
    """Return the learning curve of each phase of a fitted estimator's training.

    Parameters
    ----------
    estimator : estimator
        As in `LossCurveDisplay.from_estimator`.

    Returns
    -------
    curves : dict of str to dict
        As in `LossCurveDisplay`; phases "layer 1", "layer 2", ..., "whole stack", "fine-tuning", without
        those that have no epoch.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If there is no autoencoder in it.
    """
    parts = find_parts(estimator)
    phases = {f"layer {number}": layer for number, layer in enumerate(parts.layers, start=1)}
    stacks = [step for step in parts.autoencoders if isinstance(step, StackedAutoencoderTransformer)]
    for number, stack in enumerate(stacks, start=1):
        phases["whole stack" if len(stacks) == 1 else f"whole stack {number}"] = stack
    if isinstance(parts.owner, SUPERVISED):
        phases["fine-tuning"] = parts.owner
    return {
        phase: {
            "loss": trained.loss_curve_,
            "validation": trained.validation_scores_,
            "loss_label": _loss_label(trained),
            "validation_label": VALIDATION_LABELS.get(type(trained), "validation score"),
        }
        for phase, trained in phases.items()
        if getattr(trained, "loss_curve_", [])  # a BernoulliRBM has none
    }


def _loss_label(trained):
    """Return the axis label of the loss with which a layer, a whole stack or a network was trained."""
    if isinstance(trained, StackedAutoencoderTransformer):
        return LOSS_LABELS[trained[0].out_activation_]
    supervision = getattr(trained, "supervision", 0)
    if 0 < supervision < 1:
        return "loss, reconstruction and labels (per sample)"
    return LOSS_LABELS["softmax" if supervision == 1 else trained.out_activation_]
