"""A classifier is an output layer on an encoder, fine-tuned in the encoder's own arrays."""

import copy
import warnings
from numbers import Integral, Real

import numpy as np
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_sda._base import MinibatchEstimator, Monitor, all_or_nothing, check_samples
from sklearn_sda._compat import HasMethods, Interval, NullContext, _check_partial_fit_first_call, _fit_context
from sklearn_sda._encoder import (
    AUTOENCODERS,
    check_same_layers,
    described_layers,
    layers_of,
    leaves,
    make_encoder,
    split_steps,
)
from sklearn_sda._kernels.pointwise import LOSSES, identity_forward
from sklearn_sda._labels import check_classes, check_labels, check_none_missing, encode_labels, one_hot_writer
from sklearn_sda._network import Affine, forward
from sklearn_sda._objectives import Network


class SdAClassifier(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClassifierMixin, MinibatchEstimator):
    """Stacked denoising autoencoder classifier: pretrain an encoder, then fine-tune it with labels.

    The encoder is trained without labels, a softmax output layer is put on top, and the whole
    network is trained to minimise the log loss. Fine-tuning moves the very arrays that were
    pretrained: ``clf.encoder_`` is the fine-tuned encoder.

    Parameters
    ----------
    encoder : None, int, sequence of int, or estimator, default=None
        What is pretrained. A `StackedAutoencoderTransformer`, a `DenoisingAutoencoder`, a
        `sklearn.neural_network.BernoulliRBM`, or a `Pipeline` that ends in them (of machines: a deep belief
        network); its earlier steps are preprocessing, fitted and then left alone. A sequence
        of layer sizes is short for a stack of them, None for the default stack. A copy is trained, a
        fitted encoder's from the beginning. One in a `sklearn.frozen.FrozenEstimator` is not trained
        again: fine-tuning starts from a copy of it.

    pretrain : bool, default=True
        False leaves out pretraining: fine-tuning starts from the random initial parameters that
        pretraining would have started from.

    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        Optimizer of the fine-tuning: Adam, stochastic gradient descent with `momentum`, or L-BFGS (SciPy's)
        for small data: each of its at most `max_iter` iterations sees all samples; it stops where no
        component of the gradient is above `tol`. It has no minibatches, learning rate, dropout or early
        stopping.

    learning_rate_init : float, default=0.001
        Step size of the first epoch.

    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        "invscaling" is learning_rate_init / (t + 1)**power_t after t samples; "adaptive" divides the
        rate by 5 where training would otherwise stop. For both solvers.

    power_t : float, default=0.5
        Exponent of "invscaling".

    momentum : float, default=0.9
        Momentum of solver "sgd", in [0, 1).

    nesterovs_momentum : bool, default=True
        Whether the momentum is Nesterov's.

    beta_1 : float, default=0.9
        Decay of Adam's mean of the gradient, in [0, 1).

    beta_2 : float, default=0.999
        Decay of Adam's mean of the squared gradient, in [0, 1).

    epsilon : float, default=1e-8
        Adam's guard against division by zero.

    alpha : float, default=0.0001
        Strength of the L2 penalty alpha / (2 n) * sum(coef**2) on a minibatch of n samples.

    dropout : float or sequence of float, default=0.0
        Probability with which the output of a hidden unit is set to 0 in fine-tuning, for each sample
        anew, in [0, 1); what remains is divided by 1 - dropout (user guide, eq. 12). A sequence has one value
        per hidden layer, from the lowest to the highest. Predictions are made without.

    input_dropout : float, default=0.0
        The same for the inputs of the network.

    batch_size : int or "auto", default="auto"
        Samples per minibatch; "auto" is n_samples / 20, but at least 32
        and at most 200.

    max_iter : int, default=200
        Largest number of epochs of the fine-tuning.

    shuffle : bool, default=True
        Whether the samples are visited in a new order in each epoch.

    tol : float, default=1e-4
        An epoch counts as progress if it improves on the best loss (or validation score) by more
        than this.

    n_iter_no_change : int, default=10
        Fine-tuning stops after more than this many epochs without progress.

    early_stopping : bool, default=False
        Whether to set aside `validation_fraction` of the samples, stratified by class, to measure
        progress by the accuracy on them and to restore the parameters of the best epoch.
        (Pretraining uses all samples. Where layers have `supervision` it has seen the labels of those that
        are set aside, so that their accuracy is too good.)

    validation_fraction : float, default=0.1
        Fraction of the samples set aside for early stopping, in (0, 1).

    warm_start : bool, default=False
        Whether `fit` continues fine-tuning from the present parameters, without pretraining.

    random_state : int, RandomState instance or None, default=None
        Determines the seeds of the encoder where its own are None, the order of samples, the validation
        split and the dropout. An integer gives the same result to the last bit on every run.

    verbose : int, default=0
        If positive, a line is printed for every epoch of the fine-tuning.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.

    encoder_ : estimator
        The fine-tuned encoder.

    output_coef_ : ndarray of shape (n_components, n_classes)
        Coefficients of the output layer.

    output_intercept_ : ndarray of shape (n_classes,)
        Intercepts of the output layer.

    coefs_ : list of ndarray of shape (fan_in, fan_out)
        Coefficients of all layers, the output layer's last: the layers' own arrays, not copies.

    intercepts_ : list of ndarray of shape (fan_out,)
        Intercepts of all layers: the layers' own arrays, not copies.

    out_activation_ : str
        "softmax".

    loss_ : float
        Log loss (plus penalty) of the last epoch, nats per sample.

    best_loss_ : float or None
        Lowest training loss; None with early stopping.

    loss_curve_ : list of float
        Training loss of each epoch of the fine-tuning.

    validation_scores_ : list of float or None
        Accuracy on the validation samples after each epoch; None without early stopping.

    best_validation_score_ : float or None
        Highest of those of the last `fit`, that of the restored parameters.

    n_iter_ : int
        Number of epochs of the fine-tuning.

    n_layers_ : int
        Number of layers, input and output included.

    n_outputs_ : int
        Number of outputs, n_classes.

    t_ : int
        Number of samples seen in fine-tuning.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit. Defined only when X has feature names that are all
        strings.

    See Also
    --------
    StackedAutoencoderTransformer : The encoder alone.
    sklearn.neural_network.MLPClassifier : The same network without pretraining.

    References
    ----------
    Vincent, Larochelle, Lajoie, Bengio and Manzagol (2010). Stacked denoising autoencoders. JMLR 11,
    section 3.

    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014). Dropout. JMLR 15. (`dropout`)

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_sda import SdAClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    >>> clf = SdAClassifier((100, 50), max_iter=20, random_state=0).fit(X_train, y_train)
    >>> clf.score(X_test, y_test) > 0.9
    True
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
        "dropout": [Interval(Real, 0, 1, closed="left"), tuple, list],
        "input_dropout": [Interval(Real, 0, 1, closed="left")],
        **MinibatchEstimator._parameter_constraints,
    }

    def __init__(
        self,
        encoder=None,
        *,
        pretrain=True,
        solver="adam",
        learning_rate_init=0.001,
        learning_rate="constant",
        power_t=0.5,
        momentum=0.9,
        nesterovs_momentum=True,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        alpha=0.0001,
        dropout=0.0,
        input_dropout=0.0,
        batch_size="auto",
        max_iter=200,
        shuffle=True,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.encoder = encoder
        self.pretrain = pretrain
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.learning_rate = learning_rate
        self.power_t = power_t
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.alpha = alpha
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        """Declare that codes are float32 unless the encoder says otherwise."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        if hasattr(self.encoder, "__sklearn_tags__") and not isinstance(self.encoder, type):
            encoder_tags = self.encoder.__sklearn_tags__()
            if encoder_tags.transformer_tags is not None:  # not of a Pipeline that ends in "passthrough"
                tags.transformer_tags.preserves_dtype = encoder_tags.transformer_tags.preserves_dtype
            tags.input_tags = encoder_tags.input_tags
            if isinstance(leaves(self.encoder)[0], AUTOENCODERS):  # a BernoulliRBM alone would take it
                tags.input_tags.sparse = False
        return tags

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y):
        """Pretrain the encoder on X, then fine-tune the whole network on X and y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples, of any numeric type (of any kind that its first step takes, if the
            encoder is a pipeline with preprocessing).
        y : array-like of shape (n_samples,)
            Class labels.

        Returns
        -------
        self : SdAClassifier
            Fitted estimator.

        Raises
        ------
        TypeError
            If `encoder` has no autoencoder.
        ValueError
            If X or y are not valid, y has one class only, or training diverges. The estimator is
            then as it was before.
        """
        resume = self.warm_start and hasattr(self, "encoder_")
        rng = check_random_state(self.random_state)
        encoder, frozen = self._next_encoder(rng, resume)
        self._dropout(encoder)
        self._check_solver()
        given, X = X, self._check_samples(encoder, X, reset=not resume)
        y = check_labels(X, y)
        classes = self.classes_ if resume else np.unique(y)
        check_classes(classes, "y")
        codes = encode_labels(y, classes)

        context = self._init_callback_context(max_subtasks=1 if resume or frozen else 2)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        if not (resume or frozen):
            pretraining = context.subcontext(task_name="pretrain")
            with pretraining.propagate_callback_context(encoder):
                pretraining.call_on_fit_task_begin(estimator=self, X=X, y=y)
                encoder.fit(self._with_names(given, X), y)
                pretraining.call_on_fit_task_end(estimator=self, X=X, y=y)
        fine_tuning = context.subcontext(task_name="fine-tune", max_subtasks=self.max_iter)
        fine_tuning.call_on_fit_task_begin(estimator=self, X=X, y=y)
        history = self._fine_tune(
            encoder, classes, X, y, codes, rng, fine_tuning, resume=resume, incremental=False
        )
        fine_tuning.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
        context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
        if not history.converged and self.max_iter > 0:
            warnings.warn(
                f"SdAClassifier: maximum number of iterations ({self.max_iter}) reached and the fine-tuning "
                "hasn't converged yet. Increase max_iter, or use early_stopping=True.",
                ConvergenceWarning,
                stacklevel=4,  # through two decorators
            )
        return self

    @available_if(lambda self: self._can_partial_fit())
    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None):
        """Make one pass of fine-tuning over some samples.

        The first call pretrains the encoder on its own samples (unless ``pretrain=False`` or the encoder
        is frozen). To pretrain on data that arrive in pieces, train a stack with its `partial_fit` and
        hand it over as ``encoder=FrozenEstimator(stack)``.

        The optimizer is kept from one call to the next, with its state and the options (learning rate,
        momentum and so on) of the first call; another `solver` makes a new one. `early_stopping` has no
        effect here.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,)
            Class labels.
        classes : array-like of shape (n_classes,), default=None
            All class labels that will ever occur. Required in the first call.

        Returns
        -------
        self : SdAClassifier
            Fitted estimator.

        Raises
        ------
        ValueError
            As `fit`; if `classes` is missing in the first call or has fewer than two labels, or y has one
            that is not in it.
        """
        self._validate_params()  # scikit-learn does it in the first call only
        resume = hasattr(self, "encoder_")
        rng = check_random_state(self.random_state)
        encoder, frozen = self._next_encoder(rng, resume)
        self._dropout(encoder)
        given, X = X, self._check_samples(encoder, X, reset=not resume)
        y = check_labels(X, y)
        if classes is not None:
            check_none_missing(np.asarray(classes, dtype=object), "classes")
        _check_partial_fit_first_call(self, classes)
        check_classes(self.classes_, "classes")
        codes = encode_labels(y, self.classes_)
        if not (resume or frozen):
            encoder.fit(self._with_names(given, X), y)
        self._fine_tune(
            encoder, self.classes_, X, y, codes, rng, NullContext(), resume=resume, incremental=True
        )
        return self

    def set_params(self, **params):
        """Set parameters, those of the encoder as ``encoder__name``.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : SdAClassifier
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
        """Return the encoder to train and whether it is fitted; see `make_encoder`."""
        if resume:  # a copy, so that a failure leaves the present one as it is
            check_same_layers(self.encoder, self.encoder_)
            return copy.deepcopy(self.encoder_), True
        return make_encoder(self.encoder, rng, pretrain=self.pretrain, verbose=self.verbose)

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

    def _fine_tune(self, encoder, classes, X, y, codes, rng, context, *, resume, incremental):
        """Train the whole network in the arrays of a fitted encoder, then set the attributes.

        Parameters
        ----------
        encoder : estimator
            Fitted; its layers are modified in place.
        classes : ndarray of shape (n_classes,)
            Class labels.
        X : array-like of shape (n_samples, n_features)
            Validated samples.
        y : ndarray of shape (n_samples,)
            Validated labels.
        codes : ndarray of shape (n_samples,)
            Position in `classes` of each label.
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
        layers = layers_of(split_steps(encoder)[1])
        parameters = []
        for layer in layers:
            layer._make_writeable()
            parameters += [layer.encoder_coef_, layer.encoder_intercept_]
        dtype = parameters[0].dtype
        if resume:
            output = [np.array(self.output_coef_), np.array(self.output_intercept_)]
        else:
            output = [np.zeros((len(parameters[-1]), len(classes)), dtype), np.zeros(len(classes), dtype)]
        parameters += output
        attributes = {
            "encoder_": encoder,
            "output_coef_": output[0],
            "output_intercept_": output[1],
            "classes_": classes,
            "out_activation_": LOSSES["log_loss"].out_activation,
            "n_outputs_": len(classes),
            "n_layers_": len(layers) + 2,
        }

        def fitted_attributes(history):
            return {**attributes, **self._curve_attributes(history, resume)}

        inputs = preprocess(encoder, X)

        dropout = self._dropout(encoder)
        objective = Network(
            inputs,
            one_hot_writer(codes),
            parameters,
            activations=[layer.activation for layer in layers],
            loss="log_loss",
            alpha=self.alpha,
            batch_size=self._check_batch_size(len(codes)),
            dropout=dropout,
            seeds=rng.randint(np.iinfo(np.int32).max, size=len(dropout)).tolist() if any(dropout) else None,
        )
        max_iter = self._max_iter(len(codes), incremental)
        rows, validation_rows = self._split(
            len(codes), rng, stop_early=not incremental and max_iter > 0, stratify=codes
        )
        score = None
        if validation_rows is not None:
            X_validation, codes_validation = inputs[validation_rows], codes[validation_rows]
            chain = network_chain(layers, output, identity_forward)

            def score():
                predicted = forward(chain, X_validation).argmax(axis=1)
                return float((predicted == codes_validation).mean())

        optimizer = self._next_optimizer(parameters, incremental)
        history = self._minimize(
            objective,
            optimizer,
            rng,
            rows=rows,
            position=self.t_ if resume else 0,
            max_iter=max_iter,
            score=score,
            monitor=Monitor(
                self,
                context,
                objective.name,
                fitted_attributes,
                X,
                y,
                max_iter,
            ),
        )
        vars(self).update(fitted_attributes(history))
        self._optimizer = optimizer if incremental else None
        return history

    def _layers(self):
        """Return the layers of the fine-tuned encoder."""
        return layers_of(split_steps(self.encoder_)[1])

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
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            Codes of the last hidden layer, in the compute type.
        """
        inputs = self._network_inputs(X)
        return forward([layer._encoder() for layer in self._layers()], inputs)

    def predict(self, X):
        """Return the most probable class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Class labels.
        """
        outputs = self._outputs(X, identity_forward)
        return self.classes_[outputs.argmax(axis=1)]

    def predict_proba(self, X):
        """Return the probability of each class: the softmax of the outputs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; rows sum to 1.
        """
        return self._outputs(X, LOSSES["log_loss"].link)

    def predict_log_proba(self, X):
        """Return the logarithm of the probability of each class, from the logits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; finite even where the probability underflows.
        """
        return log_softmax(self._outputs(X, identity_forward), axis=1)


def preprocess(encoder, X):
    """Return samples as the lowest layer of a fitted encoder gets them.

    Parameters
    ----------
    encoder : estimator
        Fitted.
    X : array-like of shape (n_samples, n_features)
        Validated, if the encoder has no preprocessing.

    Returns
    -------
    inputs : ndarray of shape (n_samples, n_inputs)

    Raises
    ------
    ValueError
        If preprocessing gives what the lowest layer does not take; see `check_samples`.
    """
    preprocessing, autoencoders = split_steps(encoder)
    for step in preprocessing:
        X = step.transform(X)
    if preprocessing:
        X = check_samples(autoencoders[0], X, layers_of(autoencoders)[0].encoder_coef_.dtype, reset=False)
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
