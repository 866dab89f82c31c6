"""The networks, by name: each a small function that returns an untrained Keras model.

Every model takes grey 28x28 pictures as MNIST holds them (0-255, white on black) and gives probabilities;
what a recipe does to its input happens inside the model, so that nobody has to know of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from digitscan.errors import UsageError
from digitscan.records import CLASSES, OTHER
from digitscan.vision.glyphs import SIZE, STRING_HEIGHT, STRING_WIDTH

if TYPE_CHECKING:
    import keras

GLYPH = "28x28, 0-255, white on black, fitted as MNIST: body 20x20, centre of mass at the centre"
NUMBER = "24x128, 0-255, white on black: a whole number, 22 high, stretched up to 1.35 times, from the left"
NUMBER_CLASSES = ("", *CLASSES[:10], CLASSES[OTHER])
"""Of each column of a number: nothing new, a digit, or what is none."""

LOGITS, BACKGROUND = "logits", "background"
"""The layers of what was learnt and of what is like nothing of it."""

Builder = Callable[[], "keras.Model"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network and how its recipe trains it."""

    name: str
    build: Builder
    classes: tuple[str, ...]
    epochs: int
    batch: int
    validation: float
    """Part of the training pictures that is held back, by writers where the data name them."""
    augmented: bool = False
    input: str = GLYPH
    """What its pictures show and how they are made."""

    @property
    def reads_numbers(self) -> bool:
        """Whether it reads whole numbers rather than single glyphs."""
        return self.classes == NUMBER_CLASSES


ARCHITECTURES: dict[str, Architecture] = {}


def architecture(
    name: str,
    *,
    classes: tuple[str, ...],
    epochs: int,
    batch: int,
    validation: float,
    augmented: bool = False,
    input: str = GLYPH,  # noqa: A002 (as the card calls it)
) -> Callable[[Builder], Builder]:
    """Register the function below as the network `name`."""

    def register(build: Builder) -> Builder:
        recipe = Architecture(name, build, classes, epochs, batch, validation, augmented, input)
        ARCHITECTURES[name] = recipe
        return build

    return register


def find(name: str) -> Architecture:
    """The architecture of that name; `UsageError` where there is none."""
    if name not in ARCHITECTURES:
        raise UsageError(
            f"there is no architecture {name!r}: choose one of {', '.join(sorted(ARCHITECTURES))}"
        )
    return ARCHITECTURES[name]


