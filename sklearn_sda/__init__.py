"""Stacked denoising autoencoders for scikit-learn."""

from sklearn_sda._autoencoder import DenoisingAutoencoder
from sklearn_sda._classifier import SdAClassifier
from sklearn_sda._comparison import compare_pretraining
from sklearn_sda._regressor import SdARegressor
from sklearn_sda._stacked import StackedAutoencoderTransformer
from sklearn_sda._version import __version__

__all__ = [
    "DenoisingAutoencoder",
    "SdAClassifier",
    "SdARegressor",
    "StackedAutoencoderTransformer",
    "__version__",
    "compare_pretraining",
]
