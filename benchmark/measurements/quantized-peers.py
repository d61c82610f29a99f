"""Times peers' quantized LSTM layers for quantized.mjs: reads a case as a line of JSON, then `round` lines, and answers each with
the milliseconds of one repetition by engine."""

import json
import os
import sys
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")
import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

threads = int(sys.argv[1])
torch.set_num_threads(threads)


def onnx_session(batch, steps, hidden):
    random = np.random.default_rng(1)
    weight = lambda *shape: (random.uniform(-1, 1, shape) / np.sqrt(hidden)).astype(np.float32)
    initializers = [
        numpy_helper.from_array(weight(1, 4 * hidden, hidden), "W"),
        numpy_helper.from_array(weight(1, 4 * hidden, hidden), "R"),
        numpy_helper.from_array(weight(1, 8 * hidden), "B"),
    ]
    value = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    node = helper.make_node("LSTM", ["X", "W", "R", "B", "", "h", "c"], ["Y", "Yh", "Yc"], hidden_size=hidden)
    states = [(1, batch, hidden)] * 2
    graph = helper.make_graph(
        [node],
        "lstm",
        [value("X", steps, batch, hidden), value("h", *states[0]), value("c", *states[1])],
        [value("Y", steps, 1, batch, hidden), value("Yh", *states[0]), value("Yc", *states[1])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    with tempfile.TemporaryDirectory() as folder:
        plain, quantized = os.path.join(folder, "plain.onnx"), os.path.join(folder, "quantized.onnx")
        onnx.save(model, plain)
        quantize_dynamic(plain, quantized, per_channel=True, weight_type=QuantType.QInt8)
        written = onnx.load(quantized)
        assert "DynamicQuantizeLSTM" in [node.op_type for node in written.graph.node]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        return onnxruntime.InferenceSession(quantized, options, providers=["CPUExecutionProvider"])


def runners(batch, steps, hidden):
    session = onnx_session(batch, steps, hidden)
    x = np.random.default_rng(2).uniform(-1, 1, (steps, batch, hidden)).astype(np.float32)
    state = np.zeros((1, batch, hidden), np.float32)
    carried = [state, state]

    def by_onnxruntime():
        _, carried[0], carried[1] = session.run(None, {"X": x, "h": carried[0], "c": carried[1]})

    layer = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(torch.nn.LSTM(hidden, hidden)), {torch.nn.LSTM}, torch.qint8)[0]
    given = torch.from_numpy(x)
    tensors = [(torch.from_numpy(state), torch.from_numpy(state))]

    def by_pytorch():
        with torch.inference_mode():
            _, tensors[0] = layer(given, tensors[0])

    return {"onnxruntime": by_onnxruntime, "pytorch": by_pytorch}


def milliseconds(run):
    # As in quantized.mjs: other threads go on spinning for a while, and the caches hold other data.
    time.sleep(0.03)
    run()
    done, start = 0, time.perf_counter()
    while done < 3 or time.perf_counter() - start < 0.05:
        run()
        done += 1
    return (time.perf_counter() - start) / done * 1e3


current = {}
for line in sys.stdin:
    message = json.loads(line)
    if "hidden" in message:
        current = runners(message["batch"], message["time"], message["hidden"])
        for run in current.values():
            run()
        print(json.dumps({}), flush=True)
    else:
        print(json.dumps({name: milliseconds(run) for name, run in current.items()}), flush=True)
