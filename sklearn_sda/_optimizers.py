"""Optimizers: the state of an update rule, and its learning rate over time.

The rules and schedules are those of scikit-learn's multilayer perceptron.
"""

import math

import numpy as np

from sklearn_sda._kernels import update

LEARNING_RATES = ("constant", "invscaling", "adaptive")


def largest_below_one(dtype):
    """Return the largest number below 1 of a type: what is in [0, 1) must not be rounded to 1."""
    return float(np.nextafter(dtype.type(1), dtype.type(0)))


class _Optimizer:
    """What every update rule shares: its arrays and the schedule of its learning rate.

    Parameters
    ----------
    parameters : list of ndarray
        Only their shapes and type are used here.
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
    rule : Kernel
        One of `sklearn_sda._kernels.update`.
    decays : tuple of float
        decay_1, decay_2 and epsilon of the rule.
    first, second : ndarray
        What the rule keeps from step to step, for all parameters one after the other; empty if it
        keeps nothing.
    """

    rule = update.descend
    decays = (0.0, 0.0, 0.0)

    def __init__(self, parameters, *, learning_rate_init, learning_rate, power_t):
        self.learning_rate_init = self.learning_rate = learning_rate_init
        self.schedule = learning_rate
        self.power_t = power_t
        self.first = self.second = np.empty(0, parameters[0].dtype)

    @property
    def plain(self):
        """Whether an update is parameter <- parameter - learning_rate gradient and nothing else."""
        return self.rule is update.descend

    def step_size(self):
        """Return the step size of the next update, which must then be made."""
        return self.learning_rate

    def end_epoch(self, position):
        """Set the rate of the next epoch, `position` being the number of samples seen."""
        if self.schedule == "invscaling":
            self.learning_rate = self.learning_rate_init * (position + 1) ** -float(self.power_t)

    def reduce_learning_rate(self):
        """Divide an adaptive rate by 5; return False if training should stop instead."""
        if self.schedule != "adaptive" or self.learning_rate <= 1e-6:
            return False
        self.learning_rate /= 5
        return True


def _zeros(parameters):
    """Return zeros for all parameters one after the other."""
    return np.zeros(sum(p.size for p in parameters), parameters[0].dtype)


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
        if momentum > 0:
            self.rule = update.nesterov if nesterovs_momentum else update.heavy_ball
            self.decays = (min(momentum, largest_below_one(parameters[0].dtype)), 0.0, 0.0)
            self.first = _zeros(parameters)


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

    rule = update.adam

    def __init__(self, parameters, *, beta_1, beta_2, epsilon, **schedule):
        super().__init__(parameters, **schedule)
        dtype = parameters[0].dtype
        beta_1, beta_2 = (min(beta, largest_below_one(dtype)) for beta in (beta_1, beta_2))
        self.decays = (beta_1, beta_2, max(epsilon, float(np.finfo(dtype).tiny)))
        self.n_updates = 0
        self.first, self.second = _zeros(parameters), _zeros(parameters)

    def step_size(self):
        """Return the step size, bias correction included, of the next update, which must then be made."""
        self.n_updates += 1
        beta_1, beta_2, _ = self.decays
        return self.learning_rate * math.sqrt(1 - beta_2**self.n_updates) / (1 - beta_1**self.n_updates)


class Still(_Optimizer):
    """Makes no updates: those of L-BFGS are SciPy's, which wants losses and gradients of all samples.

    Parameters
    ----------
    parameters : list of ndarray
        Only their type is used.
    **schedule : dict
        Not used.
    """

    rule = update.leave


OPTIMIZERS = {"sgd": SGD, "adam": Adam, "lbfgs": Still}
OPTIONS = {
    "sgd": ("momentum", "nesterovs_momentum"),
    "adam": ("beta_1", "beta_2", "epsilon"),
    "lbfgs": (),
}
