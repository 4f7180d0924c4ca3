"""Threads of our own, as many as BLAS has: joblib's workers and threadpoolctl's users have limited those.

While we train or transform, BLAS itself runs on one thread. Whole parts of a step on threads of our own
wait for each other less often than the threads of BLAS do in every product; and where another process
holds a core, each of those waits takes milliseconds (measured: a product 50 times slower).
"""

import contextvars
import functools
import os
import queue
import sys
import threading

from threadpoolctl import ThreadpoolController

# Floating-point operations that are worth a thread: a fifth of a millisecond, a hundred times what threads
# in compiled code need to wait for each other.
WORK = 2e7


@functools.cache
def _blas():
    """Return the controller of the BLAS libraries that are loaded."""
    return ThreadpoolController().select(user_api="blas")


def _limit(library, n_threads):
    """Set the number of threads of a library.

    Since version 3.8 threadpoolctl lets only one thread do so where the limit is the process's, and
    ignores all others; the last of ours may be another one than the first.
    """
    getattr(library, "_real_set_num_threads", library.set_num_threads)(n_threads)


def _another_thread_sees(library):
    """Return the number of threads of a library from the point of view of another thread."""
    seen = []
    thread = threading.Thread(target=lambda: seen.append(library.num_threads))
    thread.start()
    thread.join()
    return seen[0]


def _runs(frame, caller):
    """Return whether the function of a frame is the caller or waits for it."""
    while caller is not None and caller is not frame:
        caller = caller.f_back
    return caller is not None


class _OneThread:
    """Limits BLAS to one thread until the end of a ``with`` block.

    In some builds of BLAS the limit is the process's: then the first thread in such a block sets it and
    the last one takes it back. In others it is the calling thread's: then each thread does so for itself.

    A thread is within a block as long as the function that has its outermost one runs. So an interrupt
    (Ctrl-C) may come at any time: where it comes before `__exit__` has begun, the next block puts things
    right.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._users = set()  # the threads within blocks
        self._before_first = None
        self._mine = threading.local()
        self._is_threads_own = {}  # by position of the library, once it is known

    def __enter__(self):
        mine, caller = self._mine, sys._getframe(1)
        if self._outermost() is not None:
            if _runs(mine.outermost, caller):
                mine.depth += mine.outermost is caller
                return
            self._leave()  # the end of that block was interrupted
        try:
            self._limit_all()
            mine.depth, mine.outermost = 1, caller
        except BaseException:
            self._leave()
            raise

    def __exit__(self, *error):
        if self._outermost() is not sys._getframe(1):
            return
        self._mine.depth -= 1
        if self._mine.depth == 0:
            self._leave()

    def _outermost(self):
        """Return the frame of the function that has the calling thread's outermost block, or None."""
        return getattr(self._mine, "outermost", None)

    def _limit_all(self):
        """Limit all libraries, and remember what to go back to."""
        libraries = _blas().lib_controllers
        with self._lock:
            found = [library.num_threads for library in libraries]
            if not self._users:
                self._before_first = found
            self._mine.before = list(self._before_first)
            self._users.add(threading.get_ident())
            for k, library in enumerate(libraries):
                _limit(library, 1)
                if k not in self._is_threads_own and found[k] > 1:
                    self._is_threads_own[k] = _another_thread_sees(library) > 1
                if self._is_threads_own.get(k, False):
                    self._mine.before[k] = found[k]

    def _leave(self):
        """Take back what the calling thread has limited; it may be in part, or nothing."""
        with self._lock:
            before = getattr(self._mine, "before", [])
            self._users.discard(threading.get_ident())
            for k, n_threads in enumerate(before):
                if not self._users or self._is_threads_own.get(k, False):
                    _limit(_blas().lib_controllers[k], n_threads)
        self._mine.before, self._mine.outermost = [], None

    def _after_fork(self):
        """Forget, in a new process, the threads that it has not."""
        self._lock = threading.Lock()
        others = self._users - {threading.get_ident()}
        self._users -= others
        if others and not self._users:
            for k, n_threads in enumerate(self._before_first):
                if not self._is_threads_own.get(k, False):
                    _limit(_blas().lib_controllers[k], n_threads)

    def limit_for_good(self):
        """Limit BLAS on the calling thread, one of our own, where the limit is a thread's own.

        Where it is the process's, that is not this thread's business: it may start to live late.
        """
        for k, library in enumerate(_blas().lib_controllers):
            if self._is_threads_own.get(k, False):
                _limit(library, 1)

    @property
    def n_threads(self):
        """Number of threads of BLAS; within the block, this thread's share of those that it had before."""
        if self._outermost() is None:
            return max((library.num_threads for library in _blas().lib_controllers), default=1)
        return max(1, max(self._mine.before, default=1) // max(1, len(self._users)))


one_thread = _OneThread()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=one_thread._after_fork)


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
        for context, work, part, release in iter(box.get, None):
            try:
                context.run(work, part)
            except BaseException as error:
                if release is not None:
                    release()
                self._done.put(error)
            else:
                self._done.put(None)

    def run(self, work, n_parts, release=None):
        """Call ``work(part)`` for all parts in range(n_parts), at the same time.

        It should release the GIL. BLAS must be limited to one thread, see `one_thread`.

        Parameters
        ----------
        work : callable
            Does one part.
        n_parts : int
            At most the size of the team.
        release : callable or None
            Called if one of the threads fails or is interrupted, so that the others need not wait for it.
        """
        n_started = 0
        try:
            for part, box in enumerate(self._boxes[: n_parts - 1], start=1):
                # in the caller's context: NumPy's handling of overflow belongs to it
                box.put((contextvars.copy_context(), work, part, release))
                n_started += 1
            work(0)
        except BaseException:
            if release is not None:
                release()
            raise
        finally:
            errors = [self._done.get() for _ in range(n_started)]
        for error in errors:
            if error is not None:
                raise error
