"""The eight classification problems of Larochelle et al. (2007), regenerated.

"An empirical evaluation of deep architectures on problems with many factors of variation" (ICML 2007).
These are not the original samples: they are drawn anew after what was published about how those were
made, and where that says nothing, the choice is ours. Errors on them are comparable with published ones
in kind, not in the last digits. All images have 28 x 28 grey pixels in [0, 1].

From the publications: the sizes of the parts; the angles of rot; the range of the noise of bg_rand;
twenty photographs, and that patches with little variance were ignored; rectangles' outlines, uniform
heights and widths, and that these differ by 3 or more in rect; all numbers about convex. From memory,
unchecked: the positions of rectangles; in rect_img, sides of at least 10 that differ by 5 or more and
areas of 25 to 75 %; the errors of the authors' linear SVMs.

Our choices. Where there were several, the one was taken whose errors of SVMs were the nearest to the authors'
(`papers/svm.py` has the errors; those of other choices were explored and are not recorded):

- digits: the 70,000 images of MNIST in random order, each used at most once in a set; the same order in
  the five sets, which differ in nothing but the variation.
- rot, bg_img_rot: about the centre of the image, interpolated linearly; what comes from outside is black.
- bg_rand: the larger of the digit's and the background's pixel. SVMs of both kinds come near the authors' so;
  with a background only where the digit is exactly 0 both have some 30 % more errors. (An earlier version of
  this set had that: a linear SVM with a small C is near the authors' there, but the RBF kernel is far off.)
- bg_img, bg_img_rot: the background fills the pixels where the digit, rotated if it is to be, is exactly 0,
  so that its grey edges stay. Here the RBF kernel is near the authors' so, and has fewer errors with the
  larger of both pixels; the linear SVM is the other way round. It is the harder choice.
- bg_img, bg_img_rot, rect_img: photographs from BSDS500 instead of the unknown ones. Patches with a
  standard deviation below 0.08, about half of them, are refused. The three parts share the photographs, but
  draw their own patches; the two patches of rect_img are independent.
- rect: sides of 4 to 28 pixels. The least side decides how hard the set is. The class is 1 where the height
  is larger than the width, in rect_img too.
- convex: a half-plane has a uniform direction and distance from the centre, up to half the diagonal, and
  all half-planes of a set contain a common random pixel. Independent ones through uniform points, their
  number drawn anew with each refused set, gave unions with far more pixels than convex sets, where the
  authors had equal numbers. Numbers of half-planes start from 1, are kept when a set is refused, and count
  as 100 at most. A union counts as not convex if the pixel halfway between two of its pixels is black,
  which no convex set has. The class is 1 for convex, and for exactly half of the images. Convex ones have a
  few white pixels less on average; some are white all over.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import irfft2, rfft2
from scipy.ndimage import map_coordinates

from _common import RESULTS, ROOT, load_images

DATA = ROOT.parent / "shared" / "data"
SIDE = 28
# Row and column of the pixels' centres, seen from the centre of the image.
CENTRED = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
# Least standard deviation of the pixels, in [0, 1], of a patch that serves as a background.
LEAST_DEVIATION = 0.08
# A convex set of ten pixels or more with this many half-planes is found once in fifty trials.
MOST_PLANES = 100
# How many images are made at a time.
BATCH = 2048


# --- digits -------------------------------------------------------------------------------------


def basic(rng, digits, photographs):
    return digits


def rot(rng, digits, photographs):
    angles = rng.uniform(0, 2 * np.pi, len(digits))
    images = np.empty_like(digits)
    for start in range(0, len(digits), BATCH):
        rows = slice(start, start + BATCH)
        images[rows] = rotated(digits[rows], angles[rows])
    return images


def rotated(images, angles):
    """Return images turned about their centre, interpolated linearly, black where they had no pixels."""
    sin, cos = np.sin(angles)[:, None, None], np.cos(angles)[:, None, None]
    row, column = CENTRED[:, None], CENTRED
    number = np.broadcast_to(np.arange(len(images))[:, None, None], images.shape)
    source = [number, cos * row - sin * column - CENTRED[0], sin * row + cos * column - CENTRED[0]]
    return map_coordinates(images, source, order=1).clip(0, 1)


def larger(digits, background):
    return np.maximum(digits, background)


def fill_black(digits, background):
    return np.where(digits > 0, digits, background)


def bg_rand(rng, digits, photographs, compose=larger):
    return compose(digits, rng.integers(0, 256, digits.shape, dtype=np.uint8) / np.float32(255))


def bg_img(rng, digits, photographs, compose=fill_black):
    return compose(digits, patches(rng, len(digits), photographs))


def bg_img_rot(rng, digits, photographs):
    return bg_img(rng, rot(rng, digits, photographs), photographs)


def patches(rng, n, photographs):
    """Return n random patches with texture.

    Parameters
    ----------
    photographs : ndarray of shape (n_photographs, height, width), uint8

    Returns
    -------
    patches : ndarray of shape (n, 28, 28), float32 in [0, 1]
        Uniform over photographs and positions, given a standard deviation of LEAST_DEVIATION or more.
    """
    windows = sliding_window_view(photographs, (SIDE, SIDE), axis=(1, 2))
    found = np.empty((n, SIDE, SIDE), np.float32)
    n_found = 0
    while n_found < n:
        places = tuple(rng.integers(0, size, BATCH) for size in windows.shape[:3])
        candidates = windows[places] / np.float32(255)
        candidates = candidates[candidates.std(axis=(1, 2)) >= LEAST_DEVIATION][: n - n_found]
        found[n_found : n_found + len(candidates)] = candidates
        n_found += len(candidates)
    return found


# --- rectangles ---------------------------------------------------------------------------------


def rect(rng, n, photographs):
    inside, core, y = rectangles(rng, n, least_side=4, least_difference=3)
    return (inside & ~core).astype(np.float32), y


def rect_img(rng, n, photographs):
    inside, _, y = rectangles(rng, n, least_side=10, least_difference=5, least_area=0.25, largest_area=0.75)
    return np.where(inside, patches(rng, n, photographs), patches(rng, n, photographs)), y


def rectangles(rng, n, least_side, least_difference, least_area=0.0, largest_area=1.0):
    """Draw rectangles, uniform over the allowed heights and widths, then over the positions.

    Returns
    -------
    inside, core : ndarray of shape (n, 28, 28), bool
        The pixels of the rectangle, and those without its outline.
    y : ndarray of shape (n,), int64
        1 where the height is larger than the width.
    """
    height, width = np.mgrid[least_side : SIDE + 1, least_side : SIDE + 1].reshape(2, -1)
    area = height * width / SIDE**2
    allowed = (abs(height - width) >= least_difference) & (area >= least_area) & (area <= largest_area)
    chosen = rng.choice(np.flatnonzero(allowed), n)
    height, width = height[chosen], width[chosen]
    rows, inner_rows = stretches(rng, height)
    columns, inner_columns = stretches(rng, width)
    inside = rows[:, :, None] & columns[:, None, :]
    core = inner_rows[:, :, None] & inner_columns[:, None, :]
    return inside, core, (height > width).astype(np.int64)


def stretches(rng, lengths):
    """Return which of 28 places are in stretches at random positions, and which are not at their ends."""
    first = rng.integers(0, SIDE - lengths + 1)[:, None]
    last = first + lengths[:, None] - 1
    place = np.arange(SIDE)
    return (place >= first) & (place <= last), (place > first) & (place < last)


# --- convex sets --------------------------------------------------------------------------------


def convex(rng, n, photographs):
    n_convex = n // 2
    sets = convex_sets(rng, rng.geometric(0.195, n_convex), 19)
    images = np.concatenate([sets, non_convex_sets(rng, n - n_convex)])
    order = rng.permutation(n)
    return images[order].astype(np.float32), (order < n_convex).astype(np.int64)


def convex_sets(rng, n_planes, least):
    """Draw a convex set for each number of half-planes, again until it has the least number of pixels.

    Parameters
    ----------
    n_planes : ndarray of shape (n,), int

    Returns
    -------
    sets : ndarray of shape (n, 28, 28), bool
    """
    sets = np.empty((len(n_planes), SIDE, SIDE), bool)
    left = np.arange(len(n_planes))
    while left.size:
        # the last ones have many half-planes and rarely succeed: each of them is tried several times
        tried = np.resize(left, min(BATCH, 16 * len(left)))
        candidates, large = intersections(rng, n_planes[tried], least)
        done, first = np.unique(tried[large], return_index=True)
        sets[done] = candidates[large][first]
        left = np.setdiff1d(left, done)
    return sets


def intersections(rng, n_planes, least):
    """Return intersections of half-planes that contain a random pixel, and which are large enough.

    Each row of a convex set is a stretch of columns, and a half-plane moves one of its ends.
    """
    n = len(n_planes)
    row, column = rng.integers(0, SIDE, (2, n))
    first, last = np.zeros((n, SIDE)), np.full((n, SIDE), SIDE - 1.0)
    large = np.ones(n, bool)
    for number in range(n_planes.max(initial=0)):
        going = np.flatnonzero(large & (n_planes > number))
        angle = rng.uniform(0, 2 * np.pi, (len(going), 1))
        distance = rng.uniform(-1, 1, (len(going), 1)) * SIDE / np.sqrt(2)
        crossing = (distance - np.sin(angle) * CENTRED) / np.cos(angle) - CENTRED[0]
        to_the_right = (crossing[np.arange(len(going)), row[going]] <= column[going])[:, None]
        first[going] = np.maximum(first[going], np.where(to_the_right, np.ceil(crossing), 0))
        last[going] = np.minimum(last[going], np.where(to_the_right, SIDE, np.floor(crossing)))
        large[going] = (last[going] - first[going] + 1).clip(0).sum(axis=1) >= least
    place = np.arange(SIDE)
    return (place >= first[:, :, None]) & (place <= last[:, :, None]), large


def non_convex_sets(rng, n):
    """Draw n unions of two, three or four convex sets, shape (n, 28, 28), that are not convex."""
    found = np.empty((0, SIDE, SIDE), bool)
    while len(found) < n:
        n_sets = rng.integers(2, 5, min(BATCH, 2 * (n - len(found))))
        n_planes = np.minimum(rng.geometric(0.07, n_sets.sum()), MOST_PLANES)
        parts = convex_sets(rng, n_planes, 10)
        unions = np.logical_or.reduceat(parts, np.cumsum(n_sets) - n_sets)
        found = np.concatenate([found, unions[lacks_a_midpoint(unions)]])
    return found[:n]


def lacks_a_midpoint(sets):
    """Return which sets have two pixels with a pixel halfway between them that is not in the set.

    The convolution of a set with itself counts, at 2 r, the pairs of pixels whose midpoint is r.
    """
    pairs = irfft2(rfft2(sets.astype(np.float32), (2 * SIDE, 2 * SIDE)) ** 2)[:, ::2, ::2]
    return ((pairs > 0.5) & ~sets).any(axis=(1, 2))


# --- the sets -----------------------------------------------------------------------------------

DIGITS = {"basic": basic, "rot": rot, "bg_rand": bg_rand, "bg_img": bg_img, "bg_img_rot": bg_img_rot}
SHAPES = {"rect": rect, "rect_img": rect_img, "convex": convex}
NAMES = (*DIGITS, *SHAPES)
WITH_PHOTOGRAPHS = ("bg_img", "bg_img_rot", "rect_img")
# Training, validation and test.
SIZES = dict.fromkeys(NAMES, (10000, 2000, 50000)) | {
    "rect": (1000, 200, 50000),
    "convex": (6000, 2000, 50000),
}


def load(name, data=None, *, seed=0, sizes=None):
    """Return training, validation and test part of a set.

    Parameters
    ----------
    name : one of NAMES
    data : path or None
        Folder with mnist.npz and natural_images.npz. Rectangles' outlines and convex sets need neither.
    seed : int, default=0
        The same seed gives the same images, and the same digits to all sets of digits.
    sizes : tuple of three int or None
        How many images the parts have; None: SIZES.

    Returns
    -------
    training, validation, test : tuples (X, y)
        X is an ndarray of shape (n, 784), float32 in [0, 1], the rows of an image one after the other;
        y of shape (n,), int64.
    """
    data = DATA if data is None else Path(data)
    digits = labels = photographs = None
    if name in DIGITS:
        X, y, X_more, y_more = load_images("mnist", data)
        digits, labels = np.concatenate([X, X_more]), np.concatenate([y, y_more])
    if name in WITH_PHOTOGRAPHS:
        photographs = load_photographs(data)
    return generate(name, digits, labels, photographs, seed=seed, sizes=sizes or SIZES[name])


def load_photographs(folder):
    """Return the grey photographs, uint8, of shape (n_photographs, height, width)."""
    path = folder / "natural_images.npz"
    if not path.exists():
        sys.exit(f"{path} does not exist: give the folder with the photographs with --data.")
    with np.load(path) as arrays:
        return arrays["images"]


def generate(name, digits, labels, photographs, *, seed, sizes):
    """Return the parts of a set, made of arrays; see load.

    Parameters
    ----------
    digits : ndarray of shape (n_digits, 784), uint8, or None
    labels : ndarray of shape (n_digits,), or None
    photographs : ndarray of shape (n_photographs, height, width), uint8, or None
    """
    parts = []
    if name in DIGITS:
        if sum(sizes) > len(digits):
            raise ValueError(f"{name} needs {sum(sizes)} digits, there are {len(digits)}.")
        order = np.random.default_rng([seed, 0, 0]).permutation(len(digits))
    for part, n in enumerate(sizes):
        rng = np.random.default_rng([seed, 1 + NAMES.index(name), part])
        if name in DIGITS:
            chosen, order = order[:n], order[n:]
            parts.append(make(name, rng, n, digits[chosen], labels[chosen], photographs))
        else:
            parts.append(make(name, rng, n, photographs=photographs))
    return tuple(parts)


def make(name, rng, n, digits=None, labels=None, photographs=None):
    """Return X and y of n images, the first n digits where the set has digits."""
    if name in DIGITS:
        images = digits[:n].reshape(n, SIDE, SIDE) / np.float32(255)
        images, y = DIGITS[name](rng, images, photographs), labels[:n]
    else:
        images, y = SHAPES[name](rng, n, photographs)
    return images.reshape(n, SIDE**2), y.astype(np.int64)


# --- a look at them -----------------------------------------------------------------------------


def draw(samples):
    """Return a figure with a row of images for each set.

    Parameters
    ----------
    samples : dict of name -> (X, y)
    """
    from matplotlib.figure import Figure

    n = len(next(iter(samples.values()))[1])
    figure = Figure(figsize=(0.9 * n + 1.2, 1.1 * len(samples)), layout="constrained")
    axes = figure.subplots(len(samples), n, squeeze=False)
    for row, (name, (X, y)) in zip(axes, samples.items(), strict=True):
        for ax, image, label in zip(row, X, y, strict=True):
            ax.imshow(image.reshape(SIDE, SIDE), cmap="gray", vmin=0, vmax=1)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.set_title(label, fontsize=8, pad=2)
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def main():
    """Draw ten images of each set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder with mnist.npz, natural_images.npz")
    parser.add_argument("--output", type=Path, default=RESULTS / "datasets.png", help="the picture")
    args = parser.parse_args()
    samples = {name: load(name, args.data, sizes=(10, 0, 0))[0] for name in NAMES}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    draw(samples).savefig(args.output, dpi=100)
    print(f"drawn in {args.output}")


if __name__ == "__main__":
    main()
