"""Optimizers: the state of an update rule, and its learning rate over time.

The rules and schedules are those of scikit-learn's multilayer perceptron; `update` works in place.
"""

import math

import numpy as np

from sklearn_sda._kernels import update

LEARNING_RATES = ("constant", "invscaling", "adaptive")


class _Optimizer:
    """What every update rule shares: its arrays and the schedule of its learning rate.

    Parameters
    ----------
    parameters : list of ndarray
        C-ordered arrays, only their shapes and type are used here.
    learning_rate_init : float
        Step size of the first epoch.
    learning_rate : {"constant", "invscaling", "adaptive"}
        "invscaling": learning_rate_init / (t + 1)**power_t after t samples. "adaptive": divided by 5
        whenever training would otherwise stop, until it is below 1e-6.
    power_t : float
        Exponent of "invscaling".

    Attributes
    ----------
    learning_rate : float
        Step size now.
    """

    def __init__(self, parameters, *, learning_rate_init, learning_rate, power_t):
        self.learning_rate_init = self.learning_rate = learning_rate_init
        self.schedule = learning_rate
        self.power_t = power_t

    def end_epoch(self, position):
        """Set the rate of the next epoch, `position` being the number of samples seen."""
        if self.schedule == "invscaling":
            self.learning_rate = self.learning_rate_init / (position + 1) ** self.power_t

    def reduce_learning_rate(self):
        """Divide an adaptive rate by 5; return False if training should stop instead."""
        if self.schedule != "adaptive" or self.learning_rate <= 1e-6:
            return False
        self.learning_rate /= 5
        return True


class SGD(_Optimizer):
    """Stochastic gradient descent, plain or with (Nesterov's) momentum.

    Parameters
    ----------
    parameters : list of ndarray
        Arrays that will be updated.
    momentum : float
        In [0, 1); 0 is plain gradient descent.
    nesterovs_momentum : bool
        Look ahead along the velocity.
    **schedule : dict
        See `_Optimizer`.
    """

    def __init__(self, parameters, *, momentum, nesterovs_momentum, **schedule):
        super().__init__(parameters, **schedule)
        self.momentum = momentum
        self.rule = update.nesterov if nesterovs_momentum else update.heavy_ball
        self.velocities = [np.zeros(p.size, p.dtype) for p in parameters] if momentum > 0 else None

    def update(self, parameters, gradients):
        """Move `parameters` in place against `gradients`, lists of arrays of equal shapes."""
        for k, (param, grad) in enumerate(zip(parameters, gradients, strict=True)):
            param, grad = param.reshape(-1), grad.reshape(-1)
            if self.velocities is None:
                update.descend(param, grad, self.learning_rate)
            else:
                self.rule(param, grad, self.velocities[k], self.learning_rate, self.momentum)


class Adam(_Optimizer):
    """Adam (Kingma and Ba 2015).

    Parameters
    ----------
    parameters : list of ndarray
        Arrays that will be updated.
    beta_1, beta_2 : float
        Decay of the running mean of the gradient and of its square, in [0, 1).
    epsilon : float
        Added to the root of the mean square.
    **schedule : dict
        See `_Optimizer`.
    """

    def __init__(self, parameters, *, beta_1, beta_2, epsilon, **schedule):
        super().__init__(parameters, **schedule)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.n_updates = 0
        self.means = [np.zeros(p.size, p.dtype) for p in parameters]
        self.squares = [np.zeros(p.size, p.dtype) for p in parameters]

    def update(self, parameters, gradients):
        """Move `parameters` in place against `gradients`, lists of arrays of equal shapes."""
        self.n_updates += 1
        correction = math.sqrt(1 - self.beta_2**self.n_updates) / (1 - self.beta_1**self.n_updates)
        step_size = self.learning_rate * correction
        for k, (param, grad) in enumerate(zip(parameters, gradients, strict=True)):
            update.adam(
                param.reshape(-1), grad.reshape(-1), self.means[k], self.squares[k],
                step_size, self.beta_1, self.beta_2, self.epsilon,
            )  # fmt: skip


OPTIMIZERS = {"sgd": SGD, "adam": Adam}
OPTIONS = {
    "sgd": ("momentum", "nesterovs_momentum"),
    "adam": ("beta_1", "beta_2", "epsilon"),
}
