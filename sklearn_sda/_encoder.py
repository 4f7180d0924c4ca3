"""What may be the `encoder` of a supervised network, and how its layers are found."""

from itertools import pairwise
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_sda._autoencoder import DenoisingAutoencoder
from sklearn_sda._base import snapshot
from sklearn_sda._boltzmann import BoltzmannLayer
from sklearn_sda._samples import scales_compared
from sklearn_sda._stacked import StackedAutoencoderTransformer, fit_with_metadata

# What a layer may be. "Autoencoder" stands for all of them in names and messages.
AUTOENCODERS = (DenoisingAutoencoder, StackedAutoencoderTransformer, BernoulliRBM)


def leaves(encoder):
    """Return the steps of nested pipelines as one list, without those that pass X through."""
    if not isinstance(encoder, Pipeline):
        return [encoder]
    steps = [step for _, step in encoder.steps if step is not None and step != "passthrough"]
    return [leaf for step in steps for leaf in leaves(step)]


def split_steps(encoder):
    """Return the preprocessing steps of an encoder and its autoencoders, two lists.

    Parameters
    ----------
    encoder : estimator
        An autoencoder or a `Pipeline` that ends in autoencoders.

    Returns
    -------
    preprocessing : list of transformers
        The steps before the first autoencoder.
    autoencoders : list of DenoisingAutoencoder, StackedAutoencoderTransformer or BernoulliRBM
        All other steps.

    Raises
    ------
    TypeError
        If there is no autoencoder, another step after the first one, or a frozen one among the steps.
    """
    steps = leaves(encoder)
    for step in steps:
        frozen = leaves(step.estimator) if isinstance(step, FrozenEstimator) else []
        if any(isinstance(part, AUTOENCODERS) for part in frozen):
            raise TypeError(
                f"{step!r} is a step of a Pipeline, where what is frozen counts as preprocessing. Freeze the "
                "Pipeline as a whole, FrozenEstimator(pipeline), once all of its steps are fitted."
            )
    is_autoencoder = [isinstance(step, AUTOENCODERS) for step in steps]
    if True not in is_autoencoder:
        raise TypeError(
            "encoder must be a DenoisingAutoencoder, a StackedAutoencoderTransformer, a BernoulliRBM, a "
            f"Pipeline that ends in them, or a tuple of layer sizes; got {encoder!r}, which has no "
            "autoencoder."
        )
    first = is_autoencoder.index(True)
    if not all(is_autoencoder[first:]):
        wrong = steps[first + is_autoencoder[first:].index(False)]
        raise TypeError(
            f"Every step of the encoder after its first autoencoder must be one too, got {wrong!r}. "
            "Preprocessing belongs before the first autoencoder."
        )
    return steps[:first], steps[first:]


def named_encoder(encoder):
    """Return the estimator that the parameter `encoder` of a supervised estimator stands for.

    Parameters
    ----------
    encoder : None, int, sequence of int, estimator or FrozenEstimator
        The parameter.

    Returns
    -------
    encoder : estimator
        Not a copy; for a `FrozenEstimator`, the fitted estimator in it.

    Raises
    ------
    TypeError
        If `encoder` is no autoencoder; see `split_steps`.
    ValueError
        If a parameter of an autoencoder is not valid.
    """
    if isinstance(encoder, FrozenEstimator):
        while isinstance(encoder, FrozenEstimator):
            encoder = encoder.estimator
        for autoencoder in split_steps(encoder)[1]:  # a Pipeline looks at its last step only
            check_is_fitted(autoencoder)
    elif encoder is None:
        encoder = StackedAutoencoderTransformer()
    elif isinstance(encoder, tuple | list) and any(isinstance(item, BaseEstimator) for item in encoder):
        raise TypeError(
            f"encoder must not be a {type(encoder).__name__} of estimators: put the layers in a Pipeline, "
            "for instance make_pipeline(*layers)."
        )
    elif isinstance(encoder, Integral | tuple | list):
        encoder = StackedAutoencoderTransformer(encoder)
    elif isinstance(encoder, type):
        raise TypeError(
            f"encoder must be an instance, got the class {encoder.__name__}: write {encoder.__name__}()."
        )
    for autoencoder in split_steps(encoder)[1]:
        autoencoder._validate_params()
    return encoder


