// Asks TensorFlow.js, in this process. Its names are ours, but for the hard sigmoid.
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { build, renamed } from '../describe.mjs'
import { seqloom } from '../ours.mjs'

const same = (name) => name
const theirs = (description) =>
  renamed(description, same, (text) => (text === 'hardSigmoidKeras2' ? 'hardSigmoid' : text))

const plain = (tensor) => ({ shape: [...tensor.shape], data: Array.from(tensor.dataSync(), finite) })
const finite = (value) => (Number.isFinite(value) ? value : String(value))
const minus = (a, b) => ({ shape: a.shape, data: a.data.map((value, i) => value - b.data[i]) })

export async function start() {
  const folder = process.env.SEQLOOM_TFJS
  let tf
  try {
    tf = createRequire(join(resolve(folder), 'package.json'))('@tensorflow/tfjs')
  } catch {
    throw new Error(
      `there is no @tensorflow/tfjs in ${folder ?? 'any folder'}. Set SEQLOOM_TFJS to a folder with node_modules/@tensorflow/tfjs.`,
    )
  }
  await tf.setBackend('cpu')
  const runs = { model: runModel, loss: runLoss, optimizer: runOptimizer }
  return {
    async answer(given) {
      tf.engine().startScope()
      try {
        return await runs[given.kind](tf, given)
      } finally {
        tf.engine().endScope()
        tf.disposeVariables()
      }
    },
    stop() {},
  }
}

const asTensor = (tf, { data, shape, dtype }) => tf.tensor(data, shape, dtype ?? 'float32')

const made = (tf, description) =>
  build(theirs(description), (name, options) => name.split('.').reduce((within, part) => within[part], tf)(options))

async function runModel(tf, given) {
  const values = new Map()
  const symbols = given.inputs.map(({ tensor: { shape, dtype } }, i) => {
    const value = tf.input({ shape: shape.slice(1), dtype })
    values.set(`in${i}`, value)
    return value
  })
  const layers = given.nodes.map(({ layer, from }, i) => {
    const own = made(tf, layer)
    const list = from.map((ref) => values.get(ref))
    const results = [own.apply(list.length === 1 ? list[0] : list)].flat()
    for (const [at, value] of results.entries()) values.set(`${i}.${at}`, value)
    values.set(`${i}`, results[0])
    return own
  })
  const model = tf.model({ inputs: symbols, outputs: given.outputs.map((ref) => values.get(ref)) })
  for (const [i, layer] of layers.entries()) {
    if (given.weights[i].length > 0) layer.setWeights(given.weights[i].map((w) => asTensor(tf, w)))
  }
  const x = given.inputs.map(({ tensor }) => asTensor(tf, tensor))
  const call = (xs, training) => [model.apply(xs.length === 1 ? xs[0] : xs, { training })].flat()
  const outputs = call(x, false).map(plain)
  const cotangents = given.cotangents.map((tensor) => asTensor(tf, tensor))
  const total = (xs) => tf.addN(call(xs, true).map((y, i) => y.mul(cotangents[i]).sum()))
  const variables = layers.flatMap((layer) => layer.trainableWeights.map((weight) => weight.read()))
  const { grads } = variables.length > 0 ? tf.variableGrads(() => total(x), variables) : { grads: {} }
  const isFloat = given.inputs.every(({ tensor }) => tensor.dtype === 'float32')
  const answer = {
    outputs,
    inputGradients: isFloat
      ? tf
          .grads((...xs) => total(xs))(x)
          .map(plain)
      : [],
    weightGradients: variables.map((variable) => plain(grads[variable.name])),
  }
  if (given.training) Object.assign(answer, await train(tf, model, layers, x, given.training))
  return answer
}

async function train(tf, model, layers, x, { loss, optimizer, targets, steps, ruled }) {
  const [, name] = loss.make.split('.')
  model.compile({ optimizer: optimizerOf(tf, optimizer), loss: name })
  const y = asTensor(tf, targets[0])
  const given = x.length === 1 ? x[0] : x
  const weights = () => layers.flatMap((layer) => layer.getWeights().map(plain))
  const begin = weights()
  const moved = () => weights().map((weight, i) => minus(weight, begin[i]))
  const losses = []
  let first
  for (let step = 0; step < steps; step++) {
    losses.push([await model.trainOnBatch(given, y)].flat()[0])
    first ??= moved()
  }
  const answer = { first, last: moved(), losses: { shape: [steps], data: losses } }
  return ruled
    ? answer
    : { ...answer, evaluation: model.evaluate(given, y, { batchSize: x[0].shape[0] }).dataSync()[0] }
}

/** TensorFlow.js's optimizer with all our settings. */
function optimizerOf(tf, { make, options }) {
  const { kind, learningRate: rate, ...o } = seqloom.optimizers[make.split('.').at(-1)](options)
  const makers = {
    sgd: () => (o.momentum > 0 ? tf.train.momentum(rate, o.momentum, o.nesterov) : tf.train.sgd(rate)),
    adam: () => tf.train.adam(rate, o.beta1, o.beta2, o.epsilon),
    adamax: () => tf.train.adamax(rate, o.beta1, o.beta2, o.epsilon),
    rmsprop: () => tf.train.rmsprop(rate, o.rho, o.momentum, o.epsilon, o.centered),
    adagrad: () => tf.train.adagrad(rate, o.initialAccumulatorValue),
    adadelta: () => tf.train.adadelta(rate, o.rho, o.epsilon),
  }
  return makers[kind]()
}

function runOptimizer(tf, { optimizer, weights, gradients }) {
  const variables = weights.map((weight) => tf.variable(asTensor(tf, weight)))
  const own = optimizerOf(tf, optimizer)
  const moved = () => variables.map((variable, i) => minus(plain(variable), weights[i]))
  let first
  for (const list of gradients) {
    own.applyGradients(variables.map(({ name }, i) => ({ name, tensor: asTensor(tf, list[i]) })))
    first ??= moved()
  }
  return { first, last: moved() }
}

function runLoss(tf, { loss, yTrue, yPred }) {
  const input = tf.input({ shape: yPred.shape.slice(1) })
  const model = tf.model({ inputs: input, outputs: tf.layers.activation({ activation: 'linear' }).apply(input) })
  model.compile({ optimizer: 'sgd', loss: loss.make.split('.')[1] })
  const y = tf.tensor(yTrue.data, yTrue.shape) // labels are floats there
  const mean = (x) => model.lossFunctions[0](y, x).mean()
  const { value, grad } = tf.valueAndGrad(mean)(asTensor(tf, yPred))
  return { value: value.dataSync()[0], gradient: plain(grad) }
}
