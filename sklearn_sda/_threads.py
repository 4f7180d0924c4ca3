"""How many threads: those of BLAS, which joblib's workers and threadpoolctl's users have limited already.

Steps of small networks run on one thread: more of them gain nothing there, and on a busy machine each
product would wait for a thread that another process holds (measured: 25 times slower).
"""

import contextlib
import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import ThreadpoolController


@functools.cache
def _blas():
    """Return the controller of the BLAS libraries that are loaded."""
    return ThreadpoolController().select(user_api="blas")


def n_threads():
    """Return the number of threads that BLAS may use now."""
    return max((library.num_threads for library in _blas().lib_controllers), default=1)


class _OneThread:
    """Limits BLAS to one thread for as long as anyone asks for it.

    The limit belongs to the process. Fits that overlap in threads must not restore it before the last
    of them is done, nor take the limit of another one for what to restore.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._users = 0

    def __enter__(self):
        with self._lock:
            if self._users == 0:
                self._limit = _blas().limit(limits=1)
            self._users += 1

    def __exit__(self, *error):
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._limit.restore_original_limits()


_one_thread = _OneThread()


# Operations of a training step that takes less than half a millisecond.
SHORT_STEP = 4e7


def threads_for(work):
    """Return a context with one BLAS thread if a training step is short, else with as many as now.

    Parameters
    ----------
    work : float
        Floating-point operations of a step.
    """
    return _one_thread if work <= SHORT_STEP else contextlib.nullcontext()


@functools.lru_cache(maxsize=1)
def _executor(process, threads):
    """Return the pool of threads of a process: a forked child must not use its parent's."""
    return ThreadPoolExecutor(threads)


def run(tasks):
    """Call functions without arguments, which must release the GIL, on as many threads as BLAS has.

    Parameters
    ----------
    tasks : list of callable
    """
    threads = n_threads() if len(tasks) > 1 else 1
    if threads == 1:
        for task in tasks:
            task()
    else:
        list(_executor(os.getpid(), threads).map(lambda task: task(), tasks))
