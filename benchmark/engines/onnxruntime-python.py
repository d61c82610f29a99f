"""onnxruntime as an engine: forward passes, with bound inputs and outputs and flushed denormals.

From Python, since its binding for Node is 5 to 20% slower on the same layers.
"""

import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from shared.serve import serve

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
random = np.random.default_rng(1)


def layer_model(kind, batch, time, size, hidden):
    """A model of one operator, its weights as initializers; time comes first, the only layout that the operators run in."""
    rows = GATES[kind] * hidden
    weights = {"W": (1, rows, size), "R": (1, rows, hidden), "B": (1, 2 * rows)}
    initializers = [
        numpy_helper.from_array((random.random(shape, np.float32) - 0.5) / np.float32(hidden) ** 0.5, name)
        for name, shape in weights.items()
    ]
    variant = {"linear_before_reset": 1} if kind == "gru" else {}
    node = helper.make_node(kind.upper(), ["X", *weights], ["Y"], hidden_size=hidden, **variant)
    graph = helper.make_graph(
        [node],
        kind,
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, (time, batch, size))],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, (time, 1, batch, hidden))],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=9)


def layer(case):
    if case["op"] != "infer":
        raise NotImplementedError("not supported: onnxruntime does not train")
    kind, batch, time, size, hidden = (case[name] for name in ("kind", "batch", "time", "input", "hidden"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(sys.argv[1])
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    session = onnxruntime.InferenceSession(
        layer_model(kind, batch, time, size, hidden).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    x = random.random((time, batch, size), np.float32) - 0.5
    y = np.empty((time, 1, batch, hidden), np.float32)
    bound = session.io_binding()
    bound.bind_cpu_input("X", x)
    bound.bind_output("Y", "cpu", 0, np.float32, y.shape, y.ctypes.data)

    def infer():
        session.run_with_iobinding(bound)
        return x, y  # the binding has their addresses alone: the step keeps them alive

    return infer


serve({"engine": "onnxruntime", "version": onnxruntime.__version__}, {"layer": layer})
