"""A supervised network is an output layer on an encoder, fine-tuned in the encoder's own arrays."""

import pickle
import warnings
from contextlib import nullcontext
from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    clone,
    is_classifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, check_memory, validate_data

from sklearn_sda._base import MinibatchEstimator, Monitor, all_or_nothing, snapshot, task_of, writeable
from sklearn_sda._compat import HasMethods, Interval, NullContext, _fit_context
from sklearn_sda._encoder import (
    check_same_layers,
    check_takes_weights,
    compute_type,
    described_layers,
    exchange_callbacks,
    fit_autoencoders,
    fit_preprocessing,
    grown_encoder,
    is_seeded,
    leaves,
    make_encoder,
    matching_layers,
    named_encoder,
    needs_labels,
    split_steps,
    with_autoencoders,
    without_preprocessing,
    without_verbosity,
)
from sklearn_sda._kernels.pointwise import LOSSES, identity_forward
from sklearn_sda._network import Affine, forward, output_losses
from sklearn_sda._objectives import Network
from sklearn_sda._parameters import NO_NOISE, SavesParameters, start_decoder
from sklearn_sda._perceptron import PerceptronExchange, targets_like
from sklearn_sda._samples import about_validation, check_samples, warn_of_other_samples, warn_of_other_targets
from sklearn_sda._stacked import StackedAutoencoderTransformer, warn_of_no_seed
from sklearn_sda._targets import array_of, require_y
from sklearn_sda._training import as_indices, training_rows
from sklearn_sda._weights import check_weights, scaled

# Samples whose code by frozen layers is computed together.
CHUNK = 4096


