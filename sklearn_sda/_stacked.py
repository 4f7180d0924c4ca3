"""A stack of layers: builds and owns a Pipeline, whose `fit` is greedy layer-wise pretraining."""

import warnings
from contextlib import contextmanager
from itertools import pairwise
from numbers import Integral, Real

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_sda._autoencoder import DenoisingAutoencoder
from sklearn_sda._base import all_or_nothing, snapshot, task_of
from sklearn_sda._combinations import check_combinations
from sklearn_sda._compat import CallbackSupportMixin, HasMethods, Interval, _fit_context
from sklearn_sda._corruption import level_by_column
from sklearn_sda._kernels.pointwise import LOSSES
from sklearn_sda._network import forward, reconstruction_losses
from sklearn_sda._parameters import SavesParameters, start_decoder, start_layers
from sklearn_sda._samples import check_codes, check_samples, check_validation, scales_compared
from sklearn_sda._training import training_rows
from sklearn_sda._unrolled import FINE_TUNING_ATTRIBUTES, make_trainer, train_together, unrolled_decoders
from sklearn_sda._weights import check_weights

# Parameters of a layer that the stack sets itself, or that are one for all layers.
OWN_PARAMETERS = ("n_components", "random_state")
SHARED_PARAMETERS = ("dtype",)
# Samples whose code the layers above see where none is trained: enough for the checks and to scale noise.
FEW = 1000


class StackedAutoencoderTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, SavesParameters, CallbackSupportMixin, BaseEstimator
):
    """Stacked denoising autoencoder: a deep representation, learned one layer at a time.

    Each layer is a `DenoisingAutoencoder` that is trained on the code of the *trained* layers below
    (Bengio et al. 2007). The layers are the steps of a `Pipeline`, and training is its `fit`.

    A parameter of the layers is given as one value for all layers, or as a list or tuple with one
    value per layer. `DenoisingAutoencoder` says more about each.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(200,)
        Number of hidden units of each layer.

    activation : {"logistic", "tanh", "relu", "softplus", "identity"}, default="relu"
        Hidden unit.

    corruption : str or callable, default="masking"
        Noise added to the input of the layer that is being trained: "masking", "salt_and_pepper",
        "swap", "gaussian", "gaussian_absolute" or a callable. Several in turn are a list within the list
        of layers.

    corruption_level : float, array of shape (n_features,) or dict, default=0.3
        Probability in [0, 1) that an entry is corrupted; for "gaussian" the standard deviation of the noise
        in units of the column's, for "gaussian_absolute" in units of its input. An array or a dict, with a
        level per column, is for the first layer; the others have 0.3 then.

    emphasis : tuple of float (alpha, beta) or None, default=None
        Weights of the corrupted and of the clean components in the loss. A pair of numbers is for all
        layers.

    loss : {"auto", "cross_entropy", "squared_error"}, default="auto"
        Reconstruction loss. "auto" is that of `DenoisingAutoencoder` for the first layer, which
        follows the training data. For a higher layer it follows the unit of the layer below:
        cross-entropy if that is "logistic", squared error otherwise.

    tied_weights : bool, default=True
        Whether the decoder uses the transposed encoder coefficients.

    activity_l1 : float, default=0.0
        Strength of the L1 penalty on the code.

    sparsity_weight : float, default=0.0
        Strength of the penalty on mean activities away from `sparsity_target`.

    sparsity_target : float, default=0.05
        Wanted mean activity, in (0, 1).

    contraction : float, default=0.0
        Strength of the penalty on the encoder's Jacobian.

    supervision : float, default=0.0
        Weight of the labels in the training of the layers, in [0, 1].

    solver : {"adam", "sgd", "lbfgs", "marginalized"}, default="adam"
        Optimizer, or the solution in closed form.

    learning_rate_init : float, default=0.001
        Step size of the first epoch.

    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        Schedule of the step size.

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

    alpha : float, default=0.0
        Strength of the L2 penalty.

    batch_size : int or "auto", default="auto"
        Samples per minibatch; "auto" is n_samples / 20, but at least 32
        and at most 200.

    max_iter : int or "auto", default="auto"
        Largest number of epochs of a layer. "auto" is as many as make 500 updates, but at least 15 and
        at most 100 (with "lbfgs" it is 100). 0 leaves the random initial parameters.

    shuffle : bool, default=True
        Whether the samples are visited in a new order in each epoch.

    tol : float, default=1e-4
        Smallest improvement of the loss (or validation score) that counts as progress.

    n_iter_no_change : int, default=10
        Epochs without progress that are allowed to a layer; see `stopping`.

    stopping : {"patience", "geometric"}, default="patience"
        When the training of a layer stops.

    early_stopping : bool, default=False
        Whether each layer sets samples aside (or uses the `X_val` of `fit`) and restores its best parameters.

    validation_fraction : float, default=0.1
        Fraction of the samples set aside for early stopping, in (0, 1).

    warm_start : bool, default=False
        Whether `fit` continues from the present layers. If `hidden_layer_sizes` has grown, they are left as
        they are, and only the new ones are trained, before `fine_tune` trains all of them. Not together with
        `memory`.

    dtype : {"float32", "float64"}, default="float32"
        Type of the computation, the parameters and the output; one for all layers.

    random_state : int, RandomState instance or None, default=None
        An integer seed per layer is drawn from it. An integer gives the same result to the last bit
        on every run.

    verbose : int, default=0
        If positive, a line is printed for every epoch.

    memory : str or joblib.Memory, default=None
        Cache for trained layers (all but the last), as in `Pipeline`. Needs an integer `random_state`.

    fine_tune : bool or dict, default=False
        Whether all layers are trained together after the last of them: the encoders are followed by the
        decoders in reverse order, and this deep autoencoder learns to reconstruct X (user guide, eq. 9;
        Hinton and Salakhutdinov 2006). True trains it as the first layer was trained (with its corruption,
        loss, optimizer and `alpha`, without its emphasis and its penalties on codes). The output of a
        decoder has the unit of the code that it stands for, so that the decoder is as little linear as the
        encoder. A dict has parameters of the first layer that differ here, such as
        ``{"max_iter": 100, "corruption_level": 0}``. For a linear code, the last `activation` is "identity".
        (Decode with the stack: ``pipeline_`` and its layers keep their own links.)

    Attributes
    ----------
    pipeline_ : Pipeline
        The trained layers, named "layer1", "layer2", and so on. ``stack[i]`` is one of them.

    coefs_ : list of ndarray of shape (n_features, n_components)
        Encoder coefficients: the arrays of the layers, not copies.

    intercepts_ : list of ndarray of shape (n_components,)
        Encoder intercepts: the arrays of the layers, not copies.

    named_steps : Bunch
        The layers by name.

    n_iter_ : int
        Number of epochs, added up over the layers and the fine-tuning; ``stack[i].n_iter_`` is that of
        one layer.

    loss_ : float
        Training loss of the last epoch of the fine-tuning, per sample. Defined, as all that follow here up to
        `t_`, only with `fine_tune`.

    best_loss_ : float or None
        Lowest training loss of the fine-tuning; None with early stopping.

    loss_curve_ : list of float
        Training loss of each epoch of the fine-tuning.

    validation_scores_ : list of float or None
        Score of the validation samples after each epoch of the fine-tuning; None without early stopping and
        `X_val`.

    validation_losses_ : list of float or None
        Their loss, the negative score.

    best_validation_score_ : float or None
        Highest of those of the last `fit`; with early stopping that of the restored parameters.

    t_ : int
        Number of samples seen in the fine-tuning.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit. Defined only when X has feature names that are all
        strings.

    See Also
    --------
    DenoisingAutoencoder : One layer; its attributes hold the learning curves.
    SdAClassifier : Fine-tunes the stack with labels.

    References
    ----------
    Bengio, Lamblin, Popovici and Larochelle (2007). Greedy layer-wise training of deep networks. NIPS.

    Vincent, Larochelle, Lajoie, Bengio and Manzagol (2010). Stacked denoising autoencoders. JMLR 11,
    section 3.

    Hinton and Salakhutdinov (2006). Reducing the dimensionality of data with neural networks. Science 313.
    (`fine_tune`)

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_sda import StackedAutoencoderTransformer
    >>> X = load_digits().data / 16
    >>> stack = StackedAutoencoderTransformer((50, 20), corruption_level=(0.1, 0.2), random_state=0)
    >>> stack.fit_transform(X).shape
    (1797, 20)
    >>> stack[0]
    DenoisingAutoencoder(...)
    """

    _parameter_constraints: dict = {
        "hidden_layer_sizes": [Interval(Integral, 1, None, closed="left"), "array-like"],
        **{
            name: constraints
            if name in SHARED_PARAMETERS + OWN_PARAMETERS or list in constraints
            else [*constraints, list, tuple]
            for name, constraints in DenoisingAutoencoder._parameter_constraints.items()
            if name != "n_components"
        },
        "memory": [None, str, HasMethods(["cache"])],
        "fine_tune": ["boolean", dict],
    }

    def __init__(
        self,
        hidden_layer_sizes=(200,),
        *,
        activation="relu",
        corruption="masking",
        corruption_level=0.3,
        emphasis=None,
        loss="auto",
        tied_weights=True,
        activity_l1=0.0,
        sparsity_weight=0.0,
        sparsity_target=0.05,
        contraction=0.0,
        supervision=0.0,
        solver="adam",
        learning_rate_init=0.001,
        learning_rate="constant",
        power_t=0.5,
        momentum=0.9,
        nesterovs_momentum=True,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        alpha=0.0,
        batch_size="auto",
        max_iter="auto",
        shuffle=True,
        tol=1e-4,
        n_iter_no_change=10,
        stopping="patience",
        early_stopping=False,
        validation_fraction=0.1,
        warm_start=False,
        dtype="float32",
        random_state=None,
        verbose=0,
        memory=None,
        fine_tune=False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.emphasis = emphasis
        self.loss = loss
        self.tied_weights = tied_weights
        self.activity_l1 = activity_l1
        self.sparsity_weight = sparsity_weight
        self.sparsity_target = sparsity_target
        self.contraction = contraction
        self.supervision = supervision
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
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.stopping = stopping
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose
        self.memory = memory
        self.fine_tune = fine_tune

    def __sklearn_tags__(self):
        """Declare that the output has the compute type."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = [getattr(self.dtype, "__name__", self.dtype)]
        tags.input_tags.sparse = True
        tags.target_tags.required = bool(np.any(self.supervision))
        return tags

    def _can_partial_fit(self):
        """Return True; raise AttributeError, so that it is not there, where `partial_fit` makes no sense."""
        if self._fine_tunes():
            raise AttributeError(
                f"partial_fit trains layer by layer: it can't go with fine_tune={self.fine_tune!r}. Set "
                "fine_tune=False, or use fit."
            )
        solvers = self.solver if isinstance(self.solver, list | tuple) else [self.solver]
        supervisions = self.supervision if isinstance(self.supervision, list | tuple) else [self.supervision]
        return all(DenoisingAutoencoder(solver=solver)._can_partial_fit() for solver in solvers) and all(
            DenoisingAutoencoder(supervision=value)._can_partial_fit() for value in supervisions
        )

    def _fine_tunes(self):
        """Return whether the layers are trained together in the end; an empty dict changes nothing."""
        return isinstance(self.fine_tune, dict) or bool(self.fine_tune)

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None, X_val=None, y_val=None):
        """Train the layers one after the other, each on the code of the trained ones below.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training samples, of any numeric type; read-only memory maps included.
        y : array-like of shape (n_samples,) or None
            Class labels, for `supervision`; otherwise ignored.
        sample_weight : array-like of shape (n_samples,) or None
            Weights of the samples in the loss of every layer; see `DenoisingAutoencoder.fit`.
        X_val : {array-like, sparse matrix} of shape (n_val_samples, n_features) or None
            Samples for validation: every layer measures the score of their code. Where there is
            `early_stopping` they take the place of a split of X.
        y_val : array-like of shape (n_val_samples,) or None
            Their class labels, for `supervision`.

        Returns
        -------
        self : StackedAutoencoderTransformer
            Fitted estimator.

        Raises
        ------
        ValueError
            If X is empty or has NaN or infinity, if a sequence of parameters has not one value per
            layer, if weights are negative or all zero, if `X_val` has other columns, or if training
            diverges. The estimator is then as it was before.
        """
        continues = bool(np.any(self.warm_start))
        self._check_memory(continues)
        resume = continues and hasattr(self, "pipeline_")
        X = check_samples(self, X, self.dtype, reset=not resume)
        weights, validation = check_weights(sample_weight, X), check_validation(self, X, X_val, y_val)
        pipeline = self._make_pipeline(resume, X.shape[1], y)
        if self.memory is not None and not isinstance(self.random_state, Integral):
            warn_of_no_seed(self, stacklevel=5)  # through two decorators
        trainer = None
        if self._fine_tunes():
            names = getattr(self, "feature_names_in_", None)
            trainer = make_trainer(self.fine_tune, thawed(pipeline)[0], X.shape[1], names)
        goes_on = resume and self._fine_tuned and trainer is not None and len(pipeline) == len(self.pipeline_)
        context = self._init_callback_context(max_subtasks=1 if trainer is None else 2)
        task = task_of(self, X, y, weights)
        done = {**task, "reconstruction_attributes": {}}
        context.call_on_fit_task_begin(**task)
        pretraining = context.subcontext(task_name="pretrain")
        with pretraining.propagate_callback_context(pipeline):
            pretraining.call_on_fit_task_begin(**task)
            with self._naming_layers(pipeline):
                fit_pipeline(pipeline, X, y, weights, validation)
            self.pipeline_ = thawed(pipeline)
            pretraining.call_on_fit_task_end(**done)
        if not goes_on:
            self._set_fine_tuned(trainer is not None)
        if trainer is not None:
            n_epochs = trainer._max_iter(len(training_rows(X.shape[0], weights)))
            fine_tuning = context.subcontext(task_name="fine-tune", max_subtasks=n_epochs)
            fine_tuning.call_on_fit_task_begin(**task)
            train_together(self, trainer, X, y, fine_tuning, weights, validation)
            fine_tuning.call_on_fit_task_end(**done)
        context.call_on_fit_task_end(**done)
        return self

    @available_if(lambda self: self._can_partial_fit())
    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Make one pass over some samples with every layer, from the lowest to the highest.

        Each layer is trained on the code that the layers below give after their own pass, so that all
        of them keep learning while data arrive. Each layer keeps its optimizer; see
        `DenoisingAutoencoder.partial_fit`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training samples.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,) or None
            Weights of the samples, relative to each other.

        Returns
        -------
        self : StackedAutoencoderTransformer
            Fitted estimator.

        Raises
        ------
        ValueError
            As `fit`.
        """
        self._validate_params()  # scikit-learn does it in the first call only
        self._check_memory(True)
        resume = hasattr(self, "pipeline_")
        X = check_samples(self, X, self.dtype, reset=not resume)
        weights = check_weights(sample_weight, X)
        pipeline = self._make_pipeline(resume, X.shape[1], y)
        if len(pipeline) > len(getattr(self, "pipeline_", pipeline)):
            raise ValueError(
                f"partial_fit can't continue with hidden_layer_sizes={self.hidden_layer_sizes!r}: the fitted "
                f"stack has {len(self.pipeline_)} layers. Use fit with warm_start=True to add layers."
            )
        code = X
        with self._naming_layers(pipeline):
            for number, (_, layer) in enumerate(pipeline.steps, start=1):
                layer.partial_fit(code, sample_weight=weights)
                if number < len(self):
                    code = layer.transform(code)
        self.pipeline_ = pipeline
        self._set_fine_tuned(False)
        return self

    @property
    def _fine_tuned(self):
        """Whether the layers were trained together."""
        return hasattr(self, "loss_curve_")

    def _set_fine_tuned(self, fine_tuned):
        """Become a stack whose layers are trained together, with no epoch of that, or are layers again."""
        for name in FINE_TUNING_ATTRIBUTES:
            vars(self).pop(name, None)
        if fine_tuned:
            none = dict.fromkeys(FINE_TUNING_ATTRIBUTES)
            vars(self).update(none, loss_curve_=[], loss_=np.inf, best_loss_=np.inf, t_=0)

    def _sizes(self):
        """Return the layer sizes as a list; raise ValueError if one is not a positive integer."""
        sizes = self.hidden_layer_sizes
        one = isinstance(sizes, Integral) or getattr(sizes, "ndim", 1) == 0
        sizes = [sizes] if one else list(sizes)
        if not sizes or not all(isinstance(size, Integral) and size >= 1 for size in sizes):
            raise ValueError(
                "hidden_layer_sizes must be a positive integer or a non-empty sequence of them, got "
                f"{self.hidden_layer_sizes!r}."
            )
        return sizes

    def _layer_parameters(self):
        """Return the parameters of each layer, without its seed, as a list of dicts.

        The loss of the layers above the first is never "auto": whether codes lie in [0, 1] must not
        depend on the samples at hand, for training may continue with others.

        Raises
        ------
        ValueError
            If a list or tuple has not one value per layer.
        """
        sizes = self._sizes()
        layers = [{"n_components": size} for size in sizes]
        defaults = DenoisingAutoencoder().get_params()
        for name in defaults:
            if name in OWN_PARAMETERS:
                continue
            value = getattr(self, name)
            per_layer = isinstance(value, list | tuple) and not (name == "emphasis" and is_pair(value))
            if per_layer and len(value) != len(sizes):
                raise ValueError(
                    f"{name}={value!r} has {len(value)} values for the {len(sizes)} layers of "
                    f"hidden_layer_sizes={self.hidden_layer_sizes!r}. Give one value per layer, or a "
                    "single value for all; what is a list for one layer is a list within that list."
                )
            if name == "corruption_level" and isinstance(value, np.ndarray | dict):
                # by column: the columns are those of the first layer
                value, per_layer = [value, *[defaults[name]] * (len(sizes) - 1)], True
            for number, layer in enumerate(layers):
                layer[name] = value[number] if per_layer else value
        for below, layer in pairwise(layers):
            if layer["loss"] == "auto" and layer["solver"] != "marginalized":
                layer["loss"] = "cross_entropy" if below["activation"] == "logistic" else "squared_error"
        return layers

    def _check_memory(self, continues):
        """Raise ValueError if there is a cache for layers with which training `continues`."""
        if continues and self.memory is not None:
            raise ValueError(
                "warm_start=True and partial_fit continue from trained layers, which memory="
                f"{self.memory!r} can't cache. Set memory=None."
            )

    def _make_pipeline(self, resume, n_features, y):
        """Return the pipeline to be trained: new layers, or copies of the present ones (`resume`).

        If the stack has grown, the present ones are frozen in it, and only the new ones will be trained.
        The parameters of every layer are checked here, before the first one is trained: for n_features
        columns and labels y.
        """
        layer_parameters = self._layer_parameters()
        if resume:
            if len(self.pipeline_) > len(layer_parameters):
                raise ValueError(
                    f"Training can't continue with hidden_layer_sizes={self.hidden_layer_sizes!r}: the "
                    f"fitted stack has {len(self.pipeline_)} layers."
                )
        kept = [layer for _, layer in snapshot(self.pipeline_).steps] if resume else []
        rng = check_random_state(self.random_state)
        seeds = rng.randint(np.iinfo(np.int32).max, size=len(layer_parameters))
        grown = bool(kept) and len(kept) < len(layer_parameters)
        steps = []
        for number, (parameters, seed) in enumerate(zip(layer_parameters, seeds, strict=True), start=1):
            if number <= len(kept):
                layer = kept[number - 1].set_params(**parameters)
                if grown:
                    layer._present_parameters()  # raises if it is no longer what the parameters say
                    layer = FrozenEstimator(layer)
            else:
                # whatever the global configuration, layers hand arrays to each other
                layer = DenoisingAutoencoder(**parameters, random_state=int(seed))
                layer.set_output(transform="default")
            steps.append((f"layer{number}", layer))
        pipeline = Pipeline(steps, memory=self.memory)
        feature_names = getattr(self, "feature_names_in_", None)
        for number, (_, layer) in enumerate(thawed(pipeline).steps, start=1):
            layer._validate_params()
            try:
                check_combinations(layer, n_features, feature_names, y)
            except ValueError as error:
                error.args = (f"Layer {number} of {len(pipeline)}: {error}",)
                raise
            if number == 1:
                _forget_names(layer, feature_names)
            n_features, feature_names = layer.n_components, None
        return pipeline

    @contextmanager
    def _naming_layers(self, pipeline):
        """Put the number of the layer that fails in front of a ValueError from training a pipeline."""
        before = coefs_of(pipeline)
        try:
            yield
        except ValueError as error:
            # training gives a layer new arrays
            trained = [
                isinstance(step, FrozenEstimator) or now is not old
                for (_, step), now, old in zip(pipeline.steps, coefs_of(pipeline), before, strict=True)
            ]
            error.args = (f"Layer {sum(trained) + 1} of {len(self)}: {error}",)
            raise

    def __len__(self):
        """Return the number of layers."""
        return len(self._sizes())

    def __iter__(self):
        """Iterate over the trained layers; without it, Python begins before it finds that there are none."""
        check_is_fitted(self)
        return iter([layer for _, layer in self.pipeline_.steps])

    def __getitem__(self, index):
        """Return a trained layer, or for a slice a pipeline of some of them."""
        check_is_fitted(self)
        return self.pipeline_[index]

    @property
    def named_steps(self):
        """The trained layers by name."""
        return self.pipeline_.named_steps

    @property
    def coefs_(self):
        """Encoder coefficients of each layer, shape (fan_in, fan_out): the layers' own arrays."""
        return [layer.encoder_coef_ for _, layer in self.pipeline_.steps]

    @property
    def intercepts_(self):
        """Encoder intercepts of each layer, shape (fan_out,): the layers' own arrays."""
        return [layer.encoder_intercept_ for _, layer in self.pipeline_.steps]

    @property
    def n_iter_(self):
        """Number of epochs, added up over the layers and the fine-tuning."""
        return sum(layer.n_iter_ for _, layer in self.pipeline_.steps) + len(getattr(self, "loss_curve_", []))

    @property
    def _n_features_out(self):
        """Length of the code of the last layer."""
        return self.pipeline_[-1]._n_features_out

    def _layers(self):
        """Return the trained layers as a list."""
        check_is_fitted(self)
        return [layer for _, layer in self.pipeline_.steps]

    def _parameter_layers(self):
        """Return the layers that `save_parameters` writes."""
        return self._layers()

    def _output_arrays(self):
        """Return None: there is no output layer."""

    def _start_like(self, file):
        """Become as fitted by ``max_iter=0``; see `SavesParameters`."""
        start_layers(self, file)
        self._give_parameters()
        for layer, arrays in zip(self._layers(), file.layers, strict=False):
            start_decoder(layer, arrays)

    def _give_parameters(self):
        """Give the layers the parameters of the stack, which was fitted with others to samples of zeros."""
        for layer, parameters in zip(self._layers(), self._layer_parameters(), strict=True):
            layer.set_params(**parameters)
            if layer.loss != "auto":
                layer.out_activation_ = LOSSES[layer.loss].out_activation
        if hasattr(self, "feature_names_in_"):
            _forget_names(self._layers()[0], self.feature_names_in_)

    def transform(self, X):
        """Encode clean samples with all layers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            Codes of the last layer, in the compute type.
        """
        layers = self._layers()
        X = check_samples(self, X, layers[0].encoder_coef_.dtype, reset=False)
        return forward([layer._encoder() for layer in layers], X)

    def inverse_transform(self, X):
        """Decode codes of the last layer through all decoders: the deep decoder.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        X_hat : ndarray of shape (n_samples, n_features)
            Reconstructions, in the compute type.
        """
        layers = self._layers()
        X = check_codes(X, layers[-1])
        return forward(self._decoders(), X)

    def _decoders(self):
        """Return the deep decoder as a forward chain, from the decoder of the highest layer to the lowest."""
        if self._fine_tuned:
            return unrolled_decoders(self._layers())
        return [layer._decoder() for layer in reversed(self._layers())]

    def score_samples(self, X):
        """Return the negative loss of each clean sample's reconstruction through the whole stack.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Negative loss of the first layer's kind, summed over features; higher is better.
            Cross-entropy compares with the nearest value in [0, 1].
        """
        layers = self._layers()
        return self._score_samples(check_samples(self, X, layers[0].encoder_coef_.dtype, reset=False))

    def _score_samples(self, X):
        """Return the scores, of shape (n_samples,), of validated samples."""
        layers = self._layers()
        chain = [layer._encoder() for layer in layers] + self._decoders()
        return -reconstruction_losses(chain, X, LOSSES[layers[0]._fitted_loss()])

    def score(self, X, y=None, sample_weight=None):
        """Return the mean of `score_samples`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,) or None
            Weights of the samples.

        Returns
        -------
        score : float
            Higher is better.
        """
        scores, weights = self.score_samples(X), check_weights(sample_weight, X)
        return float(np.average(scores.astype(np.float64), weights=weights))


def warn_of_no_seed(estimator, stacklevel):
    """Warn that a cache is of no use to an estimator without a seed."""
    warnings.warn(
        f"memory={estimator.memory!r} is of no use with random_state={estimator.random_state!r}: every fit "
        "pretrains with another seed, and leaves another file there. Set random_state to an integer.",
        UserWarning,
        stacklevel=stacklevel,
    )


def thawed(pipeline):
    """Return a pipeline with the estimators that are frozen in another one as its steps."""
    steps = [
        (name, step.estimator if isinstance(step, FrozenEstimator) else step) for name, step in pipeline.steps
    ]
    return Pipeline(steps, memory=pipeline.memory)


def fit_pipeline(pipeline, X, y, weights, validation):
    """Fit a pipeline of layers, every layer with the weights of samples and the code of those for validation.

    Parameters
    ----------
    pipeline : Pipeline
        Of `DenoisingAutoencoder`, some perhaps frozen.
    X : ndarray of shape (n_samples, n_features)
        Samples.
    y : array-like of shape (n_samples,) or None
        Labels.
    weights : ndarray of shape (n_samples,) or None
        Of the samples.
    validation : tuple or None
        Samples for validation and their labels.
    """
    X_val, y_val = validation or (None, None)
    metadata = {"sample_weight": weights, "X_val": X_val, "y_val": y_val}
    metadata = {name: value for name, value in metadata.items() if value is not None}
    if not metadata:
        layers = [layer for _, layer in pipeline.steps]
        if any(layer.max_iter or layer.supervision for layer in layers):
            pipeline.fit(X, y)
            return
        layers[0].fit(X, None)
        for below, layer in pairwise(layers):  # nothing is learned: no need for the code of all samples
            X = below.transform(X[:FEW])
            layer.fit(X, None)
        return
    fit_with_metadata(pipeline, X, y, metadata)


def fit_with_metadata(pipeline, X, y, metadata):
    """Fit a pipeline of autoencoders, those steps with metadata that take some.

    Parameters
    ----------
    pipeline : Pipeline
        Of `DenoisingAutoencoder`, `StackedAutoencoderTransformer` and others, which take none.
    X : array-like of shape (n_samples, n_features)
        Samples.
    y : array-like of shape (n_samples,) or None
        Labels.
    metadata : dict
        Any of `sample_weight`, `X_val`, of which every step gets the code, and `y_val`.
    """
    takes = [hasattr(type(step), "set_fit_request") for _, step in pipeline.steps]
    if not (metadata and any(takes)):
        pipeline.fit(X, y)
        return
    # the requests are for this call only: a step may have its user's own
    before = [vars(step).get("_metadata_request") for _, step in pipeline.steps]
    with config_context(enable_metadata_routing=True), scales_compared():
        for (_, step), takes_some in zip(pipeline.steps, takes, strict=True):
            if takes_some:
                step.set_fit_request(sample_weight=True, X_val=True, y_val=True)
        pipeline.set_params(transform_input=["X_val"])
        pipeline.fit(X, y, **metadata)
    pipeline.set_params(transform_input=None)
    for (_, step), request in zip(pipeline.steps, before, strict=True):
        vars(step).pop("_metadata_request", None)
        if request is not None:
            step._metadata_request = request


def _forget_names(layer, feature_names):
    """Make the levels of a first layer arrays: layers get arrays, without names of columns."""
    level = layer.corruption_level
    layer.corruption_level = (
        [level_by_column(item, feature_names) for item in level]
        if isinstance(level, list | tuple)
        else level_by_column(level, feature_names)
    )


def is_pair(value):
    """Return whether a list or tuple is a pair of numbers."""
    return len(value) == 2 and all(isinstance(item, Real) for item in value)


def coefs_of(pipeline):
    """Return the encoder coefficients of each layer of a pipeline, None if it is not fitted."""
    return [getattr(layer, "encoder_coef_", None) for _, layer in pipeline.steps]
