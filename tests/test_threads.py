"""BLAS runs on one thread, steps and transformations on several; what was limited before stays limited."""

import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from sklearn_sda import DenoisingAutoencoder, SdAClassifier, _objectives, _threads
from sklearn_sda._kernels.blas import BLAS
from sklearn_sda._objectives import Reconstruction
from sklearn_sda._threads import WORK, Team, n_threads, one_thread


def blas_threads():
    """Return the number of threads of BLAS."""
    return max(library.num_threads for library in _threads._blas().lib_controllers)


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2):
        if n_threads() != 2:
            pytest.skip("this BLAS has no threads to limit")
        yield


def test_the_limit_ends_with_the_last_of_those_who_asked():
    with one_thread:
        with one_thread:
            assert blas_threads() == 1
        assert blas_threads() == 1
    assert blas_threads() == 2


def test_an_interrupt_at_any_place_leaves_nothing_behind():
    # Ctrl-C may come wherever Python looks for signals; here it comes at each line, one after the other (but
    # not where a lock is taken and given back, which is C's)
    lines = Path(_threads.__file__).read_text().splitlines()

    def nested():
        with one_thread:
            assert blas_threads() == 1

    def outer():
        with one_thread:
            nested()
            assert blas_threads() == 1 and n_threads() == 2

    def trace(frame, event, argument):
        nonlocal place
        if frame.f_code.co_filename != _threads.__file__:
            return trace if frame.f_code.co_name == "nested" else None
        if "with self._lock" in lines[frame.f_lineno - 1]:
            return trace
        place -= 1
        if place == 0:
            raise KeyboardInterrupt
        return trace

    interrupted = 0
    for number in range(1, 1000):
        place = number
        sys.settrace(trace)
        try:
            outer()
        except KeyboardInterrupt:
            interrupted += 1
        finally:
            sys.settrace(None)
        outer()
        assert blas_threads() == 2, number
        assert not one_thread._users
        if place > 0:
            break
    assert 20 < interrupted == number - 1


def test_the_first_block_may_be_interrupted(monkeypatch):
    limit = _threads._OneThread()
    real, calls = _threads._blas, []

    def interrupted():
        calls.append(None)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return real()

    monkeypatch.setattr(_threads, "_blas", interrupted)
    with pytest.raises(KeyboardInterrupt), limit:
        pass
    with limit:
        assert blas_threads() == 1
    assert blas_threads() == 2


