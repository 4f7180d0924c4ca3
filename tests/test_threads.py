"""Short steps run on one BLAS thread, long ones share theirs; what was limited before stays limited."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from sklearn_sda import DenoisingAutoencoder, SdAClassifier
from sklearn_sda._objectives import SHORT_STEP, Reconstruction
from sklearn_sda._optimizers import PART, Adam
from sklearn_sda._threads import n_threads, one_thread, run


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2):
        if n_threads() != 2:
            pytest.skip("this BLAS has no threads to limit")
        yield


def test_the_limit_ends_with_the_last_of_those_who_asked():
    with one_thread:
        with one_thread:
            assert n_threads() == 1
        assert n_threads() == 1
    assert n_threads() == 2


def test_overlapping_fits_restore_what_was_before_the_first():
    # A enters, B enters, A leaves, B leaves: whether the limit is a thread's or the process's, both must
    # have run on one thread and nobody may be left with the limit
    entered, left, seen = threading.Event(), threading.Event(), []

    def other():
        with one_thread:
            seen.append(n_threads())
            entered.set()
            left.wait(10)
        seen.append(n_threads())

    thread = threading.Thread(target=other)
    with one_thread:
        thread.start()
        entered.wait(10)
        assert n_threads() == 1
    left.set()
    thread.join()
    assert n_threads() == 2
    assert seen == [1, 2]


def test_the_limit_ends_with_an_error():
    with pytest.raises(ZeroDivisionError), one_thread:
        raise ZeroDivisionError
    assert n_threads() == 2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_only_short_steps_run_on_one_thread(monkeypatch):
    seen = []
    step = Reconstruction.step

    def recording(self, rows, position, optimizer):
        seen.append((self.short, n_threads()))
        return step(self, rows, position, optimizer)

    monkeypatch.setattr(Reconstruction, "step", recording)
    X = np.random.RandomState(0).uniform(size=(100, 300))
    DenoisingAutoencoder(20, max_iter=1).fit(X)
    assert set(seen) == {(True, 1)}
    seen.clear()
    n_components = int(SHORT_STEP / (10 * 100 * 300)) + 1
    DenoisingAutoencoder(n_components, batch_size=100, max_iter=1).fit(X)
    assert set(seen) == {(False, 2)}
    SdAClassifier((5,), max_iter=1).fit(X, np.arange(100) % 2)
    assert n_threads() == 2


def test_an_update_in_parts_is_that_of_the_whole():
    rng = np.random.RandomState(0)
    start, gradient = rng.standard_normal((2, 3 * PART + 7)).astype("float32")
    gradient += np.sign(gradient)
    results = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            parameters = [start.copy(), start[:5].copy()]
            options = {"learning_rate_init": 0.1, "learning_rate": "constant", "power_t": 0.5}
            optimizer = Adam(parameters, beta_1=0.9, beta_2=0.999, epsilon=1e-8, **options)
            for _ in range(2):
                optimizer.update(parameters, [gradient, gradient[:5]])
            results.append(parameters)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(results[0][0][:5], results[0][1])
    np.testing.assert_allclose(results[0][0], start - 0.2 * np.sign(gradient), rtol=1e-3, atol=1e-3)


def test_tasks_run_on_several_threads_and_their_errors_arrive():
    barrier = threading.Barrier(2)
    run([lambda: barrier.wait(10)] * 2)  # passes only if both run at the same time
    with pytest.raises(ZeroDivisionError):
        run([lambda: None, lambda: 1 / 0])