@architecture("digitscan", classes=CLASSES, epochs=102, batch=256, validation=0.05, augmented=True)
def digitscan() -> keras.Model:
    """The default: convolutions that halve the picture soon, for speed, each followed by a residual one.

    Residual connections after He, Zhang, Ren, Sun: "Deep residual learning for image recognition", 2016.
    What is like nothing that was learnt has small logits (Vaze, Han, Vedaldi, Zisserman: "Open-set
    recognition: a good closed-set classifier is all you need?", 2022): beside them stands a constant one, set
    by calibration, whose probability goes to `other`.
    """
    import keras
    from keras import layers

    def convolution(x: keras.KerasTensor, filters: int, stride: int = 1) -> keras.KerasTensor:
        x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    def halved(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
        x = layers.ReLU()(convolution(x, filters, stride=2))
        return layers.ReLU()(layers.Add()([x, convolution(x, filters)]))

    picture = keras.Input((SIZE, SIZE, 1), name="glyph")
    x = layers.Rescaling(1 / 255)(picture)
    x = layers.ReLU()(convolution(x, 16))
    x = halved(halved(x, 32), 64)
    x = layers.Dense(128, use_bias=False)(layers.Flatten()(x))
    x = layers.Dropout(0.3)(layers.ReLU()(layers.BatchNormalization()(x)))
    logits = layers.Dense(len(CLASSES), name=LOGITS, dtype="float32")(x)
    background = layers.Dense(
        1, name=BACKGROUND, dtype="float32", trainable=False, kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(-30.0),
    )(x)  # fmt: skip
    shares = layers.Softmax(dtype="float32")(layers.Concatenate(dtype="float32")([logits, background]))
    probabilities = layers.Dense(
        len(CLASSES), use_bias=False, name="probabilities", dtype="float32", trainable=False
    )(shares)
    model = keras.Model(picture, probabilities, name="digitscan")
    each = np.eye(len(CLASSES), dtype=np.float32)
    model.get_layer("probabilities").set_weights([np.vstack([each, each[OTHER]])])
    optimizer = keras.optimizers.AdamW(weight_decay=0.02)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@architecture(
    "strings", classes=NUMBER_CLASSES, epochs=96, batch=128, validation=0.05, augmented=True, input=NUMBER
)
def strings() -> keras.Model:
    """Reads a whole number at once: for each of 64 columns log-probabilities of nothing new, of 0-9
    and of what is no digit.

    Trained by connectionist temporal classification (Graves, Fernandez, Gomez, Schmidhuber, 2006).
    """
    import keras
    from keras import layers

    def convolution(
        x: keras.KerasTensor, filters: int, size: tuple[int, int] = (3, 3), strides: tuple[int, int] = (1, 1)
    ) -> keras.KerasTensor:
        x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    def shrunk(x: keras.KerasTensor, filters: int, strides: tuple[int, int]) -> keras.KerasTensor:
        x = layers.ReLU()(convolution(x, filters, strides=strides))
        return layers.ReLU()(layers.Add()([x, convolution(x, filters)]))

    picture = keras.Input((STRING_HEIGHT, STRING_WIDTH, 1), name="number")
    x = layers.Rescaling(1 / 255)(picture)
    x = layers.ReLU()(convolution(x, 16))
    x = shrunk(shrunk(x, 64, (2, 2)), 96, (2, 1))
    x = layers.ReLU()(layers.Add()([x, convolution(x, 96)]))
    # all rows to one
    x = layers.Conv2D(144, (STRING_HEIGHT // 4, 3), use_bias=False)(layers.ZeroPadding2D((0, 1))(x))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for _ in range(4):
        x = layers.ReLU()(layers.Add()([x, convolution(x, 144, (1, 5))]))
    x = layers.Dropout(0.2)(layers.Reshape((STRING_WIDTH // 2, 144))(x))
    x = layers.Dense(len(NUMBER_CLASSES), dtype="float32")(x)
    model = keras.Model(
        picture, layers.Activation("log_softmax", name="columns", dtype="float32")(x), name="strings"
    )
    # log-probabilities are logits of themselves
    model.compile(keras.optimizers.AdamW(weight_decay=0.01), loss=keras.losses.CTC())
    return model


@architecture("conv3-sgd", classes=CLASSES[:10], epochs=10, batch=32, validation=0.0)
def conv3_sgd() -> keras.Model:
    """Three convolutions, plain SGD with momentum: the classic recipe, published at 99.04% on MNIST."""
    import keras
    from keras import layers

    start = "he_uniform"
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu", kernel_initializer=start),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu", kernel_initializer=start),
            layers.Conv2D(64, 3, activation="relu", kernel_initializer=start),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(100, activation="relu", kernel_initializer=start),
            layers.Dense(10, activation="softmax"),
        ],
        name="conv3_sgd",
    )
    optimizer = keras.optimizers.SGD(learning_rate=0.01, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@architecture("conv2-adam", classes=CLASSES[:10], epochs=10, batch=32, validation=0.1)
def conv2_adam() -> keras.Model:
    """Two convolutions, Adam, a tenth held for validation: the usual first exercise."""
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="conv2_adam",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@architecture("conv3-64", classes=CLASSES[:10], epochs=5, batch=32, validation=0.3)
def conv3_64() -> keras.Model:
    """Three times 64 filters; each column of a picture is scaled to unit norm, as in its recipe."""
    import keras
    from keras import layers

    picture = keras.Input((SIZE, SIZE, 1))
    x = layers.Rescaling(1 / 255)(picture)
    # Not the layer UnitNormalization: its export to LiteRT normalises along another axis.
    length = keras.ops.sqrt(keras.ops.sum(keras.ops.square(x), axis=1, keepdims=True))
    x = x / keras.ops.maximum(length, 1e-6)
    for _ in range(3):
        x = layers.MaxPooling2D()(layers.Conv2D(64, 3, activation="relu")(x))
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    x = layers.Dense(32, activation="relu")(x)
    model = keras.Model(picture, layers.Dense(10, activation="softmax")(x), name="conv3_64")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
