"""Scikit-learn's restricted Boltzmann machine as a layer: a deep belief network is the same composition."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_sda._base import writeable
from sklearn_sda._corruption import Corruption
from sklearn_sda._kernels.pointwise import ACTIVATIONS
from sklearn_sda._network import Affine


class BoltzmannLayer:
    """What a network needs of a layer, looked up in a `sklearn.neural_network.BernoulliRBM`.

    Its ``transform``, the probability of each hidden unit, is a layer of logistic units (Hinton, Osindero and
    Teh 2006). The machine stays the owner of its arrays: ``components_`` is the transposed coefficients.

    Parameters
    ----------
    machine : BernoulliRBM
        Fitted.
    """

    activation = "logistic"
    _columns = None

    def __init__(self, machine):
        check_is_fitted(machine)
        self.machine = machine

    @property
    def encoder_coef_(self):
        """Coefficients, of shape (n_features, n_components): a view."""
        return self.machine.components_.T

    @property
    def encoder_intercept_(self):
        """Intercepts of the hidden units, of shape (n_components,)."""
        return self.machine.intercept_hidden_

    @property
    def decoder_intercept_(self):
        """Intercepts of the visible units, of shape (n_features,)."""
        return self.machine.intercept_visible_

    def _make_writeable(self):
        """Order the machine's arrays so that they can be fine-tuned in place."""
        self.machine.components_ = writeable(np.ascontiguousarray(self.encoder_coef_)).T
        self.machine.intercept_hidden_ = writeable(self.machine.intercept_hidden_)
        self.machine.intercept_visible_ = writeable(self.machine.intercept_visible_)

    def _encoder(self):
        """Return the probability of the hidden units as a step of a forward chain."""
        unit = ACTIVATIONS[self.activation].forward
        return Affine(np.asarray(self.encoder_coef_), np.asarray(self.encoder_intercept_), unit)

    def _decoders(self):
        """Return the probability of the visible units as a forward chain."""
        coef, intercept = self.machine.components_, self.machine.intercept_visible_
        return [Affine(np.asarray(coef), np.asarray(intercept), ACTIVATIONS["logistic"].forward)]

    def _make_corruption(self, seed, columns, donors):
        """Return none: a machine is trained on clean samples."""
        return Corruption([], [], seed=seed, dtype=self.encoder_coef_.dtype, n_features=donors.shape[1])
