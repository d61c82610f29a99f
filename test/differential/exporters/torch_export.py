"""Exports the networks of torch_models.py by both exporters of torch.onnx, with what onnxruntime computes.

python torch_export.py FOLDER [NAME,…]
"""
import sys
import warnings
from pathlib import Path

import torch

from record import record
from torch_models import cases

warnings.filterwarnings("ignore")


def axes_of(case, at):
    """Names of the dynamic axes of an input."""
    batch = case.batch[at] if isinstance(case.batch, tuple) else case.batch
    x = case.inputs[at]
    if case.free is None:
        return batch, {}
    names = {batch: "batch"}
    if case.free and x.dim() > 1 and not (isinstance(case.batch, tuple) and at > 0):
        names[1 - batch if batch < 2 and x.dim() < 4 and not _channels(case) else x.dim() - 1] = f"time{at}"
    return batch, names


_channels = lambda case: type(case.module).__name__ == "Residual"


def export(case, kind, path):
    named = {name: axes_of(case, at)[1] for at, name in enumerate(case.names)}
    outputs = [f"y{at}" for at in range(len(case.front))]
    if kind == "script":
        torch.onnx.export(
            case.module, case.inputs, path, dynamo=False, opset_version=17, input_names=case.names, output_names=outputs,
            dynamic_axes={name: axes for name, axes in named.items() if axes},
            training=torch.onnx.TrainingMode.TRAINING if case.training else torch.onnx.TrainingMode.EVAL,
            do_constant_folding=not case.training,
        )
        return
    dims = {}
    shapes = tuple({axis: dims.setdefault(name, torch.export.Dim(name, min=1, max=64)) for axis, name in axes.items()} for axes in named.values())
    torch.onnx.export(
        case.module, case.inputs, path, dynamo=True, input_names=case.names, output_names=outputs, dynamic_shapes=shapes,
        external_data=False, verbose=False,
    )


def main(folder, only):
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, case in cases().items():
        for kind in case.kinds:
            full = f"{kind}-{name}"
            if only and name not in only and full not in only:
                continue
            path = str(Path(folder) / f"{full}.onnx")
            try:
                export(case, kind, path)
            except Exception as error:
                print(f"{full}: not exported: {str(error).splitlines()[0][:160]}", flush=True)
                continue
            batches = [axes_of(case, at)[0] for at in range(len(case.inputs))]
            record(path, [x.numpy() for x in case.inputs], batches, case.front, case.training)


main(sys.argv[1], sys.argv[2].split(",") if len(sys.argv) > 2 else None)
