"""Exports networks of Keras by model.export(format="onnx") and by tf2onnx, with what onnxruntime computes; and one that
onnxruntime has quantized, which is refused.

python keras_export.py FOLDER [NAME,…]
"""
import os
import sys
import warnings
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.filterwarnings("ignore")

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from record import record

np.object = object  # tf2onnx asks for names that NumPy has no longer.
np.bool = bool
random = np.random.default_rng(4)
TOKENS = np.array([[3, 7, 1, 0, 0, 0], [9, 9, 2, 4, 1, 8]], "float32")
numbers = lambda *shape: random.normal(size=shape).astype("float32")


def classifier():
    x = layers.Input((None,))
    h = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(layers.Embedding(20, 6)(x))
    weights = layers.Softmax(axis=1)(layers.Dense(1, activation="tanh")(h))
    pooled = layers.Flatten()(layers.Dot(axes=1)([weights, h]))
    return keras.Model(x, layers.Dense(3, activation="softmax")(layers.Dropout(0.3)(pooled))), [TOKENS]


def masked():
    x = layers.Input((None,))
    h = layers.LSTM(5, return_sequences=True)(layers.Embedding(20, 6, mask_zero=True)(x))
    return keras.Model(x, layers.Dense(2)(layers.GRU(4)(h))), [TOKENS]


def seq2seq():
    source, target = layers.Input((None, 3)), layers.Input((None, 2))
    memory, *states = layers.LSTM(6, return_sequences=True, return_state=True)(source)
    y = layers.LSTM(6, return_sequences=True)(target, initial_state=states)
    context = layers.Attention()([y, memory])
    return keras.Model([source, target], layers.Dense(4)(layers.Concatenate()([y, context]))), [numbers(2, 6, 3), numbers(2, 4, 2)]


def convolutions():
    x = layers.Input((None, 3))
    h = layers.MaxPooling1D(2)(layers.Conv1D(8, 3, padding="same", activation="relu")(x))
    h = layers.BatchNormalization()(layers.Conv1D(6, 2, padding="causal")(h))
    return keras.Model(x, layers.Dense(1)(layers.LSTM(5)(layers.PReLU(shared_axes=[1])(h)))), [numbers(2, 8, 3)]


def stacked():
    x = layers.Input((5, 4))
    h = layers.RNN([layers.LSTMCell(5), layers.GRUCell(4)], return_sequences=True)(x)
    h = layers.TimeDistributed(layers.Dense(3))(layers.LayerNormalization()(h))
    return keras.Model(x, layers.GlobalAveragePooling1D()(h)), [numbers(2, 5, 4)]


def backwards():
    x = layers.Input((None, 4))
    h = layers.GRU(5, go_backwards=True, return_sequences=True, reset_after=False)(x)
    return keras.Model(x, layers.SimpleRNN(3, activation="relu")(h)), [numbers(2, 6, 4)]


def transformer():
    x = layers.Input((6, 8))
    h = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    return keras.Model(x, layers.GlobalMaxPooling1D()(h + layers.Dense(8, activation="gelu")(h))), [numbers(2, 6, 8)]


def main(folder, only):
    Path(folder).mkdir(parents=True, exist_ok=True)
    for make in [classifier, masked, seq2seq, convolutions, stacked, backwards, transformer]:
        if only and make.__name__ not in only:
            continue
        keras.utils.set_random_seed(2)
        model, inputs = make()
        model.predict(inputs, verbose=0)
        path = lambda kind: str(Path(folder) / f"{kind}-{make.__name__}.onnx")
        try:
            model.export(path("keras"), format="onnx", verbose=False)
            record(path("keras"), inputs, [0] * len(inputs), [0] * len(model.outputs))
        except Exception as error:
            print(f"keras-{make.__name__}: not exported: {str(error).splitlines()[0][:200]}", flush=True)
        try:
            import tf2onnx

            shapes = [tf.TensorSpec(x.shape, tf.float32, name=f"x{at}") for at, x in enumerate(model.inputs)]
            called = tf.function(lambda *given: model(list(given) if len(given) > 1 else given[0]), input_signature=shapes)
            tf2onnx.convert.from_function(called, shapes, opset=15, output_path=path("tf2onnx"))
            record(path("tf2onnx"), inputs, [0] * len(inputs), [0] * len(model.outputs))
        except Exception as error:
            print(f"tf2onnx-{make.__name__}: not exported: {str(error).splitlines()[0][:200]}", flush=True)


main(sys.argv[1], sys.argv[2].split(",") if len(sys.argv) > 2 else None)
