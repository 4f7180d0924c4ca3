"""The benchmarks' data sets: what each image is, from synthetic digits and photographs."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import zoom
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

DIGIT_SETS = ("basic", "rot", "bg_rand", "bg_img", "bg_img_rot")
NAMES = (*DIGIT_SETS, "rect", "rect_img", "convex")
SIZES = (30, 10, 20)


@pytest.fixture
def datasets(monkeypatch):
    """The module benchmarks/datasets.py."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    for name in ("_common", "datasets"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import datasets

    return datasets


@pytest.fixture(name="sources", scope="module")
def images_to_start_from():
    """Digits of 20 x 20 pixels in the middle of 28 x 28, their labels, and two photographs."""
    X, labels = load_digits(return_X_y=True)
    digits = np.zeros((100, 28, 28), np.uint8)
    digits[:, 4:24, 4:24] = zoom(X[:100].reshape(-1, 8, 8) * (255 / 16), (1, 2.5, 2.5), order=1)
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (2, 20, 30)).astype(np.uint8)
    return digits.reshape(100, -1), labels[:100], coarse.repeat(4, axis=1).repeat(4, axis=2)


@pytest.fixture
def generate(datasets, sources):
    """Function of a name, and of seed and sizes, that returns the three parts."""

    def generate(name, seed=0, sizes=SIZES):
        return datasets.generate(name, *sources, seed=seed, sizes=sizes)

    return generate


def images(part):
    return part[0].reshape(-1, 28, 28)


def assert_same(parts, others):
    for part, other in zip(parts, others, strict=True):
        np.testing.assert_array_equal(part[0], other[0])
        np.testing.assert_array_equal(part[1], other[1])


# --- all sets ------------------------------------------------------------------------------------


