/** Gates of each kind of layer: how many matrices of [input + hidden, hidden] a step multiplies by. */
export const gates = { lstm: 4, gru: 3, rnn: 1 }

const grid = [
  [1, 100, 128],
  [1, 100, 256],
  [1, 100, 512],
  [1, 100, 1024],
  [16, 64, 64],
  [32, 64, 128],
  [32, 64, 256],
  [64, 64, 256],
  [64, 64, 512],
  [128, 32, 1024],
]

/** Floating-point operations of a layer's forward pass, its matrix products alone. */
export function layerFlops(kind, batch, time, input, hidden) {
  return 2 * batch * time * gates[kind] * hidden * (input + hidden)
}

/**
 * One recurrent layer over whole sequences, all steps out: `infer` is the forward pass, `train` adds the gradients of the
 * weights and of the input.
 */
export function layerCase(kind, op, batch, time, hidden, input = hidden) {
  const forward = layerFlops(kind, batch, time, input, hidden)
  return {
    task: 'layer',
    model: `${kind} (${batch}, ${time}, ${hidden})`,
    kind,
    op,
    batch,
    time,
    input,
    hidden,
    flops: op === 'infer' ? forward : 3 * forward,
  }
}

/** The grid of layer sizes, each kind, forward and forward with backward. */
export const layerCases = () =>
  Object.keys(gates).flatMap((kind) =>
    ['infer', 'train'].flatMap((op) => grid.map(([batch, time, hidden]) => layerCase(kind, op, batch, time, hidden))),
  )
