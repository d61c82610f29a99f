import { backend, input, layers, model, optimizers, sequential, tensor } from '../../dist/index.js'
import { inTurn, serve, values } from './shared/serve.mjs'

const makers = { lstm: layers.lstm, gru: layers.gru, rnn: layers.simpleRNN }

function layer({ kind, op, batch, time, input: features, hidden, scale = 1 }) {
  const x = input({ shape: [null, features] })
  const m = model({ inputs: [x], outputs: [makers[kind]({ units: hidden, returnSequences: true }).apply(x)] })
  const data = tensor(
    values(batch * time * features, 1).map((value) => scale * value),
    [batch, time, features],
  )
  const cotangents = [tensor(values(batch * time * hidden, 2), [batch, time, hidden])]
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

await serve({ engine: 'seqloom', version: backend().version }, { layer, model: trainedModel, stream })
