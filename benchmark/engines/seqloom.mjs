import { backend, cells, input, layers, model, optimizers, sequential, tensor } from '../../dist/index.js'
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

await serve({ engine: 'seqloom', version: backend().version }, { layer, decoder, model: trainedModel, stream })