class SupervisedNetwork(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, SavesParameters, PerceptronExchange, MinibatchEstimator
):
    """Abstract: an encoder and an output layer that is trained with labels.

    A subclass has the parameters below, ``_read_targets(X, y, resume, dtype)``, which returns one of the
    kinds of `sklearn_sda._targets` for a compute type, ``_weigh(targets, weights)``, which returns the
    weights of the samples in the fine-tuning, and ``_target_attributes(targets)``.
    """

    _parameter_constraints: dict = {
        "encoder": [
            None,
            tuple,
            list,
            Interval(Integral, 1, None, closed="left"),
            HasMethods(["fit", "transform"]),
        ],
        "pretrain": ["boolean"],
        "freeze": [Interval(Integral, 0, None, closed="left")],
        "learning_rate_factors": [None, tuple, list],
        "dropout": [Interval(Real, 0, 1, closed="left"), tuple, list],
        "input_dropout": [Interval(Real, 0, 1, closed="left")],
        "memory": [None, str, HasMethods(["cache"])],
        **MinibatchEstimator._parameter_constraints,
    }

    def __sklearn_tags__(self):
        """Declare that codes are float32 unless the encoder says otherwise."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.input_tags.sparse = True
        if hasattr(self.encoder, "__sklearn_tags__") and not isinstance(self.encoder, type):
            encoder_tags = self.encoder.__sklearn_tags__()
            if encoder_tags.transformer_tags is not None:  # not of a Pipeline that ends in "passthrough"
                tags.transformer_tags.preserves_dtype = encoder_tags.transformer_tags.preserves_dtype
            tags.input_tags = encoder_tags.input_tags
        return tags

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None):
        """Pretrain the encoder on X, then fine-tune the whole network on the labelled samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training samples, of any numeric type (of any kind that its first step takes, if the
            encoder is a pipeline with preprocessing).
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels or target values. Samples without are pretrained on only: their label is -1 (NaN
            among floats; None, NaN or pandas.NA among strings or other objects), their target value NaN.
            Preprocessing gets labels only if all samples have one.
        sample_weight : array-like of shape (n_samples,) or None
            Weights of the samples in the loss of pretraining and fine-tuning (eq. 14): in full batches weight
            2 is the same as having the sample twice (but for the noise); 0 is always the same as not having
            it. Preprocessing gets none.
        X_val : {array-like, sparse matrix} of shape (n_val_samples, n_features) or None
            Samples for validation: score and loss are measured after each epoch of every phase. With
            `early_stopping` they take the place of a split of X.
        y_val : array-like of shape (n_val_samples,) or (n_val_samples, n_outputs) or None
            Their labels or target values.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        TypeError
            If `encoder` has no autoencoder.
        ValueError
            If X, y, weights or samples for validation are not valid, no sample or only one class is labelled,
            parameters do not go together, or training diverges. The estimator is then as it was before.
        """
        resume = self.warm_start and hasattr(self, "encoder_")
        rng = check_random_state(self.random_state)
        encoder, fitted, grown = self._next_encoder(rng, resume)
        self._check_parameters(encoder, fitted)
        given, X = X, self._check_samples(encoder, X, reset=not resume)
        require_y(y, type(self).__name__)
        targets = self._read_targets(X, y, resume, compute_type(encoder))
        weights = check_weights(sample_weight, X)
        if weights is not None and not fitted:
            check_takes_weights(encoder)
        validation = self._check_validation(encoder, X, X_val, y_val, targets)
        rows = training_rows(len(targets.labelled), self._weigh(targets, weights), targets.labelled)
        if self.early_stopping and validation is None and self.max_iter > 0:
            _, held_out = self._split(rows, 0, strata=targets.strata)  # raises before any work if it must
            targets.part(held_out).check_enough()

        context = self._init_callback_context(max_subtasks=1 if fitted else 2)
        task = task_of(self, X, y, weights)
        context.call_on_fit_task_begin(**task)
        if not fitted:
            pretraining = context.subcontext(task_name="pretrain")
            metadata = {"sample_weight": weights, "X_val": X_val, "y_val": y_val}
            encoder, inputs, X_val = self._pretrain(
                encoder, grown, given, task, targets.labelled, metadata, validation, pretraining
            )
        else:
            inputs = preprocess(encoder, X)
            X_val = None if validation is None else preprocess(encoder, validation[0])
        validation = None if validation is None else (X_val, validation[1])
        fine_tuning = context.subcontext(task_name="fine-tune", max_subtasks=self.max_iter)
        fine_tuning.call_on_fit_task_begin(**task)
        history = self._fine_tune(
            encoder, targets, task, inputs, weights, validation, rng, fine_tuning,
            resume=resume and not grown, incremental=False,
        )  # fmt: skip
        fine_tuning.call_on_fit_task_end(**task, reconstruction_attributes={})
        context.call_on_fit_task_end(**task, reconstruction_attributes={})
        if not history.converged and self.max_iter > 0:
            warnings.warn(
                f"{type(self).__name__}: maximum number of iterations ({self.max_iter}) reached and the "
                "fine-tuning hasn't converged yet. Increase max_iter.",
                ConvergenceWarning,
                stacklevel=4,  # through two decorators
            )
        return self

    def _partial_fit(self, X, y, sample_weight, read_targets):
        """Make one pass of fine-tuning over some samples; the first call pretrains on them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels or target values.
        sample_weight : array-like of shape (n_samples,) or None
            Weights.
        read_targets : callable
            From validated X and y and the compute type to the targets.
        """
        resume = hasattr(self, "encoder_")
        rng = check_random_state(self.random_state)
        encoder, fitted, grown = self._next_encoder(rng, resume)
        if grown:
            check_same_layers(self.encoder, self.encoder_)
        self._check_parameters(encoder, fitted)
        given, X = X, self._check_samples(encoder, X, reset=not resume)
        require_y(y, type(self).__name__)
        targets = read_targets(X, y, compute_type(encoder))
        weights = check_weights(sample_weight, X)
        if weights is not None and not fitted:
            check_takes_weights(encoder)
        # raises if there are none
        training_rows(len(targets.labelled), self._weigh(targets, weights), targets.labelled)
        task = task_of(self, X, y, weights)
        if not fitted:
            metadata = {"sample_weight": weights}
            encoder, inputs, _ = self._pretrain(
                encoder, False, given, task, targets.labelled, metadata, None, NullContext()
            )
        else:
            inputs = preprocess(encoder, X)
        self._fine_tune(
            encoder, targets, task, inputs, weights, None, rng, NullContext(),
            resume=resume, incremental=True,
        )  # fmt: skip
        return self

    def _pretrain(self, encoder, grown, given, task, labelled, metadata, validation, context):
        """Fit the encoder, or take its layers from the cache `memory`.

        Parameters
        ----------
        encoder : estimator
            Unfitted, or a stack that has grown.
        grown : bool
            Whether it is that; what its layers have learned is in no cache.
        given : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples, as they were given.
        task : dict
            See `task_of`; with validated samples.
        labelled : ndarray of bool of shape (n_samples,)
            Which samples have a label.
        metadata : dict
            See `fit_autoencoders`.
        validation : tuple or None
            Validated samples for validation and their targets.
        context : callback context
            Of this phase.

        Returns
        -------
        encoder : estimator
            Fitted.
        inputs : {ndarray, sparse matrix} of shape (n_samples, n_inputs)
            Samples as the lowest layer had them.
        inputs_val : {ndarray, sparse matrix} of shape (n_val_samples, n_inputs) or None
            Those for validation: a step that works in place can't transform them twice.
        """
        X, y = task["X"], task["y"]
        samples = self._with_names(given, X)
        inputs, X_val = fit_preprocessing(encoder, samples, y, metadata.get("X_val"), labelled)
        metadata, autoencoders = {**metadata, "X_val": X_val}, without_preprocessing(encoder)
        cached = self.memory is not None and not grown
        with nullcontext() if cached else context.propagate_callback_context(autoencoders):
            context.call_on_fit_task_begin(**task)
            if cached:
                autoencoders = self._from_cache(autoencoders, inputs, y, metadata)
            else:
                autoencoders = fit_autoencoders(autoencoders, None, inputs, y, metadata)
            context.call_on_fit_task_end(**task)
        encoder = with_autoencoders(encoder, iter(leaves(autoencoders)))
        if grown:
            wanted = named_encoder(self.encoder)
            encoder.set_params(warm_start=wanted.warm_start, memory=wanted.memory)
        if not split_steps(encoder)[0]:
            return encoder, X, None if validation is None else validation[0]
        return encoder, as_inputs(encoder, inputs), None if X_val is None else as_inputs(encoder, X_val)

    def _from_cache(self, autoencoders, inputs, y, metadata):
        """Fit autoencoders, or take them from the cache `memory`; see `fit_autoencoders`."""
        if not (isinstance(self.random_state, Integral) or is_seeded(self.encoder)):
            warn_of_no_seed(self, stacklevel=7)  # through two decorators
        cached = check_memory(self.memory).cache(fit_autoencoders, ignore=["encoder"])
        if not needs_labels(autoencoders):
            y, metadata = None, {**metadata, "y_val": None}
        callbacks = exchange_callbacks(autoencoders)  # neither in the key nor in the file
        try:
            found = cached(autoencoders, without_verbosity(autoencoders), inputs, y, metadata)
        except pickle.PicklingError as error:  # joblib adds all that it was about
            raise ValueError(
                f"memory={self.memory!r} can't cache the pretraining: {error.args[0]}. Use functions that a "
                "module has by name, not lambdas, or set memory=None."
            ) from None
        exchange_callbacks(found, callbacks)
        names = [name for name in autoencoders.get_params() if name.split("__")[-1] == "verbose"]
        return found.set_params(**{name: autoencoders.get_params()[name] for name in names})

    def set_params(self, **params):
        """Set parameters, those of the encoder as ``encoder__name``.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : object
            The estimator itself.

        Raises
        ------
        ValueError
            If a name is unknown, or the encoder is only a tuple of sizes and has no parameters.
        """
        encoder = params.get("encoder", self.encoder)
        nested = [name for name in params if name.startswith("encoder__")]
        if nested and not isinstance(encoder, BaseEstimator):
            raise ValueError(
                f"{nested[0]!r} can't be set: encoder={encoder!r} is no estimator. Write "
                f"encoder=StackedAutoencoderTransformer({'' if encoder is None else encoder}) instead."
            )
        return super().set_params(**params)

    def _next_encoder(self, rng, resume):
        """Return the encoder to train, whether it is fitted, and whether it has layers that are not."""
        if resume:  # a copy, so that a failure leaves the present one as it is
            grown = grown_encoder(self.encoder, self.encoder_, pretrain=self.pretrain)
            if grown is not None:
                return grown, False, True
            check_same_layers(self.encoder, self.encoder_)
            return snapshot(self.encoder_), True, False
        encoder, fitted = make_encoder(self.encoder, rng, pretrain=self.pretrain, verbose=self.verbose)
        return encoder, fitted, False

    def _check_parameters(self, encoder, fitted):
        """Raise ValueError if parameters do not go together, or not with the layers of the encoder."""
        self._dropout(encoder)
        self._check_solver()
        if not fitted and not is_classifier(self) and needs_labels(encoder):
            raise ValueError(
                f"The layers of the encoder have supervision, which learns classes, but y of a "
                f"{type(self).__name__} has numbers. Set supervision=0, or train the encoder with classes "
                "before, and hand it over in a FrozenEstimator."
            )
        n_hidden, factors = len(described_layers(encoder)), self.learning_rate_factors
        if self.freeze > n_hidden:
            raise ValueError(f"freeze={self.freeze} is more than the number of hidden layers, {n_hidden}.")
        if self.freeze and self.input_dropout:
            raise ValueError(
                f"input_dropout={self.input_dropout} makes no sense with freeze={self.freeze}: the code of "
                "frozen layers is computed once. Set one of them to 0."
            )
        if factors is None:
            return
        if self.solver == "lbfgs":
            raise ValueError(
                f"learning_rate_factors={factors!r} make no sense with solver='lbfgs', which has no learning "
                "rate. Set them to None, or solver to 'adam' or 'sgd'."
            )
        if len(factors) != n_hidden + 1:
            raise ValueError(
                f"learning_rate_factors={factors!r} has {len(factors)} values for {n_hidden} hidden layers "
                f"and the output layer. Give {n_hidden + 1} values."
            )
        if not all(isinstance(factor, Real) and 0 <= factor < np.inf for factor in factors):
            raise ValueError(
                f"Every value of learning_rate_factors must be a number of at least 0, got {factors!r}."
            )

    def _dropout(self, encoder):
        """Return the dropout of the input of every layer, the lowest first; raise if it is not valid."""
        n_hidden, values = len(described_layers(encoder)), self.dropout
        if isinstance(values, Real):
            values = [values] * n_hidden
        if len(values) != n_hidden:
            raise ValueError(
                f"dropout={self.dropout!r} has {len(values)} values for {n_hidden} hidden layers. Give one "
                "value per hidden layer, or a single value for all."
            )
        if not all(isinstance(value, Real) and 0 <= value < 1 for value in values):
            raise ValueError(f"Every value of dropout must be a number in [0, 1), got {self.dropout!r}.")
        if self.solver == "lbfgs" and any([self.input_dropout, *values]):
            raise ValueError(
                f"dropout={self.dropout!r} and input_dropout={self.input_dropout!r} make no sense with "
                "solver='lbfgs', which drops the same units in every iteration. Set them to 0, or solver to "
                "'adam' or 'sgd'."
            )
        return [self.input_dropout, *values]

    def _with_names(self, given, X):
        """Return samples for the encoder: as they were given, if columns have names, else validated."""
        return given if hasattr(self, "feature_names_in_") else X

    def _check_samples(self, encoder, X, *, reset):
        """Validate X without casting or copying it.

        With preprocessing steps, the content of X is left to the first of them. In the first call
        (`reset`), the first step of a fitted encoder must know the features.
        """
        preprocessing, autoencoders = split_steps(encoder)
        if preprocessing:
            if reset:
                vars(self).pop("n_features_in_", None)  # of an earlier fit: texts have none
            elif hasattr(self, "n_features_in_") and len(getattr(X, "shape", (0, 0))) == 1:
                check_array(X, dtype=None)  # raises: one sample, not a table
            validate_data(self, X, skip_check_array=True, reset=reset)
            checked = X
        else:
            first = autoencoders[0]
            if hasattr(first, "components_"):  # a BernoulliRBM computes in the type of what it was trained on
                dtype = first.components_.dtype
            else:
                dtype = getattr(first, "dtype", np.float64)
            checked = check_samples(self, X, dtype, reset=reset)
        first = [*preprocessing, *autoencoders][0]
        if reset and hasattr(first, "n_features_in_"):
            validate_data(first, X, skip_check_array=True, reset=False)
        return checked

    def _check_validation(self, encoder, X, X_val, y_val, targets):
        """Return validated samples for validation and their targets; None without."""
        if (X_val is None) != (y_val is None):
            given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
            raise ValueError(f"{given} is provided, but {missing} was not provided.")
        if X_val is None:
            return None
        with about_validation():
            X_val = self._check_samples(encoder, X_val, reset=False)
            val_targets = targets.alike(X_val, y_val).check_enough()
        if not split_steps(encoder)[0]:  # else they are scaled alike
            warn_of_other_samples(X, X_val)
        if not is_classifier(self):
            warn_of_other_targets(targets.values[targets.labelled], val_targets.values)
        return X_val, val_targets

    def _fine_tune(
        self, encoder, targets, task, inputs, sample_weight, validation, rng, context, *, resume, incremental
    ):  # fmt: skip
        """Train the whole network in the arrays of a fitted encoder, then set the attributes.

        Parameters
        ----------
        encoder : estimator
            Fitted; its layers are modified in place.
        targets : ClassTargets, IndicatorTargets or RealTargets
            Of the samples.
        task : dict
            See `task_of`.
        inputs : {ndarray, sparse matrix} of shape (n_samples, n_inputs)
            The samples as the lowest layer gets them.
        sample_weight : ndarray of shape (n_samples,) or None
            Of the samples, without those of classes; None for ones.
        validation : tuple or None
            Samples for validation, as the lowest layer gets them, and their targets.
        rng : RandomState
            For the order of samples and the validation split.
        context : callback context
            Of this phase.
        resume : bool
            Whether to continue from the present output layer.
        incremental : bool
            One pass, with the optimizer of the previous call.

        Returns
        -------
        history : sklearn_sda._training.History
        """
        weights = self._weigh(targets, sample_weight)
        layers = matching_layers(split_steps(encoder)[1])
        trained, parameters = layers[self.freeze :], []
        for layer in trained:
            layer._make_writeable()
            parameters += [layer.encoder_coef_, layer.encoder_intercept_]
        coef = layers[-1].encoder_coef_
        dtype = coef.dtype
        rows = training_rows(inputs.shape[0], weights, targets.labelled)
        max_iter, batch_size = self._max_iter(len(rows), incremental), self._check_batch_size(len(rows))
        held_out = None
        if validation is not None:
            held_out = *validation, None
        elif self.early_stopping and not incremental and max_iter > 0:
            rows, held_out_rows = self._split(rows, rng, strata=targets.strata)
            own_weights = None if sample_weight is None else sample_weight[held_out_rows]
            held_out = inputs[held_out_rows], targets.part(held_out_rows), own_weights
        if resume:
            output = [np.array(self.output_coef_), np.array(self.output_intercept_)]
        else:
            start = targets.start(dtype, weights, rows)
            output = [np.zeros((coef.shape[1], targets.n_outputs), dtype), start]
        parameters += output
        attributes = {
            "encoder_": encoder,
            "output_coef_": output[0],
            "output_intercept_": output[1],
            "out_activation_": LOSSES[targets.loss].out_activation,
            "n_outputs_": targets.n_outputs,
            "n_layers_": len(layers) + 2,
            **self._target_attributes(targets),
        }

        def fitted_attributes(history):
            return {**attributes, **self._curve_attributes(history, resume)}

        if self.freeze:
            inputs = frozen_code(layers[: self.freeze], inputs, rows)
        dropout, factors = self._dropout(encoder), self.learning_rate_factors
        unit = None
        if incremental:  # those of classes mean the same in every piece, whatever it has of them
            unit = np.ones(inputs.shape[0]) if sample_weight is None else sample_weight
        scaled_weights, mean_weight = scaled(weights, rows, dtype, unit)
        objective = Network(
            inputs,
            targets.write,
            parameters,
            activations=[layer.activation for layer in trained],
            loss=targets.loss,
            alpha=self.alpha / mean_weight,
            batch_size=batch_size,
            dropout=dropout[self.freeze :],
            seeds=rng.randint(np.iinfo(np.int32).max, size=len(dropout)).tolist()[self.freeze :]
            if any(dropout)
            else None,
            rate_factors=None if factors is None else list(factors[self.freeze :]),
            weights=scaled_weights,
        )
        validate = None
        if held_out is not None:
            chain = network_chain(layers, output, identity_forward)

            def validate():
                X_held_out, held_out_targets, own_weights = held_out
                outputs = forward(chain, X_held_out)
                losses = output_losses(outputs, held_out_targets.write, LOSSES[targets.loss])
                loss = float(np.average(losses.astype(np.float64), weights=own_weights))
                return float(held_out_targets.score(outputs, own_weights)), loss

        optimizer = self._next_optimizer(parameters, incremental)
        history = self._minimize(
            objective,
            optimizer,
            rng,
            rows=rows,
            position=self.t_ if resume else 0,
            max_iter=max_iter,
            validate=validate,
            monitor=Monitor(task, context, objective.name, fitted_attributes, max_iter),
        )
        vars(self).update(fitted_attributes(history))
        self._optimizer = optimizer if incremental else None
        return history

    def _start(self, n_features, classes, n_outputs, dtype, feature_names=None):
        """Become as fitted by ``pretrain=False, max_iter=0``; see `targets_like`.

        A `BernoulliRBM` gets the type dtype.
        """
        frozen = isinstance(self.encoder, FrozenEstimator)
        untrained = {"pretrain": frozen, "max_iter": 0, "early_stopping": False, "solver": "adam"}
        untrained |= {"warm_start": False, "memory": None, "verbose": 0, "batch_size": "auto"}
        template = clone(self).set_params(**untrained)
        vars(template).pop("_skl_callbacks", None)  # this is no fit that they should hear of
        own_encoder = isinstance(template.encoder, BaseEstimator) and not frozen
        callbacks = exchange_callbacks(template.encoder) if own_encoder else []
        if hasattr(template, "class_weight"):
            template.set_params(class_weight=None)
        noises = []  # the samples below have no names of columns
        if own_encoder:
            for step in split_steps(template.encoder)[1]:
                noise = {name: getattr(step, name) for name in NO_NOISE if hasattr(step, name)}
                step.set_params(**{name: NO_NOISE[name] for name in noise})
                noises.append(noise)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of minibatches larger than these few samples
            X, y = targets_like(classes, n_outputs, n_features)
            y = y.astype(object) if y.dtype.kind == "U" else y  # "-1" is a class here
            template.fit(X.astype(dtype), y)
        if own_encoder:
            exchange_callbacks(template.encoder_, callbacks)
        if classes is not None:
            template.classes_ = classes
        if feature_names is not None:
            for estimator in [template] if frozen else [template, split_steps(template.encoder_)[1][0]]:
                estimator.feature_names_in_ = np.array(feature_names, dtype=object)
        for step, noise in zip(split_steps(template.encoder_)[1], noises, strict=False):
            step.set_params(**noise)
            if isinstance(step, StackedAutoencoderTransformer):
                step._give_parameters()
        params = self.get_params(deep=False)
        vars(self).update({name: value for name, value in vars(template).items() if name not in params})

    def _parameter_layers(self):
        """Return the layers that `save_parameters` writes."""
        return self._layers()

    def _make_output_writeable(self):
        """Replace the output layer in a memory map or read-only by a copy."""
        self.output_coef_, self.output_intercept_ = map(writeable, self._output_arrays())

    def _output_arrays(self):
        """Return the coefficients and the intercept of the output layer."""
        return self.output_coef_, self.output_intercept_

    def _start_like(self, file):
        """Become as fitted by ``pretrain=False, max_iter=0``; see `SavesParameters`."""
        if file.output is None:
            raise ValueError(
                f"{file.path} has no output layer (it is of a {file.estimator}), and this "
                f"{type(self).__name__} is not fitted. Load the file into a stack, and hand that over as "
                "encoder=FrozenEstimator(stack)."
            )
        preprocessing, _ = split_steps(named_encoder(self.encoder))
        if preprocessing:
            raise ValueError(
                f"{file.path} has no preprocessing, but the encoder of this {type(self).__name__} has "
                f"{preprocessing!r}. Fit it before it takes parameters, with max_iter=0 if you like."
            )
        if is_classifier(self) == (file.link == "identity"):
            raise ValueError(
                f"{file.path} is of a {file.estimator}, whose output layer is {file.link!r}: its parameters "
                f"can't become those of a {type(self).__name__}."
            )
        classes = None if file.classes is None or file.link != "softmax" else array_of(file.classes)
        dtype = file.layers[0]["encoder_coef"].dtype
        self._start(file.n_features, classes, file.output[1].size, dtype, file.feature_names)
        for layer, arrays in zip(self._layers(), file.layers, strict=False):
            start_decoder(layer, arrays)

    @property
    def _fine_tuned(self):
        """Whether the encoder is a stack whose layers were trained together."""
        return getattr(self.encoder_, "_fine_tuned", False)

    def _set_fine_tuned(self, fine_tuned):
        """Make the encoder, if it is a stack, one whose layers were trained together, or not."""
        if isinstance(self.encoder_, StackedAutoencoderTransformer):
            self.encoder_._set_fine_tuned(fine_tuned)

    def _layers(self):
        """Return the layers of the fine-tuned encoder."""
        return matching_layers(split_steps(self.encoder_)[1])

    @property
    def coefs_(self):
        """Coefficients of all layers, shape (fan_in, fan_out): the layers' own arrays."""
        return [layer.encoder_coef_ for layer in self._layers()] + [self.output_coef_]

    @property
    def intercepts_(self):
        """Intercepts of all layers, shape (fan_out,): the layers' own arrays."""
        return [layer.encoder_intercept_ for layer in self._layers()] + [self.output_intercept_]

    @property
    def _n_features_out(self):
        """Length of the code."""
        return len(self.output_coef_)

    def _network_inputs(self, X):
        """Return validated and preprocessed samples, of shape (n_samples, n_inputs)."""
        check_is_fitted(self)
        X = self._check_samples(self.encoder_, X, reset=False)
        return preprocess(self.encoder_, X)

    def _outputs(self, X, link):
        """Return the outputs, of shape (n_samples, n_classes), through a link kernel."""
        inputs = self._network_inputs(X)
        return forward(
            network_chain(self._layers(), [self.output_coef_, self.output_intercept_], link), inputs
        )

    def transform(self, X):
        """Return the code of the fine-tuned encoder.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            Codes of the last hidden layer, in the compute type.
        """
        inputs = self._network_inputs(X)
        return forward([layer._encoder() for layer in self._layers()], inputs)


