"""How many threads: those of BLAS, which joblib's workers and threadpoolctl's users have limited already.

Steps of small networks run on one thread: more of them gain nothing there, and on a busy machine each
product would wait for a thread that another process holds (measured: 25 times slower).
"""

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
    """Limits BLAS to one thread until the end of a ``with`` block.

    The limit belongs to the calling thread in some builds of BLAS, to the process in others. So every
    thread sets it and takes it back itself; and one that finds a limit of 1 while another one is in such
    a block takes it for the other's, and restores what was before the first of them.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._users = 0
        self._before_first = None
        self._mine = threading.local()

    def __enter__(self):
        self._mine.depth = getattr(self._mine, "depth", 0) + 1
        if self._mine.depth > 1:
            return
        with self._lock:
            found = [library.num_threads for library in _blas().lib_controllers]
            if self._users == 0:
                self._before_first = found
            others = self._users > 0 and all(number == 1 for number in found)
            self._mine.before = self._before_first if others else found
            self._users += 1
            self._set([1] * len(found))

    def __exit__(self, *error):
        self._mine.depth -= 1
        if self._mine.depth > 0:
            return
        with self._lock:
            self._users -= 1
            self._set(self._mine.before)

    def _set(self, numbers):
        """Set the number of threads of each library."""
        for library, number in zip(_blas().lib_controllers, numbers, strict=True):
            library.set_num_threads(number)


one_thread = _OneThread()


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
