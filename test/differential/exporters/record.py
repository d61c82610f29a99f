"""What onnxruntime computes with a model, beside it as JSON. Batches are moved to the front, as the imported model has them."""
import json

import numpy as np
import onnxruntime


def record(path, inputs, batches, front, training=False):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        outputs = session.run(None, {given.name: x for given, x in zip(session.get_inputs(), inputs)})
    except Exception as error:
        print(f"{path}: onnxruntime: {str(error).splitlines()[0][:200]}", flush=True)
        return
    plain = lambda x, axis: {
        "shape": list(np.moveaxis(x, axis, 0).shape),
        "data": np.moveaxis(x, axis, 0).ravel().astype(float).tolist(),
        "integer": bool(np.issubdtype(x.dtype, np.integer)),
    }
    with open(path.replace(".onnx", ".json"), "w") as file:
        json.dump({
            "inputs": [plain(x, axis) for x, axis in zip(inputs, batches)],
            "outputs": [] if training else [plain(np.asarray(y), axis) for y, axis in zip(outputs, front)],
        }, file)
