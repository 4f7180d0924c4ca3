"""Threads of our own, as many as BLAS has: joblib's workers and threadpoolctl's users have limited those.

While we train or transform, BLAS itself runs on one thread. Whole parts of a step on threads of our own
wait for each other less often than the threads of BLAS do in every product; and where another process
holds a core, each of those waits takes milliseconds (measured: a product 50 times slower).
"""

import contextvars
import functools
import queue
import threading

from threadpoolctl import ThreadpoolController

# Floating-point operations that are worth a thread: a fifth of a millisecond, a hundred times what threads
# in compiled code need to wait for each other.
WORK = 2e7


@functools.cache
def _blas():
    """Return the controller of the BLAS libraries that are loaded."""
    return ThreadpoolController().select(user_api="blas")


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

    def limit_for_good(self):
        """Limit BLAS on the calling thread, one of our own, where the limit is a thread's."""
        for library in _blas().lib_controllers:
            if library.num_threads != 1:
                library.set_num_threads(1)

    @property
    def n_threads(self):
        """Number of threads of BLAS; within the block, this thread's share of those that it had before."""
        if getattr(self._mine, "depth", 0) == 0:
            return max((library.num_threads for library in _blas().lib_controllers), default=1)
        return max(1, max(self._mine.before, default=1) // max(1, self._users))


one_thread = _OneThread()


def n_threads():
    """Return the number of threads that the calling thread may use, itself included."""
    return one_thread.n_threads


def share(size, part, n_parts):
    """Return one of n_parts slices of range(size)."""
    return slice(size * part // n_parts, size * (part + 1) // n_parts)


class Team:
    """Threads that do the parts of a piece of work at the same time, and may wait for each other.

    A thread per part, not a pool: where two pieces shared the threads of a pool, each could get too few
    of them, and their parts would wait for each other for ever.

    Parameters
    ----------
    n_threads : int
        Largest number of parts; the calling thread does the first.
    """

    def __init__(self, n_threads):
        self.size = n_threads
        self._boxes = [queue.SimpleQueue() for _ in range(n_threads - 1)]
        self._done = queue.SimpleQueue()
        for box in self._boxes:
            threading.Thread(target=self._serve, args=(box,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for box in self._boxes:
            box.put(None)

    def _serve(self, box):
        """Work until told to stop: the life of a thread."""
        one_thread.limit_for_good()
        for context, work, part in iter(box.get, None):
            try:
                context.run(work, part)
            except BaseException as error:
                self._done.put(error)
            else:
                self._done.put(None)

    def run(self, work, n_parts):
        """Call ``work(part)`` for all parts in range(n_parts), at the same time.

        It should release the GIL. BLAS must be limited to one thread, see `one_thread`.
        """
        others = self._boxes[: n_parts - 1]
        for part, box in enumerate(others, start=1):
            # in the caller's context: NumPy's handling of overflow belongs to it
            box.put((contextvars.copy_context(), work, part))
        try:
            work(0)
        finally:
            errors = [self._done.get() for _ in others]
        for error in errors:
            if error is not None:
                raise error
