"""All layers of a stack trained together, without labels: its encoders, then its decoders in reverse."""

import numpy as np
from sklearn.utils import check_random_state

from sklearn_sda._autoencoder import DenoisingAutoencoder
from sklearn_sda._base import Monitor, task_of
from sklearn_sda._kernels.pointwise import ACTIVATIONS
from sklearn_sda._network import gather
from sklearn_sda._objectives import Network
from sklearn_sda._training import training_rows
from sklearn_sda._weights import scaled

# Parameters that this training may have of its own.
FINE_TUNING_PARAMETERS = (
    "alpha",
    "batch_size",
    "beta_1",
    "beta_2",
    "corruption",
    "corruption_level",
    "early_stopping",
    "epsilon",
    "learning_rate",
    "learning_rate_init",
    "max_iter",
    "momentum",
    "n_iter_no_change",
    "nesterovs_momentum",
    "power_t",
    "random_state",
    "shuffle",
    "solver",
    "stopping",
    "tol",
    "validation_fraction",
    "verbose",
)
FINE_TUNING_ATTRIBUTES = (
    "best_loss_",
    "best_validation_score_",
    "loss_",
    "loss_curve_",
    "t_",
    "validation_losses_",
    "validation_scores_",
)


def make_trainer(fine_tune, layer, n_features, feature_names):
    """Return an unfitted layer with the parameters of the training of the whole stack.

    Parameters
    ----------
    fine_tune : bool or dict
        Of the stack.
    layer : DenoisingAutoencoder
        The first one, whose parameters it has where `fine_tune` has none.
    n_features : int
        Number of columns.
    feature_names : ndarray of str of shape (n_features,) or None
        Their names.

    Raises
    ------
    ValueError
        If `fine_tune` names a parameter that has no meaning here, or a value is not valid.
    """
    trainer = DenoisingAutoencoder(**layer.get_params(deep=False))
    changes = fine_tune if isinstance(fine_tune, dict) else {}
    unknown = sorted(str(name) for name in changes if name not in FINE_TUNING_PARAMETERS)
    if unknown:
        raise ValueError(
            f"fine_tune={fine_tune!r} has {unknown}, which are no parameters of the fine-tuning. "
            f"Those are {list(FINE_TUNING_PARAMETERS)}."
        )
    trainer.set_params(**changes, emphasis=None)
    trainer._validate_params()
    trainer._read_corruption(n_features, feature_names)
    trainer._check_solver()
    if trainer.solver == "marginalized":
        raise ValueError(
            "fine_tune can't train with solver='marginalized', which solves for one layer. Give it "
            "another, for instance fine_tune={'solver': 'adam'}."
        )
    return trainer


def unrolled_decoders(layers):
    """Return the decoders of trained layers, from the highest to the lowest, as a forward chain.

    A decoder's output stands for the code of the layer below: it has that layer's unit.
    """
    decoders = [layer._decoder() for layer in layers]
    for number, below in enumerate(layers[:-1], start=1):
        decoders[number] = decoders[number]._replace(unit=ACTIVATIONS[below.activation].forward)
    return decoders[::-1]


def train_together(stack, trainer, X, y, context, weights, validation):
    """Train the trained layers of a stack together, in their own arrays, then set its attributes.

    An earlier training of this kind goes on: its curves, and the numbers that noise is drawn from.

    Parameters
    ----------
    stack : StackedAutoencoderTransformer
        With trained layers and the attributes of `FINE_TUNING_ATTRIBUTES`; one that decodes the layers by
        `unrolled_decoders`.
    trainer : DenoisingAutoencoder
        Of `make_trainer`.
    X : ndarray of shape (n_samples, n_features)
        Validated samples.
    y : array-like of shape (n_samples,) or None
        Labels, for the callbacks.
    context : callback context
        Of this phase.
    weights : ndarray of shape (n_samples,) or None
        Of the samples; None for ones.
    validation : tuple or None
        Samples for validation and their labels.
    """
    layers = stack._layers()
    for layer in layers:
        layer._make_writeable()
    parameters = [array for layer in layers for array in (layer.encoder_coef_, layer.encoder_intercept_)]
    owners = list(range(len(layers)))
    for number, layer in reversed(list(enumerate(layers))):
        if layer._decoder_coef is None:
            owners.append(number)
        else:
            owners.append(len(owners))
            parameters.append(layer._decoder_coef)
        parameters.append(layer.decoder_intercept_)
    rng = check_random_state(trainer.random_state)
    # the first layer's noise is that of the first number that its seed draws: not the same again
    seed = check_random_state(rng.randint(np.iinfo(np.int32).max)).randint(np.iinfo(np.int32).max)
    if hasattr(stack, "feature_names_in_"):
        trainer.feature_names_in_ = stack.feature_names_in_
    rows = training_rows(X.shape[0], weights)
    max_iter, batch_size = trainer._max_iter(len(rows)), trainer._check_batch_size(len(rows))
    held_out = None if validation is None else (validation[0], None)
    if held_out is None and trainer.early_stopping and max_iter > 0:
        rows, held_out_rows = trainer._split(rows, rng)
        held_out = X[held_out_rows], None if weights is None else weights[held_out_rows]
    donor_rows = None if len(rows) == X.shape[0] else rows
    scaled_weights, mean_weight = scaled(weights, rows, parameters[0].dtype)
    objective = Network(
        X,
        lambda rows, out: gather(X, rows, out),
        parameters,
        # those of `unrolled_decoders`
        activations=[layer.activation for layer in layers]
        + [layer.activation for layer in reversed(layers[:-1])],
        loss=layers[0]._choose_loss(X, rows, resume=True),
        alpha=trainer.alpha / mean_weight,
        batch_size=batch_size,
        weights=scaled_weights,
        owners=owners,
        corruption=trainer._make_corruption(seed, None, X, donor_rows, weights),
    )
    vars(trainer).update({name: getattr(stack, name) for name in FINE_TUNING_ATTRIBUTES})
    validate = None
    if held_out is not None:

        def validate():
            X_held_out, own_weights = held_out
            scores = stack._score_samples(X_held_out).astype(np.float64)
            score = float(np.average(scores, weights=own_weights))
            return score, -score

    def fitted_attributes(history):
        curves = trainer._curve_attributes(history, resume=True)
        return {name: curves[name] for name in FINE_TUNING_ATTRIBUTES} | {"pipeline_": stack.pipeline_}

    history = trainer._minimize(
        objective,
        trainer._next_optimizer(parameters, incremental=False),
        rng,
        rows=rows,
        max_iter=max_iter,
        position=trainer.t_,
        validate=validate,
        monitor=Monitor(
            task_of(stack, X, y, weights),
            context,
            objective.name,
            fitted_attributes,
            max_iter,
            verbose=trainer.verbose,
        ),
    )
    vars(stack).update(fitted_attributes(history))
