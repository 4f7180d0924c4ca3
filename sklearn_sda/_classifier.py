"""A classifier on a pretrained encoder."""

import numpy as np
from scipy.special import log_expit, log_softmax
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.neural_network import MLPClassifier
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_sda._base import all_or_nothing
from sklearn_sda._compat import StrOptions, _check_partial_fit_first_call, _fit_context
from sklearn_sda._kernels.pointwise import LOSSES, identity_forward
from sklearn_sda._supervised import SupervisedNetwork
from sklearn_sda._targets import (
    ADVICE,
    IndicatorTargets,
    as_labels,
    check_classes,
    check_none_missing,
    check_some_labelled,
    is_unlabelled,
    plain,
    read_labels,
)
from sklearn_sda._weights import check_weights, class_weights, labelled_weights


class SdAClassifier(ClassifierMixin, SupervisedNetwork):
    """Stacked denoising autoencoder classifier: pretrain an encoder, then fine-tune it with labels.

    The encoder is trained without labels, a softmax output layer is put on top, and the whole network is
    trained to minimise the log loss of the labelled samples: a sample whose label is -1 (NaN among floats;
    None, NaN or pandas.NA among strings and other objects) is pretrained on only. Fine-tuning moves the
    very arrays that were pretrained: ``clf.encoder_`` is the fine-tuned encoder. Of a matrix of indicators
    every column has a logistic output.

    Parameters
    ----------
    encoder : None, int, sequence of int, or estimator, default=None
        What is pretrained. A `StackedAutoencoderTransformer`, a `DenoisingAutoencoder`, a
        `sklearn.neural_network.BernoulliRBM`, or a `Pipeline` that ends in them (of machines: a deep belief
        network); its earlier steps are preprocessing, fitted and then left alone. A sequence
        of layer sizes is short for a stack of them, None for the default stack. The encoder itself is
        left as it is: a copy of it is trained, from the beginning even if it is fitted. To keep what it has
        learned, wrap it in a `sklearn.frozen.FrozenEstimator`: fine-tuning starts from a copy of it then.

    pretrain : bool, default=True
        False leaves out pretraining: fine-tuning starts from the random initial parameters that
        pretraining would have started from.

    freeze : int, default=0
        Number of lower layers that are left exactly as they were pretrained. Their code is computed once.

    learning_rate_factors : sequence of float or None, default=None
        By which the learning rate is multiplied for each hidden layer, from the lowest to the highest, and
        for the output layer. None is 1 for all. Not for "lbfgs".

    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        Optimizer of the fine-tuning: Adam, stochastic gradient descent with `momentum`, or L-BFGS (SciPy's)
        for small data: each of its at most `max_iter` iterations sees all samples; it stops where no
        component of the gradient is above `tol`, or where an iteration lowers the loss by less than a
        fraction of 2e-9 (SciPy's). It has no minibatches, learning rate, dropout or early stopping.

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

    alpha : float, default=0.0001
        Strength of the L2 penalty alpha / (2 n) * sum(coef**2) on a minibatch of n samples.

    dropout : float or sequence of float, default=0.0
        Probability with which the output of a hidden unit is set to 0 in fine-tuning, for each sample
        anew, in [0, 1); what remains is divided by 1 - dropout (user guide, eq. 12). A sequence has one value
        per hidden layer, from the lowest to the highest; below the highest frozen layer (`freeze`) it has no
        effect. Predictions are made without.

    input_dropout : float, default=0.0
        The same for the inputs of the network; not together with `freeze`.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the fine-tuning, by which those of the samples are multiplied; a class
        that is not in the dict has 1. (If all classes are in it, others may be, too: a fold may lack one.)
        "balanced" gives all classes the same sum of weights. Not where samples have several classes, and
        not in the scores of samples for validation.

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
        Epochs without progress that are allowed; see `stopping`. `numpy.inf` never stops.

    stopping : {"patience", "geometric"}, default="patience"
        When training stops: after more than `n_iter_no_change` epochs in a row without progress, as in
        scikit-learn; or, as in the deep learning tutorials, `n_iter_no_change` epochs after the beginning,
        but not before there have been twice as many epochs as at the last progress.

    early_stopping : bool, default=False
        Whether to measure progress by the accuracy of samples that are not trained on, and to restore the
        parameters of the best epoch: `validation_fraction` of the labelled samples, stratified by class
        (unless samples may have several), or the `X_val` of `fit`. (Pretraining uses all samples of X. Where
        layers have `supervision` it has seen the labels of those that are set aside, so that their accuracy
        is too good.)

    validation_fraction : float, default=0.1
        Fraction of the labelled samples set aside for early stopping, in (0, 1).

    warm_start : bool, default=False
        Whether `fit` continues fine-tuning from the present parameters, without pretraining. If the encoder
        is a stack whose `hidden_layer_sizes` has grown, its layers are kept, the new ones are pretrained
        (then all of them together, if the stack has `fine_tune`), and the output layer starts anew.

    memory : str or joblib.Memory, default=None
        Cache for pretrained encoders: those that differ only in what matters to the fine-tuning are
        pretrained once. Needs an integer `random_state` here or in the encoder.

    random_state : int, RandomState instance or None, default=None
        Determines the seeds of the encoder where its own are None, the order of samples, the validation
        split and the dropout. An integer gives the same result to the last bit on every run.

    verbose : int, default=0
        If positive, a line is printed for every epoch of the fine-tuning; of the pretraining too, unless the
        encoder is an estimator, which has its own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; for a matrix of indicators the numbers of its columns. Never -1.

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
        "softmax"; "logistic" where samples have several classes.

    loss_ : float
        Log loss (or cross-entropy, plus penalty) of the last epoch, nats per sample.

    best_loss_ : float or None
        Lowest training loss; None with early stopping.

    loss_curve_ : list of float
        Training loss of each epoch of the fine-tuning.

    validation_scores_ : list of float or None
        Accuracy on the validation samples after each epoch; None without early stopping and `X_val`.

    validation_losses_ : list of float or None
        Their loss, without penalties.

    best_validation_score_ : float or None
        Highest of those of the last `fit`; with early stopping that of the restored parameters.

    n_iter_ : int
        Number of epochs of the fine-tuning.

    n_layers_ : int
        Number of layers, input and output included.

    n_outputs_ : int
        Number of outputs, n_classes.

    t_ : int
        Number of labelled samples seen in fine-tuning.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit. Defined only when X has feature names that are all
        strings.

    See Also
    --------
    SdARegressor : The same for numbers.
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
    >>> y_train[200:] = -1  # without labels
    >>> clf.fit(X_train, y_train).score(X_test, y_test) > 0.8
    True
    """

    _perceptron = MLPClassifier
    _parameter_constraints: dict = {
        **SupervisedNetwork._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        encoder=None,
        *,
        pretrain=True,
        freeze=0,
        learning_rate_factors=None,
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
        class_weight=None,
        batch_size="auto",
        max_iter=200,
        shuffle=True,
        tol=1e-4,
        n_iter_no_change=10,
        stopping="patience",
        early_stopping=False,
        validation_fraction=0.1,
        warm_start=False,
        memory=None,
        random_state=None,
        verbose=0,
    ):
        self.encoder = encoder
        self.pretrain = pretrain
        self.freeze = freeze
        self.learning_rate_factors = learning_rate_factors
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
        self.class_weight = class_weight
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.stopping = stopping
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.memory = memory
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        """Declare that a sample may have several classes."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _read_targets(self, X, y, resume, dtype):
        """Return the targets of labels."""
        targets = read_labels(X, y, self.classes_ if resume else None, ADVICE)
        if resume and hasattr(self, "out_activation_"):
            kind = "multilabel" if self._multilabel() else "one class per sample"
            if isinstance(targets, IndicatorTargets) != self._multilabel():
                raise ValueError(
                    f"Training can't continue with labels of another kind: it began with {kind}."
                )
        return targets

    def _weigh(self, targets, weights):
        """Return the weights of the samples in the fine-tuning."""
        return class_weights(self.class_weight, targets, weights)

    def _target_attributes(self, targets):
        """Return the attributes that say what is predicted."""
        return {"classes_": targets.classes}

    def _multilabel(self):
        """Return whether a sample may have several classes."""
        return self.out_activation_ == "logistic"

    @available_if(lambda self: self._can_partial_fit())
    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Make one pass of fine-tuning over some samples.

        The first call pretrains the encoder on its own samples (unless ``pretrain=False`` or the encoder
        is frozen). To pretrain on data that arrive in pieces, train a stack with its `partial_fit` and
        hand it over as ``encoder=FrozenEstimator(stack)``.

        The optimizer is kept from one call to the next, with its state and the options (learning rate,
        momentum and so on) of the first call; another `solver` makes a new one. `early_stopping` has no
        effect here.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Class labels, as in `fit`.
        classes : array-like of shape (n_classes,), default=None
            All class labels that will ever occur (``range(n_classes)`` for a matrix of indicators). Required
            in the first call.
        sample_weight : array-like of shape (n_samples,) or None
            Weights of the samples, relative to each other.

        Returns
        -------
        self : SdAClassifier
            Fitted estimator.

        Raises
        ------
        ValueError
            As `fit`; if `classes` is missing in the first call or has fewer than two labels, y has one
            that is not in it, or `class_weight` is "balanced".
        """
        self._validate_params()  # scikit-learn does it in the first call only
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all labels together. For partial_fit, give the weights as a "
                "dict, for instance from sklearn.utils.class_weight.compute_class_weight."
            )

        def read_targets(X, y, dtype):
            if classes is not None:
                check_none_missing(np.asarray(classes, dtype=object), "classes")
            _check_partial_fit_first_call(self, classes)
            check_classes(self.classes_, "classes")
            return self._read_targets(X, y, True, dtype)

        return self._partial_fit(X, y, sample_weight, read_targets)

    def predict(self, X):
        """Return the most probable class of each sample, or all that are more probable than not.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Class labels, or a matrix of indicators if that was trained on.
        """
        check_is_fitted(self)
        outputs = self._outputs(X, identity_forward)
        if self._multilabel():
            return (outputs > 0).astype(np.int64)
        return self.classes_[outputs.argmax(axis=1)]

    def predict_proba(self, X):
        """Return the probability of each class: the softmax (or logistic function) of the outputs.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; rows sum to 1, unless samples have several classes.
        """
        check_is_fitted(self)
        loss = "cross_entropy" if self._multilabel() else "log_loss"
        return self._outputs(X, LOSSES[loss].link)

    def predict_log_proba(self, X):
        """Return the logarithm of the probability of each class, from the logits.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; finite even where the probability underflows.
        """
        outputs = self._outputs(X, identity_forward)
        return log_expit(outputs) if self._multilabel() else log_softmax(outputs, axis=1)

    def score(self, X, y, sample_weight=None):
        """Return the accuracy on the labelled samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels; samples without (-1, NaN, None, pandas.NA) do not count. Of a matrix of
            indicators, a sample is right if all its labels are.
        sample_weight : array-like of shape (n_samples,) or None
            Weights of the samples.

        Returns
        -------
        score : float
            In [0, 1].
        """
        predicted, weights = self.predict(X), check_weights(sample_weight, X)
        if self._multilabel():
            y = plain(as_labels(y))
            if y.ndim != 2 or y.shape[1] != self.n_outputs_ or y.dtype.kind not in "biuf":
                raise ValueError(
                    f"y must be a matrix of 0 and 1 of shape (n_samples, {self.n_outputs_}), as in fit, got "
                    f"an array of shape {y.shape} and type {y.dtype}."
                )
            labelled = (y >= 0).all(axis=1)
        else:
            y = column_or_1d(as_labels(y))
            labelled = ~is_unlabelled(y)
        check_consistent_length(predicted, y)
        check_some_labelled(labelled, "Score samples that have labels.")
        weights = labelled_weights(weights, labelled)
        return accuracy_score(plain(y[labelled]), predicted[labelled], sample_weight=weights)
