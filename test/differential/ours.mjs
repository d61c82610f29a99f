// Answers cases by the public API.
import * as seqloom from 'seqloom'
import { build } from './describe.mjs'

const find = (name) => name.split('.').reduce((within, part) => within?.[part], seqloom)

/** What a name of a namespace makes: `layers.lstm`. */
function make(name, options) {
  const found = find(name)
  if (typeof found !== 'function') throw new Error(`there is no ${name}`)
  return found(options)
}

const built = (description) => build(description, make)

/** A tensor of a case as data for the API. */
function data({ shape, dtype, data: values }, mask) {
  const typed = dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values)
  return seqloom.tensor(typed, shape, mask ? { mask } : {})
}

/** A tensor of the API as cases hold it. */
const plain = ({ data: values, shape }) => ({ shape: [...shape], data: Array.from(values, finite) })
const finite = (value) => (Number.isFinite(value) ? value : String(value))

/** The model of a case, with the layer of each node. */
function modelOf({ inputs, nodes, outputs }) {
  const values = new Map()
  const symbolic = inputs.map(({ tensor, free }, i) => {
    const shape = tensor.shape.slice(1)
    const value = seqloom.input({
      shape: free ? [null, ...shape.slice(1)] : shape,
      dtype: tensor.dtype,
      name: `in${i}`,
    })
    values.set(`in${i}`, value)
    return value
  })
  const layers = []
  for (const [i, { layer, shared, from, state }] of nodes.entries()) {
    const own = shared === undefined ? built(named(layer, i)) : layers[shared]
    layers.push(own)
    const given = from.map((ref) => values.get(ref))
    const options = state ? { initialState: state.map((ref) => values.get(ref)) } : {}
    const made = own.apply(given.length === 1 ? given[0] : given, options)
    const list = Array.isArray(made) ? made : [made]
    values.set(`${i}`, list[0])
    for (const [at, value] of list.entries()) values.set(`${i}.${at}`, value)
  }
  const model = seqloom.model({ inputs: symbolic, outputs: outputs.map((ref) => values.get(ref)) })
  return { model, layers, x: inputs.map(({ tensor, mask }) => data(tensor, mask)) }
}

/** A layer's description with a name by which its weights are found. */
const named = (layer, at) => ({ ...layer, options: { ...layer.options, name: `n${at}` } })

/** Draws what depends on shapes that the layers find: weights, gradients of outputs, targets. */
export function prepare(given, random) {
  if (given.kind !== 'model') return given
  const { model, layers } = modelOf(given)
  const own = (i) => given.nodes[i].shared === undefined
  const names = Object.keys(model.namedWeights())
  const weights = layers.map((layer, i) => {
    if (!own(i)) return []
    const found = names.filter((name) => name.startsWith(`n${i}/`))
    return layer.getWeights().map(({ shape }, at) => {
      const positive = /variance|gamma/.test(found[at] ?? '')
      const { least = -0.7, most = 0.7 } = given.weightRange ?? {}
      return random.tensor([...shape], positive ? { least: 0.3, most: 1.5 } : { least, most })
    })
  })
  const shapes = model.outputs.map(({ shape }) => [
    given.batch,
    ...shape.slice(1).map((size) => size ?? given.inputs[0].tensor.shape[1]),
  ])
  model.dispose()
  const prepared = { ...given, weights, cotangents: shapes.map((shape) => random.tensor(shape, given.cotangentRange)) }
  if (!given.training) return prepared
  const targets = shapes.map((shape) => given.training.target(random, shape))
  return { ...prepared, training: { ...given.training, target: undefined, targets } }
}

async function runModel(given) {
  const { model, layers, x } = modelOf(given)
  const own = layers.filter((_, i) => given.nodes[i].shared === undefined)
  const setWeights = () => {
    for (const [i, layer] of layers.entries()) {
      if (given.nodes[i].shared === undefined && given.weights[i].length > 0)
        layer.setWeights(given.weights[i].map((w) => data(w)))
    }
  }
  const getWeights = () => own.flatMap((layer) => layer.getWeights().map(plain))
  setWeights()
  const { batch } = given
  const predicted = [await model.predict(x, { batchSize: batch })].flat()
  const cotangents = given.cotangents.map((tensor) => data(tensor))
  const { weights, inputs } = await model.gradients(x, { cotangents })
  const answer = {
    outputs: predicted.map(plain),
    inputGradients: inputs.flatMap((gradient) => (gradient ? [plain(gradient)] : [])),
    weightGradients: own.flatMap((_, at) => {
      const i = layers.indexOf(own[at])
      return Object.keys(weights)
        .filter((name) => name.startsWith(`n${i}/`))
        .map((name) => plain(weights[name]))
    }),
  }
  if (given.training) {
    const { loss, optimizer, targets, sampleWeight, classWeight, steps } = given.training
    model.compile({ optimizer: built(optimizer), loss: built(loss) })
    const y = targets.map((target) => data(target))
    const target = y.length === 1 ? y[0] : y
    const options = { ...(sampleWeight && { sampleWeight: data(sampleWeight) }) }
    const begin = getWeights()
    const moved = () => getWeights().map((weight, i) => minus(weight, begin[i]))
    const losses = []
    for (let step = 0; step < steps; step++) {
      losses.push((await model.trainOnBatch(x, target, { ...options, ...(classWeight && { classWeight }) }))[0])
      if (step === 0) answer.first = moved()
    }
    answer.losses = { shape: [steps], data: losses }
    answer.last = moved()
    if (!given.training.ruled) answer.evaluation = (await model.testOnBatch(x, target, options))[0]
  }
  model.dispose()
  return answer
}

