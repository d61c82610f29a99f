import { gates, layerFlops } from './layers.mjs'

/** One step of a layer at batch 1, its states carried from step to step: the latency of streaming. */
export const streamCases = () =>
  Object.keys(gates).map((kind) => ({
    task: 'stream',
    model: `streaming ${kind} (1, 1, 256)`,
    kind,
    op: 'infer',
    batch: 1,
    time: 1,
    input: 256,
    hidden: 256,
    flops: layerFlops(kind, 1, 1, 256, 256),
  }))