def test_the_names_and_sizes_are_the_published_ones(datasets):
    assert datasets.NAMES == NAMES
    small = {"rect": (1000, 200, 50000), "convex": (6000, 2000, 50000)}
    assert datasets.SIZES == {name: small.get(name, (10000, 2000, 50000)) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_part_is_an_array_of_pixels_and_one_of_labels(name, generate):
    for (X, y), n in zip(generate(name), SIZES, strict=True):
        assert X.shape == (n, 784) and X.dtype == np.float32
        assert y.shape == (n,) and y.dtype == np.int64
        assert X.min() >= 0 and X.max() <= 1 and X.max() > 0.9
        assert set(y) <= set(range(10 if name in DIGIT_SETS else 2))


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_determines_the_images(name, generate):
    first = generate(name)
    assert_same(first, generate(name))
    for part, other in zip(first, generate(name, seed=1), strict=True):
        assert (part[0] != other[0]).any(axis=1).mean() > 0.8


@pytest.mark.parametrize("name", NAMES)
def test_the_training_part_does_not_depend_on_the_size_of_the_others(name, generate):
    assert_same(generate(name)[:1], generate(name, sizes=(30, 3, 3))[:1])


@pytest.mark.parametrize("name", ["rect", "rect_img", "convex"])
def test_parts_have_their_own_random_numbers(name, generate):
    training, validation, test = generate(name, sizes=(20, 20, 20))
    for other in (validation, test):
        assert (training[0] != other[0]).any(axis=1).mean() > 0.8


def test_a_digit_is_used_at_most_once(datasets):
    digits = np.repeat(np.arange(60, dtype=np.uint8)[:, None], 784, axis=1)
    parts = datasets.generate("basic", digits, np.arange(60), None, seed=0, sizes=SIZES)
    used = np.concatenate([y for _, y in parts])
    assert sorted(used) == list(range(60))
    for X, y in parts:
        np.testing.assert_allclose(X, np.repeat(y[:, None], 784, axis=1) / 255, rtol=1e-6)


def test_too_few_digits_are_refused(generate):
    with pytest.raises(ValueError, match="basic needs 101 digits, there are 100"):
        generate("basic", sizes=(60, 20, 21))


# --- digits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DIGIT_SETS)
def test_all_sets_have_the_same_digits(name, generate):
    for part, basic in zip(generate(name), generate("basic"), strict=True):
        np.testing.assert_array_equal(part[1], basic[1])


def test_rotated_digits_have_their_mass_where_it_was(generate):
    turned, digits = images(generate("rot")[0]), images(generate("basic")[0])
    np.testing.assert_allclose(turned.sum(axis=(1, 2)), digits.sum(axis=(1, 2)), rtol=0.02)
    squared_radius = np.add.outer((np.arange(28) - 13.5) ** 2, (np.arange(28) - 13.5) ** 2)
    np.testing.assert_allclose(
        (turned * squared_radius).sum(axis=(1, 2)), (digits * squared_radius).sum(axis=(1, 2)), rtol=0.05
    )


def test_each_digit_has_its_own_angle_of_any_size(datasets):
    spot = np.zeros((400, 28, 28), np.float32)
    spot[:, 13:15, 22:24] = 1
    turned = datasets.rot(np.random.default_rng(0), spot, None)
    row, column = np.indices((28, 28)) - 13.5
    angles = np.arctan2((turned * row).sum(axis=(1, 2)), (turned * column).sum(axis=(1, 2)))
    counts = np.histogram(angles, bins=8, range=(-np.pi, np.pi))[0]
    assert counts.min() > 25 and counts.max() < 75
    assert np.unique(angles.round(4)).size > 390


def test_quarter_turns_are_exact(datasets, sources):
    digits = (sources[0][:4].reshape(-1, 28, 28) / 255).astype(np.float32)
    turned = datasets.rotated(digits, np.full(4, np.pi / 2))
    np.testing.assert_allclose(turned, np.rot90(digits, axes=(2, 1)), atol=1e-5)


def test_the_random_background_and_the_digit_give_the_larger_pixel(datasets, sources):
    X = datasets.make("bg_rand", np.random.default_rng(0), 50, *sources)[0]
    digits = datasets.make("basic", np.random.default_rng(0), 50, *sources)[0]
    # the same random numbers in front of black images are the background alone
    black = np.zeros((50, 28, 28), np.float32)
    background = datasets.bg_rand(np.random.default_rng(0), black, None).reshape(50, 784)
    np.testing.assert_array_equal(X, np.maximum(digits, background))
    grey = (digits > 0) & (digits < 0.3)
    assert 0.7 < (X > digits)[grey].mean() < 0.95


@pytest.mark.parametrize(("name", "behind"), [("bg_img", "basic"), ("bg_img_rot", "rot")])
def test_the_background_is_where_the_digit_is_black(name, behind, datasets, sources):
    def make(name):
        return datasets.make(name, np.random.default_rng(0), 50, *sources)[0]

    # the same random numbers: the rotated digits in front of the background are those without one
    X, digits = make(name), make(behind)
    np.testing.assert_array_equal(X[digits > 0], digits[digits > 0])
    background = X[digits == 0]
    assert (background > 0).mean() > 0.9 and 0.4 < background.mean() < 0.6


def test_the_random_background_is_uniform(datasets):
    X = datasets.bg_rand(np.random.default_rng(0), np.zeros((100, 28, 28), np.float32), None)
    levels = X * 255
    np.testing.assert_allclose(levels, levels.round(), atol=1e-4)
    counts = np.bincount(levels.round().astype(int).ravel(), minlength=256)
    assert counts.size == 256 and counts.min() > 200 and counts.max() < 420
    assert abs(np.corrcoef(X[:, 5, 5:7].T)[0, 1]) < 0.4


def test_the_background_is_a_patch_of_a_photograph(datasets, sources):
    photographs = sources[2]
    found = datasets.patches(np.random.default_rng(0), 5, photographs)
    windows = np.lib.stride_tricks.sliding_window_view(photographs, (28, 28), axis=(1, 2))
    for patch in found:
        assert (windows == (patch * 255).round()).all(axis=(-1, -2)).any()


def test_patches_without_texture_are_refused(datasets):
    photographs = np.full((2, 40, 400), 100, np.uint8)
    photographs[0, :, 200:] += np.random.default_rng(0).integers(0, 100, (40, 200)).astype(np.uint8)
    photographs[1, ::2] += 5
    found = datasets.patches(np.random.default_rng(0), 300, photographs)
    assert found.std(axis=(1, 2)).min() >= datasets.LEAST_DEVIATION
    assert found.shape == (300, 28, 28)


# --- rectangles ----------------------------------------------------------------------------------


def bounds(mask):
    """Return top, bottom, left, right of the pixels that are set."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return rows[0], rows[-1], columns[0], columns[-1]


def test_rectangles_are_outlines_higher_than_wide_or_not(generate):
    part = generate("rect", sizes=(500, 0, 0))[0]
    sides = []
    for image, label in zip(images(part), part[1], strict=True):
        top, bottom, left, right = bounds(image)
        outline = np.zeros((28, 28))
        outline[[top, bottom], left : right + 1] = 1
        outline[top : bottom + 1, [left, right]] = 1
        np.testing.assert_array_equal(image, outline)
        height, width = bottom - top + 1, right - left + 1
        assert label == (height > width)
        assert abs(height - width) >= 3
        sides.append((height, width))
    assert np.min(sides) == 4 and np.max(sides) == 28
    assert 0.4 < part[1].mean() < 0.6


def test_rectangles_are_anywhere(generate):
    lit = images(generate("rect", sizes=(1000, 0, 0))[0]).mean(axis=0)
    assert lit.min() > 0
    np.testing.assert_allclose(lit.sum(axis=0)[:14].sum(), lit.sum(axis=0)[14:].sum(), rtol=0.1)
    np.testing.assert_allclose(lit.sum(axis=1)[:14].sum(), lit.sum(axis=1)[14:].sum(), rtol=0.1)


def test_rectangles_of_photographs_have_the_sizes_they_should(datasets, monkeypatch):
    shades = iter([0.25, 0.75])
    monkeypatch.setattr(
        datasets, "patches", lambda rng, n, photographs: np.full((n, 28, 28), next(shades), np.float32)
    )
    X, y = datasets.make("rect_img", np.random.default_rng(0), 1000)
    areas = []
    for image, label in zip(images((X,)), y, strict=True):
        inside = image == 0.25
        top, bottom, left, right = bounds(inside)
        assert inside[top : bottom + 1, left : right + 1].all()
        assert (image[~inside] == 0.75).all()
        height, width = bottom - top + 1, right - left + 1
        assert min(height, width) >= 10 and abs(height - width) >= 5
        assert label == (height > width)
        areas.append(height * width / 784)
    assert 0.25 <= min(areas) < 0.3 and 0.7 < max(areas) <= 0.75


def test_rectangles_of_photographs_are_made_of_two_patches(generate, datasets, sources):
    # the photographs' blocks of 4 x 4 pixels are cut by the rectangle's outline, at other places
    X, _ = generate("rect_img")[0]
    patches = datasets.patches(np.random.default_rng(0), 30, sources[2])
    jumps = (np.diff(images((X,)), axis=2) != 0).any(axis=1).sum(axis=1)
    assert jumps.mean() > (np.diff(patches, axis=2) != 0).any(axis=1).sum(axis=1).mean() + 3


# --- convex sets ---------------------------------------------------------------------------------


def is_convex(image):
    """Return whether all pixels in the convex hull of the white pixels are white.

    A point is outside of the hull if all white pixels are seen from it within less than half a turn.
    """
    white, black = np.argwhere(image == 1), np.argwhere(image == 0)
    for point in black:
        angles = np.sort(np.arctan2(*(white - point).T))
        gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
        if gaps.max() < np.pi + 1e-6:
            return False
    return True


def test_one_half_of_the_images_is_convex_and_the_other_is_not(generate):
    part = generate("convex", sizes=(61, 0, 0))[0]
    assert set(part[0].ravel()) == {0, 1}
    assert part[1].sum() == 30
    assert 5 < part[1][:30].sum() < 25
    for image, label in zip(images(part), part[1], strict=True):
        assert is_convex(image) == label


def test_the_convexity_test_of_these_tests():
    image = np.zeros((28, 28))
    image[3:9, 5:20] = 1
    image[9, 7:12] = 1
    assert is_convex(image)
    image[5, 10] = 0
    assert not is_convex(image)
    image[:] = np.tri(28)
    assert is_convex(image)
    image[0, 27] = 1
    assert not is_convex(image)


def test_pixels_do_not_give_the_class_away(generate):
    X, y = generate("convex", sizes=(4000, 0, 0))[0]
    white = X.sum(axis=1)
    assert 19 <= white[y == 1].min() < 23 and 11 <= white[y == 0].min() < 30
    assert 0.9 < white[y == 0].mean() / white[y == 1].mean() < 1.2
    clf = LogisticRegression().fit(white[:2000, None] / 784, y[:2000])
    assert clf.score(white[2000:, None] / 784, y[2000:]) < 0.6


def test_sets_with_more_half_planes_are_smaller(datasets):
    sizes = [
        datasets.convex_sets(np.random.default_rng(0), np.full(200, k), 10).sum() for k in (1, 4, 12, 40)
    ]
    assert (np.diff(sizes) < 0).all()


# --- files ---------------------------------------------------------------------------------------


def test_the_picture_is_drawn_from_files(datasets, sources, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    digits, labels, photographs = sources
    digits = digits.reshape(-1, 28, 28)
    np.savez(
        tmp_path / "mnist.npz",
        x_train=digits[:80],
        y_train=labels[:80],
        x_test=digits[80:],
        y_test=labels[80:],
    )
    np.savez(tmp_path / "natural_images.npz", images=photographs)
    assert_same(
        datasets.load("bg_img", tmp_path, sizes=SIZES),
        datasets.generate("bg_img", *sources, seed=0, sizes=SIZES),
    )
    output = tmp_path / "new" / "picture.png"
    monkeypatch.setattr(sys, "argv", ["datasets.py", "--data", str(tmp_path), "--output", str(output)])
    datasets.main()
    assert output.read_bytes().startswith(b"\x89PNG")
    assert "picture.png" in capsys.readouterr().out


def test_missing_photographs_are_named(datasets, tmp_path):
    with pytest.raises(SystemExit, match=r"natural_images.npz does not exist"):
        datasets.load("rect_img", tmp_path)


@pytest.mark.parametrize("name", ["rect", "convex"])
def test_some_sets_need_no_files(name, datasets, tmp_path):
    (X, _), *_ = datasets.load(name, tmp_path, sizes=(3, 0, 0))
    assert X.shape == (3, 784)
