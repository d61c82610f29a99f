// TensorFlow takes its number of threads from the environment, read when the library is loaded.
const [threads, peers] = process.argv.slice(2)
process.env.TF_NUM_INTRAOP_THREADS = threads
process.env.OMP_NUM_THREADS = threads

const { join } = require('node:path')
const { performance } = require('node:perf_hooks')
const tf = require(join(peers, 'node', 'node_modules', '@tensorflow', 'tfjs-node'))
const { serve, values } = require('./serve.cjs')

const makers = { lstm: tf.layers.lstm, gru: tf.layers.gru, rnn: tf.layers.simpleRNN }
let step

serve({
  prepare({ kind, op, batch, time, input, hidden }) {
    tf.disposeVariables()
    // Sigmoid where tfjs would take its hard sigmoid, as in the other engines. Its GRU has the reset-before form alone.
    const recurrentActivation = kind === 'rnn' ? {} : { recurrentActivation: 'sigmoid' }
    const layer = makers[kind]({ units: hidden, returnSequences: true, ...recurrentActivation })
    const x = tf.variable(tf.tensor(values(batch * time * input, 1), [batch, time, input]))
    const cotangent = tf.tensor(values(batch * time * hidden, 2), [batch, time, hidden])
    // The first call builds the weights.
    tf.tidy(() => layer.apply(x))
    if (op === 'step') {
      const model = tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: [null, input] }), layer] })
      model.compile({ optimizer: 'adam', loss: 'meanSquaredError' })
      step = () => model.trainOnBatch(x, cotangent)
      return { engine: 'tfjs-node', version: tf.version['tfjs-node'], threads: Number(threads) }
    }
    const variables = [x, ...layer.trainableWeights.map((weight) => weight.val)]
    step =
      op === 'train'
        ? () =>
            tf.tidy(() => {
              tf.variableGrads(() => tf.sum(tf.mul(layer.apply(x), cotangent)), variables).value.dataSync()
            })
        : () =>
            tf.tidy(() => {
              layer.apply(x).dataSync()
            })
    return { engine: 'tfjs-node', version: tf.version['tfjs-node'], threads: Number(threads) }
  },
  async run(repeats) {
    const start = performance.now()
    for (let i = 0; i < repeats; i++) await step()
    return (performance.now() - start) / repeats
  },
})
