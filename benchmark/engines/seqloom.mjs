import {
  backend,
  cells,
  defineCell,
  input,
  layers,
  model,
  ops,
  optimizers,
  sequential,
  tensor,
} from '../../dist/index.js'
import { inTurn, serve, values } from './shared/serve.mjs'

const makers = { lstm: layers.lstm, gru: layers.gru, rnn: layers.simpleRNN }
const tracedMakers = { lstm: cells.lstm, gru: cells.gru, rnn: cells.simpleRNN }

function layer({ kind, op, batch, time, input: features, hidden, scale = 1, traced = false }) {
  const x = input({ shape: [null, features] })
  const one = traced
    ? layers.rnn({ cell: tracedMakers[kind]({ units: hidden }), returnSequences: true })
    : makers[kind]({ units: hidden, returnSequences: true })
  const m = model({ inputs: [x], outputs: [one.apply(x)] })
  const data = tensor(
    values(batch * time * features, 1).map((value) => scale * value),
    [batch, time, features],
  )
  const cotangents = [tensor(values(batch * time * hidden, 2), [batch, time, hidden])]
  return op === 'train' ? () => m.gradients(data, { cotangents }) : () => m.predictSync(data, { batchSize: batch })
}

/**
 * Cells whose states are combined element by element. `plain` reads a state through an operation that is not element-wise,
 * so that the steps run one by one.
 */
const linearCells = {
  minGRU: (units, read) => ({
    states: { h: units },
    weights: { kernel: ['features', 2 * units], bias: [2 * units] },
    step({ x, h }, w) {
      const [gate, candidate] = x.matmul(w.kernel).add(w.bias).split(2)
      const z = gate.sigmoid()
      return { h: ops.sub(1, z).mul(read(h)).add(z.mul(candidate)) }
    },
  }),
  qrnn: (units, read) => ({
    states: { c: units, past: 3 * units },
    weights: { now: ['features', 3 * units], before: ['features', 3 * units], bias: [3 * units] },
    step({ x, c, past }, w) {
      const [z, f, o] = x.matmul(w.now).add(read(past)).add(w.bias).split(3)
      const forget = f.sigmoid()
      const next = forget.mul(read(c)).add(ops.sub(1, forget).mul(z.tanh()))
      return { c: next, past: x.matmul(w.before), output: o.sigmoid().mul(next) }
    },
  }),
  sru: (units, read) => ({
    states: { c: units },
    weights: { kernel: ['features', 4 * units], bias: [2 * units], state: [2 * units] },
    step({ x, c }, w) {
      const products = x.matmul(w.kernel)
      const [forget, reset] = products
        .slice(units, 3 * units)
        .add(w.bias)
        .split(2)
      const [ofForget, ofReset] = w.state.split(2)
      const before = read(c)
      const f = forget.add(ofForget.mul(before)).sigmoid()
      const r = reset.add(ofReset.mul(before)).sigmoid()
      const next = f.mul(before).add(ops.sub(1, f).mul(products.slice(0, units)))
      return { c: next, output: r.mul(next).add(ops.sub(1, r).mul(products.slice(3 * units, 4 * units))) }
    },
  }),
}

/** A linear recurrence, as a pass over time (`fast`) or step by step (`plain`), or its products alone (`projections`). */
function linear({ kind, form, op, batch, time, hidden, projections }) {
  const x = input({ shape: [null, hidden] })
  const read = form === 'plain' ? (state) => state.reshape([state.shape[1]]) : (state) => state
  const alone = form === 'projections'
  const one = alone
    ? layers.dense({ units: projections * hidden })
    : layers.rnn({ cell: defineCell(linearCells[kind](hidden, read)), returnSequences: true })
  const m = model({ inputs: [x], outputs: [one.apply(x)] })
  const width = alone ? projections * hidden : hidden
  const data = tensor(values(batch * time * hidden, 1), [batch, time, hidden])
  const cotangents = [tensor(values(batch * time * width, 2), [batch, time, width])]
  return op === 'train' ? () => m.gradients(data, { cotangents }) : () => m.predictSync(data, { batchSize: batch })
}

function decoder({ op, batch, source, time, input: features, hidden }) {
  const x = input({ shape: [null, features] })
  const memory = input({ shape: [null, hidden] })
  const cell = cells.bahdanau({ units: hidden })
  const [output] = layers.rnn({ cell, returnSequences: true }).apply(x, { constants: { memory } })
  const m = model({ inputs: [x, memory], outputs: [output] })
  const width = 2 * hidden + features
  const data = [
    tensor(values(batch * time * features, 1), [batch, time, features]),
    tensor(values(batch * source * hidden, 3), [batch, source, hidden]),
  ]
  const cotangents = [tensor(values(batch * time * width, 2), [batch, time, width])]
  return op === 'train' ? () => m.gradients(data, { cotangents }) : () => m.predictSync(data, { batchSize: batch })
}

function trainedModel({ kind, vocabulary, input: features, hidden, layers: depth, ...rest }) {
  const { bidirectional, everyStep, outputs, clipNorm, batches, steps } = rest
  const recurrent = Array.from({ length: depth }, (_, index) => {
    const one = makers[kind]({ units: hidden, returnSequences: everyStep || index < depth - 1 })
    return bidirectional ? layers.bidirectional({ layer: one }) : one
  })
  const m = sequential([
    layers.embedding({ inputDim: vocabulary, outputDim: features }),
    ...recurrent,
    layers.dense({ units: outputs, activation: 'softmax' }),
  ])
  m.compile({ optimizer: optimizers.adam({ globalClipNorm: clipNorm }), loss: 'sparseCategoricalCrossentropy' })
  const data = batches.map(({ batch, time, tokens, labels, lengths }) => ({
    x: tensor(Int32Array.from(tokens), [batch, time], lengths === undefined ? {} : { lengths }),
    y: tensor(Int32Array.from(labels), everyStep ? [batch, time] : [batch]),
  }))
  return inTurn({ batches: data, steps }, ({ x, y }) => m.trainOnBatch(x, y))
}

function stream({ kind, input: features, hidden }) {
  const m = sequential([makers[kind]({ units: hidden, returnSequences: true, inputShape: [null, features] })])
  const session = m.session()
  const x = values(features, 1)
  return () => {
    session.step(x)
  }
}

await serve({ engine: 'seqloom', version: backend().version }, { layer, linear, decoder, model: trainedModel, stream })
