"""One layer, one transformer."""

import copy
import math
import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_sda._base import MinibatchEstimator, Monitor, all_or_nothing, task_of, writeable
from sklearn_sda._columns import Columns
from sklearn_sda._combinations import check_combinations
from sklearn_sda._compat import Interval, NullContext, Options, StrOptions, _fit_context
from sklearn_sda._corruption import Corruption, needs_columns, read_emphasis, read_kinds, read_levels
from sklearn_sda._kernels.corruption import CORRUPTIONS
from sklearn_sda._kernels.pointwise import ACTIVATIONS, LOSSES, identity_forward
from sklearn_sda._marginalized import solve_decoder, solve_encoder
from sklearn_sda._network import Affine, forward, output_losses, reconstruction_losses
from sklearn_sda._objectives import Reconstruction
from sklearn_sda._optimizers import OPTIMIZERS
from sklearn_sda._parameters import SavesParameters, start_decoder, start_layers
from sklearn_sda._samples import (
    about_supervision,
    about_validation,
    check_codes,
    check_samples,
    check_validation,
    data_range,
    in_unit_interval,
)
from sklearn_sda._targets import ClassTargets
from sklearn_sda._training import History, training_rows
from sklearn_sda._weights import check_weights, scaled

RECONSTRUCTION_LOSSES = ("cross_entropy", "squared_error")


class DenoisingAutoencoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, SavesParameters, MinibatchEstimator
):
    """Denoising autoencoder: a transformer that learns to undo the corruption of its input.

    One hidden layer is trained to reconstruct the clean sample from a corrupted copy of it::

        code            h     = g(x_tilde W + b)
        reconstruction  x_hat = link(h W' + b')      with W' = W.T if the weights are tied

    A fresh corruption is drawn for every minibatch and never rescaled; `transform` and the scores
    see clean samples only. X is never modified, and never copied or cast as a whole (but with solver
    "lbfgs", whose minibatch is all of it). Equations have the numbers of ``docs/user_guide.md``, which says
    when to use what.

    Parameters
    ----------
    n_components : int, default=100
        Number of hidden units, the length of the code.

    activation : {"logistic", "tanh", "relu", "softplus", "identity"}, default="relu"
        Hidden unit g.

    corruption : str, callable, or list of them, default="masking"
        Noise (user guide, eq. 3; Vincent et al. 2010), drawn for each entry independently.

        - "masking": the entry becomes 0 with probability `corruption_level`.
        - "salt_and_pepper": it becomes the column's minimum or maximum, by a fair coin.
        - "swap": it becomes the value of its column in a training sample (of the same call, in
          `partial_fit`), drawn for each entry anew, so that columns keep their distribution.
        - "gaussian": normal noise is added, its standard deviation being `corruption_level` times that
          of the column.
        - "gaussian_absolute": the same with standard deviation `corruption_level`.
        - a callable ``corruption(X, level, random_state)``: gets a minibatch, which it must not modify,
          and returns an array of the same shape.

        A list of them is applied in turn.

    corruption_level : float, array of shape (n_features,), dict, or list of them, default=0.3
        Probability in [0, 1) that an entry is corrupted; for "gaussian" the standard deviation of the noise
        in units of the column's, for "gaussian_absolute" in units of X; a callable gets it as it is. 0 is
        no noise: the plain autoencoder. An array has one value per column; a dict that of some columns by
        name, those not in it stay clean. A list has one of these for each item of `corruption`.

    emphasis : tuple of float (alpha, beta) or None, default=None
        Weights of the corrupted and of the clean components in the loss (eq. 4; Vincent et al. 2010):
        ``alpha * sum of their terms + beta * sum of the others``. (1, 0.5) and (1, 0) are the paper's
        "double" and "full" emphasis. None is the plain sum. Not together with normal noise, which
        corrupts every component.

    loss : {"auto", "cross_entropy", "squared_error"}, default="auto"
        Reconstruction loss, which also sets the decoder's link: "cross_entropy" (nats per sample,
        logistic link) for data in [0, 1]; "squared_error" (half the squared error summed over
        features, identity link). "auto" is the former where the training data lie in [0, 1]; choose
        yourself if training will continue with data that may not.

    tied_weights : bool, default=True
        Whether the decoder uses the transposed encoder coefficients. Otherwise it has its own, which
        start as the transposed ones.

    activity_l1 : float, default=0.0
        Strength of the penalty ``sum_k |h_k|`` on each code (eq. 5): sparse codes (Glorot et al. 2011).

    sparsity_weight : float, default=0.0
        Strength of ``sum_k KL(sparsity_target || mean of h_k over the minibatch)`` (eq. 6): each unit
        is active for a fraction of the samples. For activation "logistic" only.

    sparsity_target : float, default=0.05
        Wanted mean of each unit, in (0, 1).

    contraction : float, default=0.0
        Strength of the penalty ``sum_k g'(z_k)**2 sum_j W_jk**2`` on each code: the squared Frobenius norm
        of the encoder's Jacobian, at the corrupted sample (eq. 7; Rifai et al. 2011). The contractive
        autoencoder has ``corruption_level=0``.

    supervision : float, default=0.0
        Weight in [0, 1] of the log loss of a temporary output layer on the code, beside 1 - supervision for
        the reconstruction (eq. 8): 1 is greedy supervised training, between is partially supervised (Bengio
        et al. 2007). Needs y; a sample whose label is -1, None or NaN has no part in the log loss. `alpha`
        holds for that layer, too. The output layer starts at 0 in each `fit` and is not kept.

    solver : {"adam", "sgd", "lbfgs", "marginalized"}, default="adam"
        Optimizer: Adam (Kingma and Ba 2015), stochastic gradient descent with `momentum`, or L-BFGS (Liu
        and Nocedal 1989, SciPy's) for small data: each of its at most `max_iter` iterations sees all
        samples, which are corrupted once; it stops where no component of the gradient is above `tol`, or
        where an iteration lowers the loss by less than a fraction of 2e-9 (SciPy's). It has no minibatches,
        learning rate or early stopping. "marginalized" is no optimizer but the solution in closed form (eq.
        10; Chen et al. 2012): the linear map that reconstructs `n_components` columns of X, those of the
        largest variance, from masked samples with the least squared error on average over all masks, then
        the hidden unit (the paper's is "tanh"); no more components than columns. For corruption "masking",
        squared error and the penalty `alpha` only. The decoder is then the linear least-squares map from
        the codes to X, whatever `tied_weights`.

    learning_rate_init : float, default=0.001
        Step size of the first epoch.

    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        "invscaling" is learning_rate_init / (t + 1)**power_t after t samples; "adaptive" divides the
        rate by 5 where training would otherwise stop. For "adam" and "sgd".

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
        Strength of the L2 penalty alpha / (2 n) * sum(coef**2) on a minibatch of n samples.

    batch_size : int or "auto", default="auto"
        Samples per minibatch; "auto" is n_samples / 20, but at least 32
        and at most 200.

    max_iter : int or "auto", default="auto"
        Largest number of epochs. "auto" is as many as make 500 updates, but at least 15 and at most
        100 (with "lbfgs" it is 100). 0 leaves the random initial parameters.

    shuffle : bool, default=True
        Whether the samples are visited in a new order in each epoch.

    tol : float, default=1e-4
        An epoch counts as progress if it improves on the best loss (or validation score) by more
        than this, in the unit of the loss.

    n_iter_no_change : int, default=10
        Epochs without progress that are allowed; see `stopping`. `numpy.inf` never stops.

    stopping : {"patience", "geometric"}, default="patience"
        When training stops: after more than `n_iter_no_change` epochs in a row without progress, as in
        scikit-learn; or, as in the deep learning tutorials, `n_iter_no_change` epochs after the beginning,
        but not before there have been twice as many epochs as at the last progress.

    early_stopping : bool, default=False
        Whether to measure progress by the score of samples that are not trained on, and to restore the
        parameters of the best epoch: `validation_fraction` of the samples, or the `X_val` of `fit`.

    validation_fraction : float, default=0.1
        Fraction of the samples set aside for early stopping, in (0, 1).

    warm_start : bool, default=False
        Whether `fit` continues from the parameters of the previous call.

    dtype : {"float32", "float64"}, default="float32"
        Type of the computation, the parameters and the output.

    random_state : int, RandomState instance or None, default=None
        Determines initial parameters, corruption, order of samples and validation split. An integer
        gives the same result to the last bit on every run.

    verbose : int, default=0
        If positive, a line is printed for every epoch.

    Attributes
    ----------
    encoder_coef_ : ndarray of shape (n_features, n_components)
        W.

    encoder_intercept_ : ndarray of shape (n_components,)
        b.

    decoder_coef_ : ndarray of shape (n_components, n_features)
        W'. A view of ``encoder_coef_.T`` if the weights are tied (and not "marginalized").

    decoder_intercept_ : ndarray of shape (n_features,)
        b'.

    out_activation_ : {"logistic", "identity"}
        The decoder's link.

    loss_ : float
        Training loss of the last epoch, per sample.

    best_loss_ : float or None
        Lowest training loss; None with early stopping.

    loss_curve_ : list of float
        Training loss of each epoch, per sample.

    validation_scores_ : list of float or None
        Score of the validation samples after each epoch; None without early stopping and `X_val`.

    validation_losses_ : list of float or None
        Their loss, without penalties; for a layer the negative score.

    best_validation_score_ : float or None
        Highest of those of the last `fit`; with early stopping that of the restored parameters.

    n_iter_ : int
        Number of epochs.

    t_ : int
        Number of samples seen in training.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit. Defined only when X has feature names that are all
        strings.

    See Also
    --------
    StackedAutoencoderTransformer : Several layers, each trained on the code of the one below.
    SdAClassifier : Fine-tunes the layers with labels.

    References
    ----------
    Vincent, Larochelle, Bengio and Manzagol (2008). Extracting and composing robust features with
    denoising autoencoders. ICML.

    Vincent, Larochelle, Lajoie, Bengio and Manzagol (2010). Stacked denoising autoencoders. JMLR 11.

    Rifai, Vincent, Muller, Glorot and Bengio (2011). Contractive auto-encoders. ICML. (`contraction`)

    Glorot, Bordes and Bengio (2011). Deep sparse rectifier neural networks. AISTATS. (`activity_l1`)

    Bengio, Lamblin, Popovici and Larochelle (2007). Greedy layer-wise training of deep networks. NIPS.
    (`supervision`)

    Chen, Xu, Weinberger and Sha (2012). Marginalized denoising autoencoders for domain adaptation. ICML.
    (`solver`)

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_sda import DenoisingAutoencoder
    >>> X = load_digits().data / 16
    >>> layer = DenoisingAutoencoder(50, random_state=0).fit(X)
    >>> layer.transform(X).shape
    (1797, 50)
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "corruption": [StrOptions(set(CORRUPTIONS)), callable, list, tuple],
        "corruption_level": [Interval(Real, 0, None, closed="left"), np.ndarray, dict, list, tuple],
        "emphasis": [None, list, tuple],
        "activity_l1": [Interval(Real, 0, None, closed="left")],
        "sparsity_weight": [Interval(Real, 0, None, closed="left")],
        "sparsity_target": [Interval(Real, 0, 1, closed="neither")],
        "contraction": [Interval(Real, 0, None, closed="left")],
        "supervision": [Interval(Real, 0, 1, closed="both")],
        "loss": [StrOptions({"auto", *RECONSTRUCTION_LOSSES})],
        "tied_weights": ["boolean"],
        "dtype": [StrOptions({"float32", "float64"}), Options(type, {np.float32, np.float64})],
        **MinibatchEstimator._parameter_constraints,
        "solver": [StrOptions({*OPTIMIZERS, "marginalized"})],
        "max_iter": [*MinibatchEstimator._parameter_constraints["max_iter"], StrOptions({"auto"})],
    }

    def __init__(
        self,
        n_components=100,
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
    ):
        self.n_components = n_components
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

    def __sklearn_tags__(self):
        """Declare that the output has the compute type."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = [getattr(self.dtype, "__name__", self.dtype)]
        tags.input_tags.sparse = True
        tags.target_tags.required = bool(self.supervision)
        return tags

    def _can_partial_fit(self):
        """Return True; raise AttributeError, so that it is not there, where `partial_fit` makes no sense."""
        if self.supervision:
            raise AttributeError(
                f"partial_fit can't use supervision={self.supervision}: the output layer lives for one fit. "
                "Set supervision=0, or use fit."
            )
        return super()._can_partial_fit()

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None, X_val=None, y_val=None):
        """Learn to reconstruct clean samples from corrupted ones.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training samples, of any numeric type; read-only memory maps included.
        y : array-like of shape (n_samples,) or None
            Class labels, for `supervision`; otherwise ignored.
        sample_weight : array-like of shape (n_samples,) or None
            Weights of the samples in the loss (eq. 14): in full batches weight 2 is the same as having the
            sample twice (but for the noise); 0 is always the same as not having it.
        X_val : {array-like, sparse matrix} of shape (n_val_samples, n_features) or None
            Samples for validation: their score is measured after each epoch. With `early_stopping` they take
            the place of a split of X.
        y_val : array-like of shape (n_val_samples,) or None
            Their class labels, for `supervision`.

        Returns
        -------
        self : DenoisingAutoencoder
            Fitted estimator.

        Raises
        ------
        ValueError
            If X is empty or has NaN or infinity; if the loss is cross-entropy and X lies outside
            [0, 1]; if parameters do not go together; if there is no y for `supervision`; if weights are
            negative or all zero; if `X_val` has other columns; if training diverges. The estimator is then
            as it was before.
        """
        resume = self.warm_start and hasattr(self, "encoder_coef_")
        X = check_samples(self, X, self.dtype, reset=not resume)
        weights, validation = check_weights(sample_weight, X), check_validation(self, X, X_val, y_val)
        n_rows = len(training_rows(X.shape[0], weights))
        context = self._init_callback_context(max_subtasks=self._max_iter(n_rows))
        task = task_of(self, X, y, weights)
        context.call_on_fit_task_begin(**task)
        self._train(X, context, resume=resume, incremental=False, y=y, weights=weights, validation=validation)
        context.call_on_fit_task_end(**task, reconstruction_attributes={})
        return self

    @available_if(lambda self: self._can_partial_fit())
    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Make one pass over some samples, continuing from the present parameters.

        The optimizer is kept from one call to the next, with its state and the options (learning rate,
        momentum and so on) of the first call; another `solver` makes a new one. `early_stopping` has no
        effect here.

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
        self : DenoisingAutoencoder
            Fitted estimator.

        Raises
        ------
        ValueError
            As `fit`.
        """
        self._validate_params()  # scikit-learn does it in the first call only
        resume = hasattr(self, "encoder_coef_")
        X = check_samples(self, X, self.dtype, reset=not resume)
        weights = check_weights(sample_weight, X)
        self._train(X, NullContext(), resume=resume, incremental=True, weights=weights)
        return self

    def _max_iter(self, n_samples, incremental=False):
        """Return the largest number of epochs over n_samples: at most one where it is a solution."""
        max_iter = super()._max_iter(n_samples, incremental)
        return min(max_iter, 1) if self.solver == "marginalized" else max_iter

    def _make_corruption(self, seed, columns, donors, donor_rows=None, weights=None):
        """Return what this layer does to its samples.

        Parameters
        ----------
        seed : int
            Of the noise.
        columns : sklearn_sda._columns.Columns or None
            Of the training samples.
        donors : ndarray of shape (n_samples, n_features)
            Samples that "swap" takes values from.
        donor_rows : ndarray of int of shape (n_donors,) or None
            Which of them; None for all.
        weights : ndarray of shape (n_samples,) or None
            Of the samples in the statistics of the columns, where these are not given; None for ones.

        Returns
        -------
        corruption : sklearn_sda._corruption.Corruption

        Raises
        ------
        ValueError
            If the corruption, its levels or the emphasis are not valid.
        """
        names = getattr(self, "feature_names_in_", None)
        kinds, levels, emphasis = self._read_corruption(donors.shape[1], names)
        if columns is None and needs_columns(kinds):
            columns = Columns.of(donors, donor_rows, weights)
        return Corruption(
            kinds,
            levels,
            seed=seed,
            dtype=np.dtype(self.dtype),
            n_features=donors.shape[1],
            columns=columns,
            donors=donors,
            donor_rows=donor_rows,
            emphasis=emphasis,
        )

    def _read_corruption(self, n_features, feature_names):
        """Return corruptions, their levels and the emphasis for some columns; see `_corruption`."""
        kinds = read_kinds(self.corruption)
        levels = read_levels(kinds, self.corruption_level, n_features, feature_names)
        return kinds, levels, read_emphasis(self.emphasis, kinds, levels)

    def _solve(self, X, y, levels, rng, context, weights, validation):
        """Solve for the parameters in closed form (solver "marginalized"), then set the attributes.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Validated samples.
        y : array-like of shape (n_samples,) or None
            Labels, for the callbacks.
        levels : float or ndarray of shape (n_features,)
            Of the masking noise.
        rng : RandomState
            For the blocks of wide data.
        context : callback context
            Of this fit.
        weights : ndarray of shape (n_samples,) or None
            Of the samples.
        validation : tuple or None
            Samples for validation and their labels.
        """
        n_features, dtype = X.shape[1], np.dtype(self.dtype)

        def fitted_attributes(history):
            return {**attributes, **self._curve_attributes(history, resume=False)}

        name = f"Autoencoder layer {n_features} -> {self.n_components}"
        monitor = Monitor(task_of(self, X, y, weights), context, name, fitted_attributes, 1)
        monitor.begin_epoch()
        coef, intercept, loss = solve_encoder(
            X, self.n_components, np.broadcast_to(levels, n_features), self.alpha, dtype, rng, weights
        )
        encoder = Affine(coef, intercept, ACTIVATIONS[self.activation].forward)
        decoder_coef, decoder_intercept = solve_decoder(X, encoder, weights)
        attributes = {
            "encoder_coef_": coef,
            "encoder_intercept_": intercept,
            "decoder_intercept_": decoder_intercept,
            "_decoder_coef": decoder_coef,
            "out_activation_": LOSSES["squared_error"].out_activation,
            "_trained_activation": self.activation,
            "_columns": None,
        }
        validate = None
        if validation is not None:
            trained = self._with(attributes)

            def validate():
                score = trained._mean_score(validation[0])
                return score, -score

        history = History.begin(validate, X.shape[0] if weights is None else np.count_nonzero(weights))
        history.end_epoch(loss, validate)
        history.converged = True
        monitor.end_epoch(history)
        vars(self).update(fitted_attributes(history))
        self._optimizer = None

    def _with(self, attributes):
        """Return a copy of the estimator with other attributes."""
        estimator = copy.copy(self)
        vars(estimator).update(attributes)
        return estimator

    def _train(self, X, context, *, resume, incremental, y=None, weights=None, validation=None):
        """Train from the present parameters (`resume`) or from random ones, then set the attributes.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Validated samples.
        context : callback context
            Of this fit.
        resume : bool
            Whether to continue from the present parameters.
        incremental : bool
            One pass, with the optimizer of the previous call.
        y : array-like of shape (n_samples,) or None
            Labels.
        weights : ndarray of shape (n_samples,) or None
            Of the samples; None for ones.
        validation : tuple or None
            Samples for validation and their labels.
        """
        names = getattr(self, "feature_names_in_", None)
        check_combinations(self, X.shape[1], names, y)
        rng = check_random_state(self.random_state)
        seed = rng.randint(np.iinfo(np.int32).max)
        rows = training_rows(X.shape[0], weights)
        max_iter = self._max_iter(len(rows), incremental)
        if self.solver == "marginalized" and max_iter > 0:
            levels = self._read_corruption(X.shape[1], names)[1][0]
            self._solve(X, y, levels, rng, context, weights, validation)
            return
        parameters = self._present_parameters() if resume else self._initial_parameters(X, rng)
        tied = self._decoder_coef is None if resume else self.tied_weights
        loss = self._choose_loss(X, rows, resume)
        supervised, output, targets = {}, None, None
        if self.supervision > 0:
            with about_supervision():
                targets = ClassTargets.read(X, y, advice="Set supervision=0 to train without labels.")
                targets = targets if weights is None else targets.of_classes_in(rows)
            n_outputs = targets.n_outputs
            output = [np.zeros(shape, self.dtype) for shape in ((self.n_components, n_outputs), n_outputs)]
            supervised = {
                "supervision": self.supervision,
                "write_targets": targets.write,
                "labelled": None if targets.labelled.all() else targets.labelled,
                "target_loss": targets.loss,
            }
            parameters = [*parameters, *output]
        batch_size, held_out = self._check_batch_size(len(rows)), None
        if validation is not None:
            X_val, y_val = validation
            with about_validation(), about_supervision():
                val_targets = targets and ClassTargets.read(X_val, y_val, targets.classes)
            held_out = X_val, None, val_targets
        elif self.early_stopping and not incremental and max_iter > 0:
            rows, held_out_rows = self._split(rows, rng)
            part = None if weights is None else weights[held_out_rows]
            held_out = X[held_out_rows], part, targets and targets.part(held_out_rows)
        if targets is not None and max_iter > 0 and not targets.labelled[rows].any():
            raise ValueError(
                f"supervision={self.supervision} has nothing to learn from: none of the {len(rows)} samples "
                "that are trained on has a label. Those that have one have weight 0, or early_stopping set "
                "them aside (hand over X_val and y_val, or set early_stopping=False)."
            )
        donor_rows = None if len(rows) == X.shape[0] else rows  # noise is made of training samples only
        kinds, levels, _ = self._read_corruption(X.shape[1], names)
        swaps = any(kind == "swap" and np.any(level) for kind, level in zip(kinds, levels, strict=True))
        if swaps and len(rows) == 1 and max_iter > 0:
            warnings.warn(
                "corruption='swap' changes nothing here: it takes values from the samples of this call, and "
                "there is one only. Give partial_fit larger pieces.",
                UserWarning,
                stacklevel=5,  # through two decorators
            )
        needed = needs_columns(kinds)
        scaled_weights, mean_weight = scaled(weights, rows, self.dtype)
        # weights count within their call
        own = None if weights is None else weights / mean_weight
        columns = Columns.of(X, donor_rows, own) if needed else None
        if columns is not None and incremental and resume and self._columns is not None:
            columns = self._columns.merged(columns)
        corruption = self._make_corruption(seed, columns, X, donor_rows)
        objective = Reconstruction(
            X,
            parameters,
            activation=self.activation,
            loss=loss,
            corruption=corruption,
            tied=tied,
            penalties=(self.activity_l1, self.sparsity_weight, self.sparsity_target, self.contraction),
            alpha=self.alpha / mean_weight,
            batch_size=batch_size,
            weights=scaled_weights,
            **supervised,
        )
        optimizer = self._next_optimizer(parameters, incremental)
        attributes = {
            "encoder_coef_": parameters[0],
            "encoder_intercept_": parameters[1],
            "decoder_intercept_": parameters[2],
            "_decoder_coef": None if tied else parameters[3],
            "out_activation_": LOSSES[loss].out_activation,
            "_trained_activation": self.activation,  # to refuse to continue with another
            "_columns": columns,
        }
        validate = None if held_out is None else self._with(attributes)._validation(*held_out, output)

        def fitted_attributes(history):
            return {**attributes, **self._curve_attributes(history, resume)}

        history = self._minimize(
            objective,
            optimizer,
            rng,
            rows=rows,
            position=self.t_ if resume else 0,
            max_iter=max_iter,
            validate=validate,
            monitor=Monitor(
                task_of(self, X, y, weights), context, objective.name, fitted_attributes, max_iter
            ),
        )
        vars(self).update(fitted_attributes(history))
        self._optimizer = optimizer if incremental else None

    def _validation(self, X, weights, targets, output):
        """Return a function that returns the score and the loss of samples for validation.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Validated samples.
        weights : ndarray of shape (n_samples,) or None
            Of the samples; None for ones.
        targets : ClassTargets or None
            Of the output layer.
        output : list of ndarray or None
            Coefficients and intercept of the output layer.
        """

        def validate():
            losses = -self._score_samples(X).astype(np.float64)
            if targets is not None:
                logits = forward([self._encoder(), Affine(*output, identity_forward)], X)
                own = output_losses(logits, targets.write, LOSSES[targets.loss]) * targets.labelled
                losses += self.supervision * (own - losses)
            loss = float(np.average(losses, weights=weights))
            return -loss, loss

        return validate

    def _choose_loss(self, X, rows, resume):
        """Return the key in `LOSSES` for a fit to some rows; raise ValueError if it is not defined there."""
        loss = self._fitted_loss() if resume else self.loss
        if loss == "auto":
            return "cross_entropy" if in_unit_interval(X, rows) else "squared_error"
        if loss == "cross_entropy" and not in_unit_interval(X, rows):
            low, high = data_range(X, rows)
            other = "begin anew with" if resume else "use"
            raise ValueError(
                f"The cross-entropy loss needs data in [0, 1], but X lies in [{low:.9g}, {high:.9g}]. "
                f"Scale X, for instance with MinMaxScaler(clip=True), or MaxAbsScaler() if it is sparse, or "
                f"{other} loss='squared_error'."
            )
        return loss

    def _fitted_loss(self):
        """Return the key in `LOSSES` of the loss whose link the decoder has."""
        return next(name for name, loss in LOSSES.items() if loss.out_activation == self.out_activation_)

    def _initial_parameters(self, X, rng):
        """Return new parameters: intercepts of zero, uniform coefficients.

        Their bound is that of Glorot and Bengio (2010), eq. 16, sqrt(6 / (fan_in + fan_out)), for rectifiers
        too, as in scikit-learn's perceptrons. That of He et al. (2015), sqrt(6 / fan_in), suits the encoder,
        but tied weights decode with it: 200 rectifiers would make a hundred times what two columns are.
        """
        n_features, dtype = X.shape[1], np.dtype(self.dtype)
        bound = math.sqrt(6 / (n_features + self.n_components)) * ACTIVATIONS[self.activation].initial_scale
        coef = rng.uniform(-bound, bound, (n_features, self.n_components)).astype(dtype)
        parameters = [coef, np.zeros(self.n_components, dtype), np.zeros(n_features, dtype)]
        return parameters if self.tied_weights else [*parameters, coef.T.copy()]

    def _present_parameters(self):
        """Return copies of the fitted parameters; raise ValueError if they do not fit the options."""
        # the closed form has a decoder of its own, whatever the parameter
        closed = self.solver == "marginalized"
        for option, fitted in {
            "n_components": self.encoder_coef_.shape[1],
            "activation": self._trained_activation,
            "loss": "auto" if self.loss == "auto" else self._fitted_loss(),
            "tied_weights": self.tied_weights if closed else self._decoder_coef is None,
            "dtype": self.encoder_coef_.dtype.name,
        }.items():
            wanted = getattr(self, option)
            if (np.dtype(wanted).name if option == "dtype" else wanted) != fitted:
                raise ValueError(
                    f"Training can't continue with {option}={wanted!r}: the fitted layer has {fitted!r}. "
                    "Set the parameter back, or fit with warm_start=False."
                )
        parameters = [self.encoder_coef_, self.encoder_intercept_, self.decoder_intercept_]
        if self._decoder_coef is not None:
            parameters.append(self._decoder_coef)
        return [np.array(parameter, order="C") for parameter in parameters]

    def _parameter_layers(self):
        """Return the layers that `save_parameters` writes: this one."""
        return [self]

    def _output_arrays(self):
        """Return None: there is no output layer."""

    def _start_like(self, file):
        """Become as fitted by ``max_iter=0``; see `SavesParameters`."""
        start_layers(self, file)
        start_decoder(self, file.layers[0])

    def _make_writeable(self):
        """Replace parameters in a memory map or read-only by copies, so that they can be fine-tuned."""
        for name in ("encoder_coef_", "encoder_intercept_", "decoder_intercept_", "_decoder_coef"):
            if getattr(self, name) is not None:
                setattr(self, name, writeable(getattr(self, name)))

    @property
    def decoder_coef_(self):
        """Decoder coefficients, of shape (n_components, n_features)."""
        return self.encoder_coef_.T if self._decoder_coef is None else self._decoder_coef

    @property
    def _n_features_out(self):
        """Length of the code."""
        return self.encoder_coef_.shape[1]

    def _encoder(self):
        """Return the encoder as a step of a forward chain."""
        unit = ACTIVATIONS[self.activation].forward
        return Affine(np.asarray(self.encoder_coef_), np.asarray(self.encoder_intercept_), unit)

    def _decoder(self):
        """Return the decoder as a step of a forward chain."""
        link = LOSSES[self._fitted_loss()].link
        return Affine(np.asarray(self.decoder_coef_), np.asarray(self.decoder_intercept_), link)

    def _decoders(self):
        """Return the decoder as a forward chain."""
        return [self._decoder()]

    def transform(self, X):
        """Encode clean samples: h = g(x W + b).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        H : ndarray of shape (n_samples, n_components)
            Codes, in the compute type.
        """
        check_is_fitted(self)
        X = check_samples(self, X, self.encoder_coef_.dtype, reset=False)
        return forward([self._encoder()], X)

    def inverse_transform(self, X):
        """Decode codes: x_hat = link(h W' + b').

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        X_hat : ndarray of shape (n_samples, n_features)
            Reconstructions, in the compute type.
        """
        check_is_fitted(self)
        return forward(self._decoders(), check_codes(X, self))

    def score_samples(self, X):
        """Return the negative reconstruction loss of each clean sample; higher is better.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Negative loss summed over features: nats for cross-entropy, half squared error otherwise.
            Cross-entropy compares with the nearest value in [0, 1].
        """
        check_is_fitted(self)
        X = check_samples(self, X, self.encoder_coef_.dtype, reset=False)
        return self._score_samples(X)

    def _score_samples(self, X):
        """Return the scores, of shape (n_samples,), of validated samples."""
        return -reconstruction_losses([self._encoder(), self._decoder()], X, LOSSES[self._fitted_loss()])

    def _mean_score(self, X):
        """Return the mean score of validated samples of shape (n_samples, n_features)."""
        return float(self._score_samples(X).astype(np.float64).mean())

    def score(self, X, y=None, sample_weight=None):
        """Return the mean of `score_samples`: the negative mean reconstruction loss.

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
