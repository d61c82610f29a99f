// Each cell as a layer that gives all steps, of a size and of the size that a number of weights allows.
import { cells, defineLayer, input, layers, model } from 'seqloom'

/** A layer of each cell, as a function of its size and its input, which gives all steps. */
const traced = (make) => (units, x) => layers.rnn({ cell: make(units), returnSequences: true }).apply(x)
export const networks = {
  simpleRNN: (units, x) => layers.simpleRNN({ units, returnSequences: true }).apply(x),
  lstm: (units, x) => layers.lstm({ units, returnSequences: true }).apply(x),
  gru: (units, x) => layers.gru({ units, returnSequences: true }).apply(x),
  peepholeLSTM: traced((units) => cells.peepholeLSTM({ units })),
  layerNormLSTM: traced((units) => cells.layerNormLSTM({ units })),
  minGRU: traced((units) => cells.minGRU({ units })),
  minLSTM: traced((units) => cells.minLSTM({ units })),
  indRNN: traced((units) => cells.indRNN({ units, steps: 784 })),
  sru: traced((units) => cells.sru({ units })),
  qrnn: traced((units) => cells.qrnn({ units })),
  coRNN: traced((units) => cells.coRNN({ units })),
  sLSTM: traced((units) => cells.sLSTM({ units })),
  mLSTM: traced((units) => cells.mLSTM({ units, heads: 1 })),
  lru: traced((units) => cells.lru({ units, minRadius: 0.9, maxRadius: 0.999, maxPhase: Math.PI / 5 })),
  s4d: traced((units) => cells.s4d({ units, stateSize: 32 })),
  s5: traced((units) => cells.s5({ units, stateSize: 32 })),
  mamba: traced((units) => cells.mamba({ units, stateSize: 8 })),
  rwkv: traced((units) => cells.rwkv({ units })),
  gatedDeltaNet: traced((units) => cells.gatedDeltaNet({ units, heads: 1 })),
  // With a time of one between all steps, and nothing missing.
  cfc: (units, x) =>
    layers.rnn({ cell: cells.cfc({ units, backboneUnits: units }), returnSequences: true }).apply([x, filled(x, 1)]),
  gruD: (units, x) =>
    layers
      .rnn({ cell: cells.gruD({ units }), returnSequences: true })
      .apply([x, filled(x, x.shape.at(-1)), filled(x, 1)]),
}

/** Ones for each step of a sequence, `width` of them. */
function filled(x, width) {
  return defineLayer({
    name: 'ones',
    inputs: { x: ['time', 'features'] },
    call: ({ x: value }) => value.slice(0, width).mul(0).add(1),
  })().apply(x)
}

/** The network of a task with two layers of a cell. */
export function build(task, name, units, seed) {
  const x = input({ shape: task.shape, ...(task.dtype && { dtype: task.dtype }) })
  const network = networks[name]
  const y = network(units, network(units, task.read(x)))
  return model({ inputs: x, outputs: task.write(y), seed })
}

/** The size whose network has nearest to so many weights. */
export function sized(task, name, weights) {
  const count = (units) => {
    const m = build(task, name, units, 1)
    const found = m.countParams()
    m.dispose()
    return found
  }
  let [low, high] = [1, 2]
  while (count(high) < weights) [low, high] = [high, 2 * high]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (count(middle) < weights) low = middle
    else high = middle
  }
  return weights - count(low) < count(high) - weights ? low : high
}
