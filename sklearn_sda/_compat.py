"""The one place that imports private names of scikit-learn, and stands in for what older versions lack.

Private names are used because every scikit-learn estimator validates its parameters with them, and
because they are the same from 1.6 to 1.9.
"""

from contextlib import nullcontext

from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn 1.6 to 1.8; can go when 1.9 is the oldest supported

    class CallbackSupportMixin:
        """Stands in for scikit-learn 1.9's callbacks: there are none."""

        def _init_callback_context(self, **kwargs):
            """Return a context that does nothing."""
            return NullContext()


class NullContext:
    """A callback context without callbacks: scikit-learn before 1.9, and `partial_fit`."""

    def subcontext(self, **kwargs):
        """Return a context for a part of the task."""
        return self

    def call_on_fit_task_begin(self, **kwargs):
        """Tell nobody that the task begins."""
        return self

    def call_on_fit_task_end(self, **kwargs):
        """Tell nobody that the task has ended; nobody asks to stop."""
        return False

    def propagate_callback_context(self, sub_estimator):
        """Hand nothing down to a sub-estimator."""
        return nullcontext()


__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "NullContext",
    "Options",
    "StrOptions",
    "_check_partial_fit_first_call",
    "_fit_context",
    "_safe_indexing",
]
