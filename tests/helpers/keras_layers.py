"""A recipe for every layer of Keras: how it stands in a network."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

# Shapes of the features that layers get, by name.
FEATURES = {
    "vector": (6,),
    "sequence": (6, 4),
    "image": (8, 8, 3),
    "volume": (4, 4, 4, 2),
    "images": (3, 6, 6, 2),
    "rows": (3, 6, 2),
    "volumes": (2, 4, 4, 4, 2),
    "audio": (64, 1),
}


class Recipe(NamedTuple):
    """A layer and its place.

    Attributes:
        kind: The features that it gets, one of `FEATURES`; or `"numbers"`,
            `"whole numbers"` or `"words"`, raw inputs without a derivative.
        make: Function without arguments that makes the layer, or a function of
            Keras tensors that contains it.
    """

    kind: str
    make: Callable


def _on(kind, **makers):
    return {name: Recipe(kind, make) for name, make in makers.items()}


def _cell(cell, **options):
    return lambda: layers.RNN(cell(3), **options)


class Inside(keras.layers.Layer):
    """Contains a layer that takes tensors and not Keras tensors."""

    def __init__(self, layer, **options):
        super().__init__(**options)
        self.layer = layer

    def call(self, x):
        return self.layer(x)

    def compute_output_shape(self, shape):
        return shape


def _inside(make):
    return lambda: Inside(make())


def _two(kind, **kinds):
    """Layers that merge two tensors."""

    def maker(layer):
        return lambda: lambda x: layer()([x, layers.Activation("tanh")(x)])

    return {n: Recipe(kind, maker(layer)) for n, layer in kinds.items()}


def _attention(layer):
    return lambda: lambda x: layer()([x, layers.Activation("tanh")(x)])


def _query_and_value(layer):
    return lambda: lambda x: layer()(x, layers.Activation("tanh")(x))


def _tied(x):
    layer = layers.ReversibleEmbedding(6, 4)
    return layer(layer(x), reverse=True)


def _feed(layer, *args):
    layer.adapt(*args)
    return layer


RECIPES = {
    **_on(
        "vector",
        Activation=lambda: layers.Activation("gelu"),
        ActivityRegularization=lambda: layers.ActivityRegularization(l2=0.1),
        AlphaDropout=lambda: layers.AlphaDropout(0.3),
        BatchNormalization=layers.BatchNormalization,
        Dense=lambda: layers.Dense(3, "silu"),
        Dropout=lambda: layers.Dropout(0.3),
        ELU=layers.ELU,
        EinsumDense=lambda: layers.EinsumDense("ab,bc->ac", output_shape=3),
        Flatten=layers.Flatten,
        GaussianDropout=lambda: layers.GaussianDropout(0.3),
        GaussianNoise=lambda: layers.GaussianNoise(0.3),
        GroupNormalization=lambda: layers.GroupNormalization(2),
        Identity=layers.Identity,
        Lambda=lambda: layers.Lambda(keras.ops.sin),
        LayerNormalization=layers.LayerNormalization,
        LeakyReLU=layers.LeakyReLU,
        Normalization=lambda: layers.Normalization(mean=0.1, variance=2.0),
        PReLU=layers.PReLU,
        Pipeline=lambda: layers.Pipeline([layers.Dense(3, "tanh")]),
        RMSNormalization=layers.RMSNormalization,
        ReLU=layers.ReLU,
        RepeatVector=lambda: layers.RepeatVector(2),
        Rescaling=lambda: layers.Rescaling(2.0, 0.1),
        Reshape=lambda: layers.Reshape((2, 3)),
        Softmax=layers.Softmax,
        SpectralNormalization=lambda: layers.SpectralNormalization(
            layers.Dense(3)
        ),
        UnitNormalization=layers.UnitNormalization,
    ),
    **_two(
        "vector",
        Add=layers.Add,
        Average=layers.Average,
        Concatenate=layers.Concatenate,
        Dot=lambda: layers.Dot(-1, normalize=True),
        Maximum=layers.Maximum,
        Minimum=layers.Minimum,
        Multiply=layers.Multiply,
        Subtract=layers.Subtract,
    ),
    **_on(
        "sequence",
        AdaptiveAveragePooling1D=lambda: layers.AdaptiveAveragePooling1D(4),
        AdaptiveMaxPooling1D=lambda: layers.AdaptiveMaxPooling1D(4),
        AdditiveAttention=_attention(layers.AdditiveAttention),
        Attention=_attention(lambda: layers.Attention(use_scale=True)),
        AveragePooling1D=lambda: layers.AveragePooling1D(3, 2),
        Bidirectional=lambda: layers.Bidirectional(layers.LSTM(2)),
        Conv1D=lambda: layers.Conv1D(3, 3),
        Conv1DTranspose=lambda: layers.Conv1DTranspose(3, 3, 2),
        Cropping1D=layers.Cropping1D,
        DepthwiseConv1D=lambda: layers.DepthwiseConv1D(3),
        GRU=lambda: layers.GRU(3),
        GRUCell=_cell(layers.GRUCell),
        GlobalAveragePooling1D=layers.GlobalAveragePooling1D,
        GlobalMaxPooling1D=layers.GlobalMaxPooling1D,
        GroupedQueryAttention=_query_and_value(
            lambda: layers.GroupQueryAttention(2, 2, 1)
        ),
        LSTM=lambda: layers.LSTM(3),
        LSTMCell=_cell(layers.LSTMCell),
        Masking=layers.Masking,
        MaxPooling1D=lambda: layers.MaxPooling1D(3, 2),
        MultiHeadAttention=_query_and_value(
            lambda: layers.MultiHeadAttention(2, 2)
        ),
        Permute=lambda: layers.Permute((2, 1)),
        RNN=_cell(layers.SimpleRNNCell, return_sequences=True),
        SeparableConv1D=lambda: layers.SeparableConv1D(3, 3),
        SimpleRNN=lambda: layers.SimpleRNN(3),
        SimpleRNNCell=_cell(layers.SimpleRNNCell),
        SpatialDropout1D=lambda: layers.SpatialDropout1D(0.3),
        StackedRNNCells=lambda: layers.RNN(
            layers.StackedRNNCells([layers.GRUCell(2), layers.LSTMCell(2)])
        ),
        TimeDistributed=lambda: layers.TimeDistributed(layers.Dense(2)),
        UpSampling1D=layers.UpSampling1D,
        ZeroPadding1D=layers.ZeroPadding1D,
    ),
    **_on(
        "image",
        AdaptiveAveragePooling2D=lambda: layers.AdaptiveAveragePooling2D(3),
        AdaptiveMaxPooling2D=lambda: layers.AdaptiveMaxPooling2D(3),
        AugMix=lambda: layers.AugMix((-1, 1)),
        AutoContrast=lambda: layers.AutoContrast(value_range=(-1, 1)),
        AveragePooling2D=lambda: layers.AveragePooling2D(3, 2),
        CenterCrop=lambda: layers.CenterCrop(5, 5),
        ContrastLimitedAdaptiveHistogramEqualization=lambda: (
            layers.ContrastLimitedAdaptiveHistogramEqualization((-1, 1))
        ),
        Conv2D=lambda: layers.Conv2D(3, 3),
        Conv2DTranspose=lambda: layers.Conv2DTranspose(3, 3, 2),
        Cropping2D=layers.Cropping2D,
        DepthwiseConv2D=lambda: layers.DepthwiseConv2D(3),
        Equalization=_inside(lambda: layers.Equalization((-1, 1))),
        GlobalAveragePooling2D=layers.GlobalAveragePooling2D,
        GlobalMaxPooling2D=layers.GlobalMaxPooling2D,
        MaxPooling2D=lambda: layers.MaxPooling2D(3, 2),
        RandAugment=lambda: layers.RandAugment((-1, 1)),
        RandomBrightness=lambda: layers.RandomBrightness(
            0.3, value_range=(-1, 1)
        ),
        RandomColorDegeneration=lambda: layers.RandomColorDegeneration(
            0.5, value_range=(-1, 1)
        ),
        RandomColorJitter=lambda: layers.RandomColorJitter(
            (-1, 1), 0.2, 0.2, 0.2, 0.2
        ),
        RandomContrast=lambda: layers.RandomContrast(0.3, value_range=(-1, 1)),
        RandomCrop=lambda: layers.RandomCrop(5, 5),
        RandomElasticTransform=lambda: layers.RandomElasticTransform(
            1.0, value_range=(-1, 1)
        ),
        RandomErasing=lambda: layers.RandomErasing(
            1.0, fill_value=0.0, value_range=(-1, 1)
        ),
        RandomFlip=layers.RandomFlip,
        RandomGaussianBlur=lambda: layers.RandomGaussianBlur(
            1.0, value_range=(-1, 1)
        ),
        RandomGrayscale=layers.RandomGrayscale,
        RandomHue=lambda: layers.RandomHue(0.3, value_range=(-1, 1)),
        RandomInvert=lambda: layers.RandomInvert(value_range=(-1, 1)),
        RandomPerspective=lambda: layers.RandomPerspective(1.0, 0.3),
        RandomPosterization=lambda: layers.RandomPosterization(
            1.0, value_range=(-1, 1)
        ),
        RandomRotation=lambda: layers.RandomRotation(0.2),
        RandomSaturation=lambda: layers.RandomSaturation(
            0.3, value_range=(-1, 1)
        ),
        RandomSharpness=lambda: layers.RandomSharpness(
            0.5, value_range=(-1, 1)
        ),
        RandomShear=lambda: layers.RandomShear(0.3, 0.3),
        RandomTranslation=lambda: layers.RandomTranslation(0.2, 0.2),
        RandomZoom=lambda: layers.RandomZoom(0.3),
        Resizing=lambda: layers.Resizing(5, 11),
        SeparableConv2D=lambda: layers.SeparableConv2D(3, 3),
        Solarization=lambda: layers.Solarization(0.2, value_range=(-1, 1)),
        SpatialDropout2D=lambda: layers.SpatialDropout2D(0.3),
        UpSampling2D=lambda: layers.UpSampling2D(2, interpolation="bilinear"),
        ZeroPadding2D=layers.ZeroPadding2D,
    ),
    **_on(
        "volume",
        AdaptiveAveragePooling3D=lambda: layers.AdaptiveAveragePooling3D(2),
        AdaptiveMaxPooling3D=lambda: layers.AdaptiveMaxPooling3D(2),
        AveragePooling3D=lambda: layers.AveragePooling3D(2),
        Conv3D=lambda: layers.Conv3D(2, 2),
        Conv3DTranspose=lambda: layers.Conv3DTranspose(2, 2, 2),
        Cropping3D=layers.Cropping3D,
        GlobalAveragePooling3D=layers.GlobalAveragePooling3D,
        GlobalMaxPooling3D=layers.GlobalMaxPooling3D,
        MaxPooling3D=lambda: layers.MaxPooling3D(2),
        SpatialDropout3D=lambda: layers.SpatialDropout3D(0.3),
        UpSampling3D=layers.UpSampling3D,
        ZeroPadding3D=layers.ZeroPadding3D,
    ),
    **_on("rows", ConvLSTM1D=lambda: layers.ConvLSTM1D(2, 2)),
    **_on("images", ConvLSTM2D=lambda: layers.ConvLSTM2D(2, 2)),
    **_on("volumes", ConvLSTM3D=lambda: layers.ConvLSTM3D(2, 2)),
    **_on(
        "audio",
        MelSpectrogram=lambda: (
            lambda x: layers.MelSpectrogram(
                fft_length=16,
                sequence_stride=8,
                num_mel_bins=4,
                sampling_rate=64,
            )(layers.Flatten()(x))
        ),
        STFTSpectrogram=lambda: layers.STFTSpectrogram(
            mode="real",
            frame_length=16,
            frame_step=8,
            fft_length=16,
            window=None,
        ),
    ),
    **_on(
        "numbers",
        Discretization=lambda: layers.Discretization(
            [-0.5, 0.5], output_mode="one_hot"
        ),
    ),
    **_on(
        "whole numbers",
        CategoryEncoding=lambda: layers.CategoryEncoding(20),
        Embedding=lambda: layers.Embedding(20, 4),
        Hashing=lambda: layers.Hashing(8, output_mode="multi_hot"),
        IntegerLookup=lambda: _feed(
            layers.IntegerLookup(output_mode="multi_hot"), np.arange(20)
        ),
        ReversibleEmbedding=lambda: _tied,
        HashedCrossing=lambda: (
            lambda x: layers.HashedCrossing(8, output_mode="one_hot")(
                (x[:, :1], x[:, 1:2])
            )
        ),
    ),
    **_on(
        "words",
        StringLookup=lambda: layers.StringLookup(
            vocabulary=["red", "blue"], output_mode="multi_hot"
        ),
        TextVectorization=lambda: layers.TextVectorization(
            vocabulary=["red", "blue"], output_mode="multi_hot"
        ),
    ),
}

# Layers that do not stand in a network that TensorFlow trains, and why.
NOT_IN_A_NETWORK = {
    "CutMix": "It mixes examples with their labels, in a pipeline of data.",
    "MixUp": "It mixes examples with their labels, in a pipeline of data.",
    "FlaxLayer": "It is of the JAX backend.",
    "JaxLayer": "It is of the JAX backend.",
    "InputLayer": "It computes nothing.",
    "Layer": "It is the base of layers.",
    "Wrapper": "It is the base of layers that contain another.",
    "MaxNumBoundingBoxes": "It pads bounding boxes, in a pipeline of data.",
    "TFSMLayer": "It is a SavedModel, whose functions were traced before.",
    "TorchModuleWrapper": "It is of the torch backend.",
}


def classes() -> dict[str, type]:
    """Returns the layers of `keras.layers`, each by its own name."""
    return {
        cls.__name__: cls
        for cls in vars(layers).values()
        if isinstance(cls, type) and issubclass(cls, keras.Layer)
    }


def inputs(kind: str, examples: int = 4) -> np.ndarray:
    """Returns raw inputs of a network for a kind of recipe."""
    generator = np.random.default_rng(0)
    if kind == "words":
        return np.array([["red"], ["blue"], ["green"], ["blue"]])[:examples]
    if kind == "whole numbers":
        return generator.integers(1, 6, (examples, 6)).astype("int32")
    if kind == "numbers":
        return generator.normal(size=(examples, 6)).astype("float32")
    return generator.normal(size=(examples, 5)).astype("float32")


def network(kind: str, names: list[str], outputs: int = 2) -> keras.Model:
    """Makes a network whose outputs are the sum over the recipes' layers.

    Trained layers stand before them (unless the kind has raw inputs) and after.
    """
    raw = inputs(kind)
    dtype = "string" if kind == "words" else raw.dtype.name
    x = keras.Input(raw.shape[1:], dtype=dtype)
    features = x
    if kind in FEATURES:
        shape = FEATURES[kind]
        features = layers.Dense(int(np.prod(shape)), "tanh", name="trunk")(x)
        features = layers.Reshape(shape, name="features")(features)
    total = []
    for name in names:
        y = RECIPES[name].make()(features)
        # Without a mask, of which a later layer would warn.
        y = keras.ops.reshape(y, (-1, int(np.prod(y.shape[1:]))))
        total.append(layers.Dense(outputs, name=f"after_{name}")(y))
    y = layers.Add(name="sum")(total) if len(total) > 1 else total[0]
    return keras.Model(x, layers.Activation("tanh", name="last")(y))
