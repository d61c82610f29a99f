import { inTurn, serve, values } from './serve.mjs'

/**
 * The engine of every tfjs backend. Sigmoid is set where tfjs would take its hard sigmoid, as in the other engines; its GRU has
 * the reset-before form alone, which has the same matrix products.
 */
export function serveTfjs(tf, engine, version) {
  const makers = { lstm: tf.layers.lstm, gru: tf.layers.gru, rnn: tf.layers.simpleRNN }
  const recurrent = (kind, options) =>
    makers[kind]({ ...options, ...(kind === 'rnn' ? {} : { recurrentActivation: 'sigmoid' }) })

  function layer({ kind, op, batch, time, input, hidden }) {
    tf.disposeVariables()
    const one = recurrent(kind, { units: hidden, returnSequences: true })
    const x = tf.variable(tf.tensor(values(batch * time * input, 1), [batch, time, input]))
    const cotangent = tf.tensor(values(batch * time * hidden, 2), [batch, time, hidden])
    // The first call builds the weights.
    tf.tidy(() => one.apply(x))
    const variables = [x, ...one.trainableWeights.map((weight) => weight.val)]
    const forward = () => one.apply(x).dataSync()
    const both = () => {
      const { value, grads } = tf.variableGrads(() => tf.sum(tf.mul(one.apply(x), cotangent)), variables)
      for (const tensor of [value, ...Object.values(grads)]) tensor.dataSync()
    }
    return () => void tf.tidy(op === 'train' ? both : forward)
  }

  function model({ kind, vocabulary, input, hidden, layers, bidirectional, everyStep, outputs, clipNorm, ...rest }) {
    if (tf.getBackend() === 'wasm') throw new Error('not supported: the gradient of an embedding has no wasm kernel')
    tf.disposeVariables()
    const reader = Array.from({ length: layers }, (_, index) => {
      const one = recurrent(kind, { units: hidden, returnSequences: everyStep || index < layers - 1 })
      return bidirectional ? tf.layers.bidirectional({ layer: one, mergeMode: 'concat' }) : one
    })
    const network = tf.sequential({
      layers: [
        tf.layers.embedding({ inputDim: vocabulary, outputDim: input, inputShape: [null] }),
        ...reader,
        tf.layers.dense({ units: outputs }),
      ],
    })
    const optimizer = tf.train.adam()
    const data = rest.batches.map(({ batch, time, tokens, labels, lengths }) => {
      if (lengths !== undefined) throw new Error('not supported: lengths')
      return {
        x: tf.tensor(tokens, [batch, time], 'int32'),
        y: tf.oneHot(tf.tensor1d(labels, 'int32'), outputs),
      }
    })
    const lossOf = ({ x, y }) =>
      tf.losses.softmaxCrossEntropy(y, tf.reshape(network.apply(x, { training: true }), [-1, outputs]))
    // tfjs has no clipping: the gradients are scaled by hand.
    const train = (batch) =>
      tf.tidy(() => {
        const { value, grads } = optimizer.computeGradients(() => lossOf(batch))
        const names = Object.keys(grads)
        const norm = tf.sqrt(tf.addN(names.map((name) => tf.sum(tf.square(grads[name])))))
        const scale = tf.div(clipNorm, tf.maximum(norm, clipNorm))
        optimizer.applyGradients(names.map((name) => ({ name, tensor: tf.mul(grads[name], scale) })))
        value.dataSync()
      })
    return inTurn({ batches: data, steps: rest.steps }, train)
  }

  function stream({ kind, input, hidden }) {
    tf.disposeVariables()
    const one = recurrent(kind, { units: hidden, stateful: true, batchInputShape: [1, 1, input] })
    const network = tf.sequential({ layers: [one] })
    const x = values(input, 1)
    return () => void tf.tidy(() => network.predictOnBatch(tf.tensor(x, [1, 1, input])).dataSync())
  }

  return serve({ engine, version }, { layer, model, stream })
}