def is_seeded(encoder):
    """Return whether every `random_state` of an encoder, as it was given, is set."""
    if not isinstance(encoder, BaseEstimator):
        return False
    return all(
        value is not None
        for name, value in encoder.get_params(deep=True).items()
        if name == "random_state" or name.endswith("__random_state")
    )


def make_encoder(encoder, rng, *, pretrain, verbose):
    """Return what the supervised estimator will fit: a copy of `encoder`, seeded.

    Parameters
    ----------
    encoder : None, int, sequence of int, estimator or FrozenEstimator
        The parameter of the supervised estimator.
    rng : RandomState
        Seeds every `random_state` of the encoder that is None.
    pretrain : bool
        If False the layers get no training: ``max_iter=0``.
    verbose : bool
        Whether layers that were not given as estimators print their progress.

    Returns
    -------
    encoder : estimator
        Unfitted; for a `FrozenEstimator`, a copy of the fitted estimator in it.
    frozen : bool
        Whether the encoder is fitted already.

    Raises
    ------
    TypeError
        If `encoder` is no autoencoder; see `named_encoder`.
    """
    if isinstance(encoder, FrozenEstimator):
        if not pretrain:
            raise ValueError(
                f"pretrain=False makes no sense with encoder={encoder!r}, which is trained already. Hand "
                "over the encoder itself, or set pretrain=True."
            )
        return snapshot(named_encoder(encoder)), True
    given, encoder = encoder, clone(named_encoder(encoder))
    if isinstance(encoder, Pipeline) and hasattr(encoder, "_skl_callbacks"):
        raise ValueError(
            "The encoder is a Pipeline with callbacks of its own, which would hear of nothing: its steps are "
            "fitted one by one. Set them on its autoencoders, or on the estimator that has the encoder."
        )
    if not isinstance(given, BaseEstimator):
        encoder.set_params(verbose=verbose)
    _, autoencoders = split_steps(encoder)
    for name, value in sorted(encoder.get_params(deep=True).items()):
        if value is None and (name == "random_state" or name.endswith("__random_state")):
            encoder.set_params(**{name: int(rng.randint(2**31 - 1))})
    if not pretrain:
        for autoencoder in autoencoders:
            machine = isinstance(autoencoder, BernoulliRBM)
            autoencoder.set_params(**{"n_iter" if machine else "max_iter": 0})
            if isinstance(autoencoder, StackedAutoencoderTransformer):
                autoencoder.set_params(fine_tune=False)
    return encoder, False


def check_takes_weights(encoder):
    """Raise ValueError if an encoder has a layer that can't be trained with weights of samples."""
    machines = [step for step in split_steps(encoder)[1] if isinstance(step, BernoulliRBM)]
    if machines:
        raise ValueError(
            f"sample_weight can't be used with {machines[0]!r} in the encoder: a BernoulliRBM takes none. "
            "Train it before, and hand it over in a FrozenEstimator."
        )


def needs_labels(encoder):
    """Return whether labels matter to the training of an encoder's layers."""
    return any(np.any(getattr(step, "supervision", 0)) for step in split_steps(encoder)[1])


def without_verbosity(encoder):
    """Return an unfitted copy of an encoder without what does not matter to the result."""
    encoder = clone(encoder)
    names = encoder.get_params(deep=True)
    quiet = {name: 0 for name in names if name == "verbose" or name.endswith("__verbose")}
    return encoder.set_params(**quiet)