def frozen_code(layers, inputs, rows):
    """Return the code of some samples by the lowest layers; that of the others is not defined.

    Parameters
    ----------
    layers : list of DenoisingAutoencoder
        From the lowest on.
    inputs : ndarray of shape (n_samples, n_inputs)
        Samples.
    rows : range or ndarray of int of shape (n_rows,)
        Those whose code is needed.

    Returns
    -------
    codes : ndarray of shape (n_samples, n_components)
    """
    chain = [layer._encoder() for layer in layers]
    codes = np.empty((inputs.shape[0], chain[-1].coef.shape[1]), chain[-1].coef.dtype)
    for start in range(0, len(rows), CHUNK):
        part = as_indices(rows[start : start + CHUNK])
        codes[part] = forward(chain, inputs[part])
    return codes


def preprocess(encoder, X):
    """Return samples as the lowest layer of a fitted encoder gets them.

    Parameters
    ----------
    encoder : estimator
        Fitted.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Validated, if the encoder has no preprocessing.

    Returns
    -------
    inputs : ndarray of shape (n_samples, n_inputs)

    Raises
    ------
    ValueError
        If preprocessing gives what the lowest layer does not take; see `check_samples`.
    """
    for step in split_steps(encoder)[0]:
        X = step.transform(X)
    return as_inputs(encoder, X)


def as_inputs(encoder, X):
    """Return preprocessed samples validated, as the lowest layer does it; see `preprocess`."""
    preprocessing, autoencoders = split_steps(encoder)
    if preprocessing:
        X = check_samples(
            autoencoders[0], X, matching_layers(autoencoders)[0].encoder_coef_.dtype, reset=False
        )
    return X


def network_chain(layers, output, link):
    """Return the forward chain of a network.

    Parameters
    ----------
    layers : list of DenoisingAutoencoder
        Hidden layers.
    output : list of ndarray
        Coefficients and intercepts of the output layer.
    link : Kernel
        Of the outputs.

    Returns
    -------
    chain : list of Affine
    """
    coef, intercept = map(np.asarray, output)
    return [*(layer._encoder() for layer in layers), Affine(coef, intercept, link)]