const minus = (a, b) => ({ shape: a.shape, data: a.data.map((value, i) => value - b.data[i]) })

/** A model that gives back its input. */
function identity(shape) {
  const x = seqloom.input({ shape })
  return seqloom.model({ inputs: x, outputs: seqloom.layers.activation({ activation: 'linear' }).apply(x) })
}

async function runLoss({ loss, yTrue, yPred, mask, sampleWeight }) {
  const model = identity(yPred.shape.slice(1))
  model.compile({ optimizer: 'sgd', loss: built(loss) })
  const [x, y] = [data(yPred, mask), data(yTrue)]
  const [value] = await model.testOnBatch(x, y, sampleWeight ? { sampleWeight: data(sampleWeight) } : {})
  const { inputs } = await model.gradients(x, y)
  model.dispose()
  return { value: finite(value), gradient: plain(inputs[0]) }
}

async function runMetric({ metric, loss, yTrue, yPred, mask, sampleWeight, batchSize }) {
  const model = identity(yPred.shape.slice(1))
  model.compile({ optimizer: 'sgd', loss: built(loss), metrics: [built(metric)] })
  const weights = sampleWeight ? { sampleWeight: data(sampleWeight) } : {}
  const [evaluation, value] = await model.evaluate(data(yPred, mask), data(yTrue), { batchSize, ...weights })
  model.dispose()
  // Over several batches, Keras weighs the losses of masked ones by rows, ours by valid steps.
  return { value: finite(value), ...(!mask && { evaluation }) }
}

/**
 * Gives an optimizer the gradients that it is to follow: kernels read rows of the identity and biases anything, and the
 * loss is the sum of outputs times gradients.
 */
async function runOptimizer({ optimizer, weights, gradients }) {
  const rows = Math.max(...weights.map(({ shape }) => (shape.length === 2 ? shape[0] : 1)))
  const inputs = weights.map(({ shape }) => seqloom.input({ shape: [shape.length === 2 ? shape[0] : 1] }))
  const columns = weights.map(({ shape }) => shape.at(-1))
  const dense = weights.map(({ shape }, i) => seqloom.layers.dense({ units: columns[i], useBias: shape.length === 1 }))
  const outputs = dense.map((layer, i) => layer.apply(inputs[i]))
  const model = seqloom.model({ inputs, outputs })
  const product = (yTrue, yPred) => yTrue.mul(yPred)
  model.compile({ optimizer: built(optimizer), loss: weights.map(() => product) })
  const x = weights.map(({ shape }) => {
    const width = shape.length === 2 ? shape[0] : 1
    const eye = new Float32Array(rows * width)
    if (shape.length === 2) for (let i = 0; i < width; i++) eye[i * width + i] = 1
    return seqloom.tensor(eye, [rows, width])
  })
  for (const [i, layer] of dense.entries()) {
    const given = data(weights[i])
    layer.setWeights(
      weights[i].shape.length === 2 ? [given] : [seqloom.tensor(new Float32Array(columns[i]), [1, columns[i]]), given],
    )
  }
  const now = () => dense.map((layer) => layer.getWeights().at(-1))
  const moved = () => now().map((weight, i) => minus(plain(weight), weights[i]))
  const answer = {}
  for (const [step, list] of gradients.entries()) {
    const y = list.map(({ data: values }, i) => {
      const target = new Float32Array(rows * columns[i])
      target.set(values.map((value) => value * rows * columns[i]))
      return seqloom.tensor(target, [rows, columns[i]])
    })
    await model.trainOnBatch(x.length === 1 ? x[0] : x, y.length === 1 ? y[0] : y)
    if (step === 0) answer.first = moved()
  }
  answer.last = moved()
  model.dispose()
  return answer
}

async function runSchedule({ schedule, steps }) {
  const model = seqloom.sequential([seqloom.layers.dense({ units: 1, inputShape: [1], kernelInitializer: 'zeros' })])
  model.compile({ optimizer: seqloom.optimizers.sgd({ learningRate: built(schedule) }), loss: 'mse' })
  const rates = []
  for (let step = 0; step < steps; step++) {
    rates.push(model.learningRate)
    await model.trainOnBatch([[0]], [[0]])
  }
  model.dispose()
  return { rates: { shape: [steps], data: rates } }
}

async function runInitializer({ initializer, shape, exact }) {
  const [first, second] = shape
  const layer =
    shape.length === 1
      ? seqloom.layers.dense({ units: first, inputShape: [1], biasInitializer: built(initializer) })
      : seqloom.layers.dense({
          units: second,
          inputShape: [first],
          useBias: false,
          kernelInitializer: built(initializer),
        })
  const model = seqloom.sequential([layer])
  const drawn = plain(layer.getWeights().at(-1))
  model.dispose()
  return exact ? { exact: drawn } : { drawn }
}

const runs = {
  model: runModel,
  loss: runLoss,
  metric: runMetric,
  optimizer: runOptimizer,
  schedule: runSchedule,
  initializer: runInitializer,
}

/** What we answer to a case. */
export const answer = (given) => runs[given.kind](given)

/** The names of all functions of a namespace. */
export function namesOf(namespace) {
  const within = find(namespace)
  return Object.keys(within).filter((name) => typeof within[name] === 'function')
}

export { seqloom }
