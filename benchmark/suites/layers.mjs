/** Gates of each kind of layer: how many matrices of [input + hidden, hidden] a step multiplies by. */
const gates = { lstm: 4, gru: 3, rnn: 1 }

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

/**
 * One recurrent layer over whole sequences: `infer` is the forward pass, `train` adds the gradients of weights and input, `step` is a
 * training step with mean squared error and Adam.
 */
export function layerCase(kind, op, batch, time, hidden, input = hidden) {
  const forward = 2 * batch * time * gates[kind] * hidden * (input + hidden)
  return {
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
export const cases = Object.keys(gates).flatMap((kind) =>
  ['infer', 'train'].flatMap((op) => grid.map(([batch, time, hidden]) => layerCase(kind, op, batch, time, hidden))),
)