def exchange_callbacks(encoder, callbacks=None):
    """Give an encoder and its steps callbacks, a list of this function or none; return those they had."""
    estimators = [encoder, *leaves(encoder)] if isinstance(encoder, Pipeline) else [encoder]
    before = [vars(estimator).pop("_skl_callbacks", None) for estimator in estimators]
    for estimator, own in zip(estimators, callbacks or [], strict=False):
        if own is not None:
            estimator._skl_callbacks = own
    return before


def fit_preprocessing(encoder, X, y, X_val, labelled):
    """Fit the preprocessing of an encoder, in place.

    Parameters
    ----------
    encoder : estimator
        Unfitted.
    X : array-like of shape (n_samples, n_features)
        Samples.
    y : array-like of shape (n_samples,)
        Labels; not handed on unless all samples have one, for a step would take the marks for a class.
    X_val : array-like of shape (n_val_samples, n_features) or None
        Samples for validation.
    labelled : ndarray of bool of shape (n_samples,)
        Which samples have a label.

    Returns
    -------
    X : array-like of shape (n_samples, n_inputs)
        The samples as the first autoencoder is to have them, in the fine-tuning too: what a step makes of
        those that it is fitted to may be another thing than its `transform` of them (`TargetEncoder`).
    X_val : array-like of shape (n_val_samples, n_inputs) or None
    """
    y = y if labelled.all() else None
    for step in split_steps(encoder)[0]:
        try:
            X = step.fit_transform(X, y) if hasattr(step, "fit_transform") else step.fit(X, y).transform(X)
        except Exception as error:  # steps are anybody's, and raise anything; it is raised again
            if y is None:
                error.add_note(
                    f"{step!r} in the encoder got no labels, for {np.count_nonzero(~labelled)} of "
                    f"{len(labelled)} samples have none. If it needs labels, fit it to the labelled samples "
                    "beforehand, and put it into a FrozenEstimator."
                )
            raise
        X_val = None if X_val is None else step.transform(X_val)
    return X, X_val


def without_preprocessing(encoder):
    """Return the autoencoders of an encoder as one estimator."""
    autoencoders = split_steps(encoder)[1]
    if len(autoencoders) == 1:
        return autoencoders[0]
    return Pipeline([(f"layer{k}", step) for k, step in enumerate(autoencoders)], memory=encoder.memory)


def with_autoencoders(encoder, autoencoders):
    """Return an encoder with other autoencoders, taken from an iterator, in the places of its own."""
    if isinstance(encoder, Pipeline):
        kept = (None, "passthrough")
        encoder.steps = [
            (name, step if step in kept else with_autoencoders(step, autoencoders))
            for name, step in encoder.steps
        ]
        return encoder
    return next(autoencoders) if isinstance(encoder, AUTOENCODERS) else encoder


def fit_autoencoders(encoder, key, X, y, metadata):
    """Fit the autoencoders of an encoder.

    Parameters
    ----------
    encoder : estimator
        See `without_preprocessing`; unfitted. A cache returns its copy.
    key : estimator or None
        What a cache knows the encoder by.
    X : array-like of shape (n_samples, n_features)
        Samples.
    y : array-like of shape (n_samples,) or None
        Labels.
    metadata : dict
        Any of `sample_weight`, `X_val` and `y_val`; None for none.

    Returns
    -------
    encoder : estimator
        Fitted.
    """
    metadata = {name: value for name, value in metadata.items() if value is not None}
    if isinstance(encoder, Pipeline):
        fit_with_metadata(encoder, X, y, metadata)
        return encoder
    with scales_compared():
        return encoder.fit(X, y, **({} if isinstance(encoder, BernoulliRBM) else metadata))


