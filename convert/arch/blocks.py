"""What the architectures share: how raw luma enters, and layers that train faster on torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any


def layer_kinds(fast: bool) -> Any:
    """Return the makers of convolution, batch normalisation and average pooling layers.

    On torch, Keras copies every picture to another memory layout and back around convolutions and
    pooling, computes batch normalisation from a dozen elementwise passes, and draws dropout slowly.
    With `fast`, torch's own kernels run on the layout at hand. Weights, their order and the outputs
    stay those of the plain layers, so a network is trained with fast layers and saved with plain
    ones.
    """
    import keras

    if fast and keras.backend.backend() == "torch":
        return _torch_kinds()
    return keras.layers


@cache
def _torch_kinds() -> Any:
    import keras
    from torch import Generator, channels_last, rand
    from torch.nn.functional import avg_pool2d, batch_norm, conv2d, max_pool2d, pad

    def channels_first(x: Any) -> Any:
        # A view: (n, h, w, c) in memory is what torch calls channels_last.
        return x.movedim(-1, 1).contiguous(memory_format=channels_last)

    def padded(x: Any, layer: Any) -> tuple[Any, tuple[int, int]]:
        """Return what to convolve and the padding left to torch."""
        if layer.padding != "same":
            return x, (0, 0)
        sides: list[int] = []  # as TensorFlow pads: the odd pixel right and below
        for length, k, s in zip(
            x.shape[:1:-1], layer.kernel_size[::-1], layer.strides[::-1], strict=True
        ):
            total = max((-(-length // s) - 1) * s + k - length, 0)
            sides += [total // 2, total - total // 2]
        if sides[0] == sides[1] and sides[2] == sides[3]:
            return x, (sides[2], sides[0])
        return pad(x, sides), (0, 0)

    class FastConv2D(keras.layers.Conv2D):  # type: ignore[misc]  # Keras is untyped
        def call(self, inputs: Any) -> Any:
            down, across = strides = tuple(self.strides)
            if tuple(self.kernel_size) == (1, 1) and strides != (1, 1):
                # oneDNN in torch 2.13 writes beside its memory on AVX-512 where these pixels are
                # left out by the convolution and there are 8 channels: "double free", aborted.
                inputs, strides = inputs[:, ::down, ::across], (1, 1)
                x, padding = channels_first(inputs), (0, 0)
            else:
                x, padding = padded(channels_first(inputs), self)
            kernel = self.kernel.value.permute(3, 2, 0, 1)  # from (h, w, in, out)
            kernel = kernel.contiguous(memory_format=channels_last)
            bias = self.bias.value if self.use_bias else None
            y = conv2d(x, kernel, bias, stride=strides, padding=padding).movedim(1, -1)
            return y if self.activation is None else self.activation(y)

    class FastDepthwiseConv2D(keras.layers.DepthwiseConv2D):  # type: ignore[misc]  # Keras is untyped
        def call(self, inputs: Any) -> Any:
            x, padding = padded(channels_first(inputs), self)
            kernel = self.kernel.value.permute(2, 3, 0, 1)  # from (h, w, in, 1)
            y = conv2d(
                x, kernel, stride=tuple(self.strides), padding=padding, groups=kernel.shape[0]
            ).movedim(1, -1)
            if self.use_bias:
                y = y + self.bias.value
            return y if self.activation is None else self.activation(y)

    class FastBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]  # Keras is untyped
        def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            y = batch_norm(
                channels_first(inputs),
                self.moving_mean.value,
                self.moving_variance.value,
                self.gamma.value,
                self.beta.value,
                training=bool(training) and self.trainable,
                momentum=1.0 - self.momentum,
                eps=self.epsilon,
            )
            return y.movedim(1, -1)

    class FastAveragePooling2D(keras.layers.AveragePooling2D):  # type: ignore[misc]  # Keras is untyped
        def call(self, inputs: Any) -> Any:
            return avg_pool2d(channels_first(inputs), tuple(self.pool_size)).movedim(1, -1)

    class FastMaxPooling2D(keras.layers.MaxPooling2D):  # type: ignore[misc]  # Keras is untyped
        def call(self, inputs: Any) -> Any:
            return max_pool2d(channels_first(inputs), tuple(self.pool_size)).movedim(1, -1)

    class FastDropout(keras.layers.Dropout):  # type: ignore[misc]  # Keras is untyped
        def call(self, inputs: Any, training: Any = False) -> Any:
            if not training or self.rate == 0:
                return inputs
            generator = Generator(inputs.device)
            generator.manual_seed(int(self.seed_generator.next().sum()))  # seed and count
            drawn = rand(inputs.shape, generator=generator, device=inputs.device)
            keep = 1.0 - self.rate
            return inputs * ((drawn < keep).to(inputs.dtype) / keep)

    return SimpleNamespace(
        Conv2D=FastConv2D,
        DepthwiseConv2D=FastDepthwiseConv2D,
        BatchNormalization=FastBatchNormalization,
        AveragePooling2D=FastAveragePooling2D,
        MaxPooling2D=FastMaxPooling2D,
        Dropout=FastDropout,
    )


def residual_layers(fast: bool, *, momentum: float) -> tuple[Any, Any]:
    """Return `conv(x, channels, kernel=3, stride=1)` and `block(x, channels, stride)`.

    A convolution with batch normalisation, and two of them with a shortcut (He et al. 2015).

    Args:
        fast: see `layer_kinds`.
        momentum: of the normalisation's averages, a step.
    """
    from keras import layers

    kind = layer_kinds(fast)

    def conv(x: Any, channels: int, kernel: int = 3, stride: int = 1) -> Any:
        x = kind.Conv2D(
            channels,
            kernel,
            strides=stride,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
        )(x)
        return kind.BatchNormalization(momentum=momentum)(x)

    def block(x: Any, channels: int, stride: int) -> Any:
        y = layers.ReLU()(conv(x, channels, stride=stride))
        y = conv(y, channels)
        if stride > 1:
            x = kind.AveragePooling2D(stride)(x)
        if x.shape[-1] != channels:
            x = conv(x, channels, kernel=1)
        return layers.ReLU()(layers.Add()([y, x]))

    return conv, block


def luma_to_unit(x: Any) -> Any:
    """Put luma 0..255 into -1..1 as the first layer.

    The scale and offset are such that the converter makes the int8 input luma - 128 exactly.
    """
    import keras

    return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="luma")(x)


def unit_to_channels(x: Any, means: Sequence[float], scales: Sequence[float] = (1, 1, 1)) -> Any:
    """Put -1..1 to (luma 0..255 - mean) * scale in three channels; a fixed 1x1 convolution.

    A Rescaling of several offsets would not do: the converter moves it before the copying of
    channels and gives all of them, and the input, one range that fits none.
    """
    import keras
    import numpy as np

    layer = keras.layers.Conv2D(3, 1, trainable=False, dtype="float32", name="channels")
    y = layer(x)
    each = np.asarray(scales, np.float32)
    kernel = (127.5 * each).reshape(1, 1, 1, 3)
    layer.set_weights([kernel, (127.5 - np.asarray(means, np.float32)) * each])
    return y