FORK = """
import os, threading
from threadpoolctl import threadpool_limits
from sklearn_sda import _threads
threads = lambda: max(library.num_threads for library in _threads._blas().lib_controllers)
entered, left = threading.Event(), threading.Event()
def work():
    with _threads.one_thread:
        entered.set()
        left.wait(20)
with threadpool_limits(2):
    other = threading.Thread(target=work)
    other.start()
    entered.wait(20)
    with _threads.one_thread._lock:  # as if it were just about to enter or to leave
        child = os.fork()
    if child == 0:
        with _threads.one_thread:
            pass
        os._exit(threads())
    _, status = os.waitpid(child, 0)
    left.set()
    other.join()
    assert threads() == 2
    assert os.WEXITSTATUS(status) == 2, status
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_only_the_threads_that_it_has():
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], check=True, timeout=60)


class Library:
    """A BLAS whose limit is the process's or each thread's own."""

    def __init__(self, own):
        self.own, self.number, self.mine = own, 2, threading.local()

    @property
    def num_threads(self):
        return getattr(self.mine, "number", 2) if self.own else self.number

    def set_num_threads(self, number):
        if self.own:
            self.mine.number = number
        else:
            self.number = number


@pytest.mark.parametrize("own", [False, True, None])
def test_overlapping_fits_run_on_one_thread_and_restore_what_was(own, monkeypatch):
    # A enters, B enters, A leaves, B leaves: whether the limit is a thread's own or the process's (None:
    # whatever it is in the BLAS that is loaded), B must be limited until it leaves, and nobody afterwards
    limit = one_thread
    if own is not None:
        blas = SimpleNamespace(lib_controllers=[Library(own)])
        monkeypatch.setattr(_threads, "_blas", lambda: blas)
        limit = _threads._OneThread()
    entered, left, seen = threading.Event(), threading.Event(), []

    def other():
        with limit:
            seen.append(blas_threads())
            entered.set()
            left.wait(10)
            seen.append(blas_threads())
        seen.append(blas_threads())

    thread = threading.Thread(target=other)
    with limit:
        thread.start()
        entered.wait(10)
        assert blas_threads() == 1
    left.set()
    thread.join()
    assert blas_threads() == 2
    assert seen == [1, 1, 2]


@pytest.mark.parametrize("own", [False, True])
def test_a_thread_of_a_team_that_starts_late_limits_nobody_else(own, monkeypatch):
    # its team may have been closed, without any work, before the thread began to live
    blas = SimpleNamespace(lib_controllers=[Library(own)])
    monkeypatch.setattr(_threads, "_blas", lambda: blas)
    limit = _threads._OneThread()
    with limit:
        pass
    seen = []

    def late():
        limit.limit_for_good()
        seen.append(blas_threads())

    thread = threading.Thread(target=late)
    thread.start()
    thread.join()
    assert blas_threads() == 2
    assert seen == [1 if own else 2]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_nothing_is_limited_after_many_fits():
    X = np.random.RandomState(0).uniform(size=(200, 784))
    for max_iter in (0, 0, 1, 0, 0) * 4:
        DenoisingAutoencoder(300, max_iter=max_iter, batch_size=200).fit(X)
    time.sleep(0.1)  # a thread of a closed team may begin to live only now, and must not limit anybody
    assert blas_threads() == 2


def test_the_limit_ends_with_an_error():
    with pytest.raises(ZeroDivisionError), one_thread:
        raise ZeroDivisionError
    assert n_threads() == 2


def test_a_thread_that_has_limited_blas_knows_its_share():
    with threadpool_limits(5):
        assert n_threads() == 5
        seen, go_on = queue.SimpleQueue(), threading.Barrier(2)

        def other():
            with one_thread:
                seen.put(n_threads())
                go_on.wait(10)

        with one_thread:
            assert n_threads() == 5
            thread = threading.Thread(target=other)
            thread.start()
            assert seen.get() == 2
            assert n_threads() == 2
            go_on.wait(10)
            thread.join()
            assert n_threads() == 5


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="without the JIT there is one thread")
def test_threads_share_long_steps_only(monkeypatch):
    seen = []
    step = Reconstruction.step

    def recording(self, rows, position, optimizer):
        seen.append((self.team.size, max(pool.num_threads for pool in _threads._blas().lib_controllers)))
        return step(self, rows, position, optimizer)

    monkeypatch.setattr(Reconstruction, "step", recording)
    X = np.random.RandomState(0).uniform(size=(100, 300))
    DenoisingAutoencoder(20, max_iter=1).fit(X)
    assert set(seen) == {(1, 1)}
    seen.clear()
    n_components = int(2 * WORK / (10 * 100 * 300)) + 1
    DenoisingAutoencoder(n_components, batch_size=100, max_iter=1).fit(X)
    assert set(seen) == {(2, 1)}
    SdAClassifier((5,), max_iter=1).fit(X, np.arange(100) % 2)
    assert n_threads() == 2


def wait_for_teams_to_end():
    """Wait until no thread of any team is left; fail after ten seconds."""
    deadline = time.monotonic() + 10
    while alive := [thread for thread in threading.enumerate() if "_serve" in thread.name]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.001)


def test_a_team_works_at_the_same_time_and_its_errors_arrive():
    barrier, parts = threading.Barrier(3), queue.SimpleQueue()

    def work(part):
        barrier.wait(10)  # passes only if all are here at the same time
        parts.put(part)

    with one_thread, Team(3) as team:
        team.run(work, 3)
        assert sorted(parts.get() for _ in range(3)) == [0, 1, 2]
        team.run(parts.put, 2)
        assert sorted(parts.get() for _ in range(2)) == [0, 1]
        for bad in (0, 2):
            with pytest.raises(ZeroDivisionError):
                team.run(lambda part, bad=bad: 1 / (part - bad), 3)
        team.run(parts.put, 3)
    wait_for_teams_to_end()


def test_nobody_waits_for_a_caller_that_was_interrupted():
    go_on, ended = threading.Event(), threading.Event()

    def work(part):
        if part == 0:
            raise KeyboardInterrupt
        assert go_on.wait(10)
        ended.set()

    with one_thread, Team(2) as team, pytest.raises(KeyboardInterrupt):
        team.run(work, 2, release=go_on.set)
    assert ended.is_set()


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="without the JIT there is one thread")
@pytest.mark.parametrize("thread", [0, 1])
def test_an_interrupted_step_ends(thread, monkeypatch):
    # one thread fails before it does its part; the other one is waiting for it in compiled code
    entry = _objectives.train_layer.entry

    def interrupted(dtype):
        steps = entry(dtype)

        def call(*arguments):
            if arguments[-2] == thread:
                raise KeyboardInterrupt
            steps(*arguments)

        return call

    monkeypatch.setattr(_objectives.train_layer, "entry", interrupted)
    X = np.random.RandomState(0).uniform(size=(100, 784))
    with pytest.raises(KeyboardInterrupt):
        DenoisingAutoencoder(500, batch_size=100).fit(X)
    wait_for_teams_to_end()


def test_a_team_handles_overflow_as_its_caller_does():
    large = np.array([3e38], "float32")
    with one_thread, Team(2) as team, np.errstate(over="ignore"):
        team.run(lambda part: large * large, 2)  # warnings are errors


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="without the JIT there is one thread")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fits_at_the_same_time_share_the_threads_and_all_end():
    X = np.random.RandomState(0).uniform(size=(300, 784))
    expected = DenoisingAutoencoder(500, max_iter=2, batch_size=100, random_state=0).fit(X)
    fitted = queue.SimpleQueue()

    def fit():
        fitted.put(DenoisingAutoencoder(500, max_iter=2, batch_size=100, random_state=0).fit(X))

    threads = [threading.Thread(target=fit, daemon=True) for _ in range(6)]
    with threadpool_limits(4):
        for thread in threads:
            thread.start()
        for _ in threads:
            np.testing.assert_array_equal(fitted.get(timeout=120).encoder_coef_, expected.encoder_coef_)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="without the JIT there is one thread")
def test_several_threads_transform():
    X = np.random.RandomState(0).uniform(size=(1100, 784)).astype("float32")
    layer = DenoisingAutoencoder(300, max_iter=0).fit(X)
    whole, losses = layer.transform(X), layer.score_samples(X)
    with threadpool_limits(1):
        np.testing.assert_array_equal(layer.transform(X), whole)
        np.testing.assert_array_equal(layer.score_samples(X), losses)


# without AVX-512, OpenBLAS has places in float32; with MKL nothing has
STRICT = BLAS.strict and not numba.config.DISABLE_JIT
ORDERED = STRICT or BLAS.avx512


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_code_does_not_depend_on_the_place_of_its_row(dtype):
    X = np.random.RandomState(0).uniform(size=(1100, 784))
    layer = DenoisingAutoencoder(300, max_iter=0, dtype=dtype).fit(X)
    rtol = 0 if ORDERED or dtype == "float64" else 1e-5
    np.testing.assert_allclose(
        layer.transform(X[500:711]), layer.transform(X)[500:711], rtol=rtol, atol=rtol / 10
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(218, 33, 3), (184, 395, 853), (1100, 784, 300)])
def test_a_code_does_not_depend_on_the_order_of_the_rows(shape, dtype):
    n, k, m = shape
    rng = np.random.RandomState(0)
    X, order = rng.uniform(size=(n, k)), rng.permutation(n)
    layer = DenoisingAutoencoder(m, max_iter=0, dtype=dtype).fit(X)
    codes = layer.transform(X)
    error = 0 if ORDERED or dtype == "float64" else 1e-5
    np.testing.assert_allclose(layer.transform(X[order]), codes[order], rtol=error, atol=error)
    # OpenBLAS may compute a product of fewer rows in another way
    error = 0 if STRICT else 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(layer.transform(X[n // 2 :]), codes[n // 2 :], rtol=error, atol=error)


def test_coefficients_may_lie_in_memory_in_any_way():
    X = np.random.RandomState(0).uniform(size=(50, 40)).astype("float32")
    layer = DenoisingAutoencoder(30, max_iter=0, random_state=0).fit(X)
    codes, coef = layer.transform(X), layer.encoder_coef_
    large = np.zeros((80, 60), "float32")
    large[::2, ::2] = coef
    for same in (
        np.asfortranarray(coef),
        coef[::-1].copy()[::-1],
        coef[:, ::-1].copy()[:, ::-1],
        large[::2, ::2],
    ):
        layer.encoder_coef_ = same
        np.testing.assert_allclose(layer.transform(X), codes, rtol=1e-5, atol=1e-6)