def grown_encoder(encoder, fitted, *, pretrain):
    """Return a copy of a fitted stack whose next `fit` adds layers; None if the stack has not grown.

    Parameters
    ----------
    encoder : None, int, sequence of int, estimator or FrozenEstimator
        The parameter of the supervised estimator.
    fitted : estimator
        The fitted encoder.
    pretrain : bool
        If False the new layers get no training.
    """
    if isinstance(encoder, FrozenEstimator):
        return None
    wanted = named_encoder(encoder)
    if not all(isinstance(item, StackedAutoencoderTransformer) for item in (wanted, fitted)):
        return None
    layers, present = described_layers(wanted), described_layers(fitted)
    if len(layers) <= len(present) or layers[: len(present)] != present:
        return None
    own = {name: getattr(fitted, name) for name in ("random_state", "verbose")}
    params = {**wanted.get_params(deep=False), **own, "warm_start": True, "memory": None}
    if not pretrain:
        params |= {"max_iter": 0, "fine_tune": False}
    return snapshot(fitted).set_params(**params)


def check_same_layers(encoder, fitted):
    """Raise ValueError if training can't continue because the parameter `encoder` was changed.

    Sizes, hidden units and types of the layers count. What only matters to pretraining does not.

    Parameters
    ----------
    encoder : None, int, sequence of int, estimator or FrozenEstimator
        The parameter of the supervised estimator.
    fitted : estimator
        The fitted encoder.
    """
    wanted, present = described_layers(named_encoder(encoder)), described_layers(fitted)
    if wanted != present:
        raise ValueError(
            f"Training can't continue with encoder={encoder!r}: its layers have {wanted}, those of the "
            f"fitted encoder {present}. Set the parameter back, or fit with warm_start=False."
        )


def described_layers(encoder):
    """Return (size, activation, dtype) of each layer, a list, by the parameters of an encoder.

    The type of a `BernoulliRBM` follows the data: None.
    """
    layers = []
    for autoencoder in split_steps(encoder)[1]:
        if isinstance(autoencoder, BernoulliRBM):
            layers.append((int(autoencoder.n_components), BoltzmannLayer.activation, None))
            continue
        stack = isinstance(autoencoder, StackedAutoencoderTransformer)
        for layer in autoencoder._layer_parameters() if stack else [vars(autoencoder)]:
            dtype = np.dtype(layer["dtype"]).name
            layers.append((int(layer["n_components"]), layer["activation"], dtype))
    return layers


def compute_type(encoder):
    """Return the type that an encoder computes in, by its parameters; float64 if it is not known."""
    return next((dtype for _, _, dtype in described_layers(encoder) if dtype is not None), "float64")


def layers_of(autoencoders):
    """Return the layers of some fitted autoencoders from the lowest to the highest."""
    layers = []
    for autoencoder in autoencoders:
        if isinstance(autoencoder, StackedAutoencoderTransformer):
            layers += autoencoder._layers()
        elif isinstance(autoencoder, BernoulliRBM):
            layers.append(BoltzmannLayer(autoencoder))
        else:
            layers.append(autoencoder)
    return layers


def matching_layers(autoencoders):
    """Return the same as `layers_of`; raise ValueError if the layers do not fit each other."""
    layers = layers_of(autoencoders)
    dtypes = sorted({layer.encoder_coef_.dtype.name for layer in layers})
    if len(dtypes) > 1:
        raise ValueError(
            f"All layers of the encoder must have the same dtype, got {' and '.join(dtypes)}. (That of a "
            "BernoulliRBM is that of its data: float64 unless they are float32.)"
        )
    for number, (below, layer) in enumerate(pairwise(layers), start=2):
        code, inputs = below.encoder_coef_.shape[1], layer.encoder_coef_.shape[0]
        if code != inputs:
            raise ValueError(
                f"Layer {number} of the encoder has {inputs} inputs, but the code of the layer below has "
                f"{code} components. Fit the whole encoder as one Pipeline or stack."
            )
    return layers


def decoders_of(autoencoder):
    """Return the decoder of a fitted autoencoder as a forward chain."""
    layer = BoltzmannLayer(autoencoder) if isinstance(autoencoder, BernoulliRBM) else autoencoder
    return layer._decoders()
