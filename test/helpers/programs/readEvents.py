"""Prints what TensorBoard finds in a folder of events: its own reader and the plugins' data, as its server has them."""

import json
import sys

from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.util import tensor_util

events = plugin_event_accumulator.EventAccumulator(
    sys.argv[1], size_guidance={plugin_event_accumulator.TENSORS: 0}
)
events.Reload()
found = {}
for plugin in ("scalars", "histograms", "images", "text"):
    try:
        tags = events.PluginTagToContent(plugin)
    except KeyError:
        continue
    found[plugin] = {}
    for tag in tags:
        values = []
        for event in events.Tensors(tag):
            array = tensor_util.make_ndarray(event.tensor_proto)
            value = [
                each.decode("latin-1") if isinstance(each, bytes) else each
                for each in array.reshape(-1).tolist()
            ]
            values.append([event.step, value])
        found[plugin][tag] = values
print(json.dumps(found))
