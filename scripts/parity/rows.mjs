// The rows of docs/parity.md: each is what Keras or TensorFlow.js has, and a call of it in the main entry, in the entry
// for TensorFlow.js's programs, or in both. Names and options come from keras.json and tfjs.json (names.py, tfjs.mjs).
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cellSamples, layerSamples, sampleOf } from './samples.mjs'

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'))
export const keras = read('keras.json')
export const tfjs = read('tfjs.json')

/** Thrown for a name that is not there. */
export class Absent extends Error {}

/** The name under which an object has something, however it is capitalized. */
const nameIn = (object, name) => {
  const plain = (each) => each.toLowerCase().replaceAll('_', '')
  const all = Object.keys(object).filter((each) => plain(each) === plain(name))
  // Of a class and the function that makes it, the function.
  return all.find((each) => /^[a-z]/.test(each)) ?? all[0]
}

/** What an object has under a name, or Absent. */
function of(object, name, where) {
  const found = nameIn(object, name)
  if (found === undefined) throw new Absent(`there is no ${where}.${name}`)
  return object[found]
}

const uncapitalized = (name) =>
  /^[A-Z0-9]+$/.test(name)
    ? name.toLowerCase()
    : name.replace(/^[A-Z]+(?=[A-Z][a-z]|$)|^[A-Z]/, (all) => all.toLowerCase())
const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())
const both = (inKeras, inTfjs) => `${inKeras ? 'K' : ''}${inTfjs ? 'T' : ''}`
const union = (...lists) => [...new Set(lists.flat())].sort((a, b) => (a < b ? -1 : 1))

/** Data of a small problem: five steps of three features to two numbers. */
const rows = 4
const values = (size) => Float32Array.from({ length: size }, (_, at) => Math.sin(at + 1))

export function rowsOf(sq, tf) {
  const mainLayers = layerSamples(sq)
  const ends = { main: { api: sq, samples: layerSamples }, tfjs: { api: tf, samples: layerSamples } }

  /** Applies a layer with options to inputs, and computes what it gives. */
  function useLayer(end, className, option, value) {
    const { api } = ends[end]
    const [args = {}, ...given] = ends[end].samples(api)[className] ?? [{}]
    const isToken = given[0] === 'int'
    const isMade = given[0] === 'none'
    const shapes = isToken ? given.slice(1) : given.length > 0 ? given : [[5, 3]]
    const make = of(api.layers, className, 'layers')
    // Factors of tokens are for a vocabulary and one way to give results.
    const needed = option === 'idfWeights' && {
      outputMode: 'tfIdf',
      vocabulary: className === 'IntegerLookup' ? [1, 2] : ['a', 'b'],
    }
    const options = { ...args, ...needed, ...(option && option !== 'weights' && { [option]: value }) }
    if (isMade) return make(options)
    const first = shapes[0]
    const fixed = option === 'stateful' && end === 'tfjs'
    const layer = make(option === 'weights' ? { ...options, weights: weightsFor() } : options)
    const dtype = isToken ? 'int32' : 'float32'
    /** The weights of another layer like it. */
    function weightsFor() {
      const twin = make(options)
      const given = shapes.map((each) => api.input({ shape: each, dtype: isToken ? 'int32' : 'float32' }))
      const built = api.model({ inputs: given, outputs: twin.apply(given.length === 1 ? given[0] : given) })
      return built.getWeights()
    }
    const inputs = shapes.map((shape) =>
      fixed ? api.input({ batchShape: [rows, ...shape], dtype }) : api.input({ shape, dtype }),
    )
    const shape = options.inputDim === 3 && className === 'Dense' ? [3] : first
    const x = shape === first ? inputs : [api.input({ shape })]
    const output = layer.apply(x.length === 1 ? x[0] : x)
    const model = api.model({ inputs: x, outputs: output })
    const data = (shape === first ? shapes : [shape]).map((each) => {
      const size = each.reduce((a, b) => a * b, rows)
      const numbers = isToken ? Int32Array.from({ length: size }, (_, at) => at % 4) : values(size)
      return api.Tensor ? api.tensor(numbers, [rows, ...each], dtype) : { data: numbers, shape: [rows, ...each] }
    })
    const given1 = data.length === 1 ? data[0] : data
    return api.Tensor ? model.predict(given1) : model.predictSync(given1)
  }

  /** A cell with options inside of an RNN. */
  function useCell(end, className, option, value) {
    const { api } = ends[end]
    const cell = of(api.layers, className, 'layers')({ ...cellSamples[className], [option]: value })
    return useRnn(api, cell)
  }

  function useRnn(api, cell) {
    const x = api.input({ shape: [5, 3] })
    const model = api.model({ inputs: x, outputs: api.layers.rnn({ cell }).apply(x) })
    return api.Tensor
      ? model.predict(api.zeros([rows, 5, 3]))
      : model.predictSync({ data: values(rows * 15), shape: [rows, 5, 3] })
  }

  /** A small model, its data, and how it is compiled. */
  function problem(end, { activation, units = 2, compile = {}, output } = {}) {
    const { api } = ends[end]
    const layers = [
      api.layers.lstm({ units: 2, inputShape: [5, 3], ...(activation && { activation }) }),
      api.layers.dense({ units, ...(output && { activation: output }) }),
    ]
    const model = api.Tensor ? api.sequential({ layers }) : api.sequential(layers)
    const wrap = (data, shape) => (api.Tensor ? api.tensor(data, shape) : { data, shape })
    const x = wrap(values(rows * 15), [rows, 5, 3])
    const y = wrap(
      Float32Array.from({ length: rows * units }, (_, at) => Number(at % units === 0)),
      [rows, units],
    )
    if (compile) model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', ...compile })
    return { model, x, y, api }
  }

  /** Compiles and trains. */
  async function train(end, how, fit = {}) {
    const { model, x, y } = problem(end, how)
    await model.fit(x, y, { epochs: 1, batchSize: 2, verbose: 0, ...fit })
  }

  const sections = []
  const section = (title, list) => sections.push({ title, rows: list })
  /** A row for what Keras has, is tried in the main entry; for what TensorFlow.js has, in its own. */
  const row = (item, who, call, only) => ({
    item,
    who,
    main: only === 'tfjs' || !who.includes('K') ? undefined : () => call('main'),
    tfjs: only === 'main' || !who.includes('T') ? undefined : () => call('tfjs'),
  })

  const differences = [
    ['`hardSigmoid` at 1', (api) => number(api, api.layers.activation({ activation: 'hardSigmoid' }), [1])],
    ['`recurrentActivation` of an LSTM', (api) => settingOf(api, 'lstm', 'recurrentActivation')],
    ['`resetAfter` of a GRU: shape of its bias', (api) => weightsOf(api, 'gru').at(-1).join(' × ')],
    ['`kernelInitializer` of dense', (api) => spread(api)],
    ['`unitForgetBias` of an LSTM', (api) => String(forgets(api))],
    ['outputs of an LSTM at masked steps', (api) => maskedOutputs(api)],
    ['`globalAveragePooling1d` of 2 and of padding', (api) => pooled(api)],
  ]
  const run = (api, model, x) => (api.Tensor ? model.predict(x) : model.predictSync(x))
  const numbersOf = (api, result) => (api.Tensor ? result.dataSync() : result.data)
  const wrap = (api, data, shape) => (api.Tensor ? api.tensor(data, shape) : { data: Float32Array.from(data), shape })
  function through(api, layers, x, shape) {
    const input = api.input({ shape: shape.slice(1) })
    const output = layers.reduce((value, layer) => layer.apply(value), input)
    return numbersOf(api, run(api, api.model({ inputs: input, outputs: output }), wrap(api, x, shape)))
  }
  const number = (api, layer, x) => Number(through(api, [layer], x, [1, 1])[0].toPrecision(3))
  const settingOf = (api, kind, option) => {
    const { api: given } = { api }
    const config = given.layers[kind]({ units: 2, inputShape: [5, 3] })
    const found = config.getConfig?.()?.[option]
    return found ?? (api.Tensor ? 'hardSigmoid' : 'sigmoid')
  }
  const weightsOf = (api, kind) => {
    const layers = [api.layers[kind]({ units: 2, inputShape: [5, 3] })]
    const model = api.Tensor ? api.sequential({ layers }) : api.sequential(layers)
    return model.getWeights().map(({ shape }) => shape)
  }
  const spread = (api) => {
    const layers = [api.layers.dense({ units: 60, inputShape: [60] })]
    const model = api.Tensor ? api.sequential({ layers }) : api.sequential(layers)
    const kernel = numbersOf(api, model.getWeights()[0])
    // Uniform numbers end at the square root of 6 / 120; normal ones, cut at two deviations, end beyond it.
    return Math.max(...kernel.map(Math.abs)) > Math.sqrt(6 / 120) * 1.01 ? 'glorotNormal' : 'glorotUniform'
  }
  const forgets = (api) => {
    const layers = [api.layers.lstm({ units: 2, inputShape: [5, 3] })]
    const model = api.Tensor ? api.sequential({ layers }) : api.sequential(layers)
    return numbersOf(api, model.getWeights()[2])[2] === 1
  }
  const maskedOutputs = (api) => {
    const layers = [
      api.layers.masking({}),
      api.layers.lstm({ units: 1, returnSequences: true, kernelInitializer: 'ones' }),
    ]
    const [first, second] = through(api, layers, [1, 0], [1, 2, 1])
    return second === 0 ? 'zero' : second === first ? 'the last one' : 'another one'
  }
  const pooled = (api) => {
    const layers = [api.layers.masking({}), api.layers.globalAveragePooling1d({})]
    return Number(through(api, layers, [2, 0], [1, 2, 1])[0])
  }
  section(
    'What differs in meaning or default',
    differences.map(([item, call]) => ({ item, who: 'KT', shown: true, main: () => call(sq), tfjs: () => call(tf) })),
  )

  // Options by class.
  const tfjsOptions = (className) => tfjs.layers[nameIn(tfjs.layers, className)]
  const classes = Object.keys(keras.layers).filter(
    (name) =>
      !(name in cellSamples) &&
      !['InputLayer', 'StackedRNNCells'].includes(name) &&
      nameIn({ ...sq.layers, ...tf.layers }, name),
  )
  section(
    'Options of layers',
    classes.flatMap((className) => {
      const own = keras.layers[className]
      const others = tfjsOptions(className) ?? {}
      return union(Object.keys(own), Object.keys(others))
        .filter((option) => option !== 'cell' || className === 'RNN')
        .map((option) =>
          row(
            `\`${nameIn(sq.layers, className) ?? nameIn(tf.layers, className)}\` \`${option}\``,
            both(option in own && nameIn(sq.layers, className), option in others && !isRefused(className)),
            (end) => useLayer(end, className, option, sampleFor(end, className, option)),
          ),
        )
        .filter(({ who }) => who !== '')
    }),
  )
  /** Whether the entry refuses a layer altogether. */
  function isRefused(className) {
    try {
      of(tf.layers, className, 'layers')(layerSamples(tf)[className]?.[0] ?? {})
      return false
    } catch (error) {
      return error.code === 'ERR_UNSUPPORTED'
    }
  }
  function sampleFor(end, owner, option) {
    const { api } = ends[end]
    const value = sampleOf(api, owner, option) ?? layerSamples(api)[owner]?.[0][option] ?? cellSamples[owner]?.[option]
    if (value === undefined) throw new Absent(`there is no sample of ${owner}.${option}`)
    return value
  }
  section(
    'Options of cells',
    Object.keys(cellSamples).flatMap((className) => {
      const [own, others] = [keras.layers[className], tfjsOptions(className)]
      return union(Object.keys(own), Object.keys(others)).map((option) =>
        row(`\`${nameIn(sq.layers, className)}\` \`${option}\``, both(option in own, option in others), (end) =>
          useCell(end, className, option, sampleFor(end, className, option)),
        ),
      )
    }),
  )

  // Layers.
  const layerNames = union(
    Object.keys(keras.layers),
    Object.keys(tfjs.layers).filter((name) => !nameIn(keras.layers, name)),
  )
  section(
    'Layers',
    layerNames.map((name) =>
      row(
        `\`layers.${nameIn(sq.layers, name) ?? nameIn(tfjs.layers, name) ?? uncapitalized(name)}\``,
        both(nameIn(keras.layers, name), nameIn(tfjs.layers, name)),
        (end) => {
          if (name in cellSamples || nameIn(cellSamples, name))
            return useRnn(ends[end].api, of(ends[end].api.layers, name, 'layers')({ units: 2 }))
          if (name === 'InputLayer' || name === 'inputLayer') {
            const { layers, sequential } = ends[end].api
            const all = [of(layers, name, 'layers')({ inputShape: [3] }), layers.dense({ units: 1 })]
            return end === 'tfjs' ? sequential({ layers: all }) : sequential(all)
          }
          if (name === 'StackedRNNCells') {
            const { layers } = ends[end].api
            return useRnn(
              ends[end].api,
              layers.stackedRNNCells({ cells: [layers.lstmCell({ units: 2 }), layers.gruCell({ units: 2 })] }),
            )
          }
          if (name === 'Layer' || name === 'RNNCell' || name === 'Input' || name === 'input') return special(end, name)
          const canonical =
            Object.keys(keras.layers).find(
              (each) =>
                each.toLowerCase() ===
                name
                  .toLowerCase()
                  .replace(/pool(?=\dd)/, 'pooling')
                  .replace('avg', 'average'),
            ) ?? name
          return useLayer(end, canonical in mainLayers ? canonical : name)
        },
      ),
    ),
  )
  function special(end, name) {
    if (name.toLowerCase() === 'input') return ends[end].api.input({ shape: [5, 3] })
    if (end === 'main')
      return sq
        .defineLayer({ call: ({ x }) => x })()
        .apply(sq.input({ shape: [3] }))
    const { layers } = tf
    if (name === 'Layer') {
      class Twice extends layers.Layer {
        static className = 'Twice'
        call([x]) {
          return x.mul(2)
        }
        computeOutputShape(shape) {
          return shape
        }
      }
      return new Twice({}).apply(tf.input({ shape: [3] }))
    }
    class Sum extends layers.RNNCell {
      static className = 'Sum'
      stateSize = 3
      call([x, h]) {
        return [x.add(h), x.add(h)]
      }
    }
    return useRnn(tf, new Sum({}))
  }

  // Activations.
  const activations = union(keras.activations.map(camel), [
    'gelu_new',
    'logSoftmax',
    'swish',
    'relu6',
    'mish',
    'elu',
    'gelu',
    'selu',
  ]).filter((name) => !['deserialize', 'get', 'serialize'].includes(name))
  const tfjsActivations = new Set([
    'elu',
    'gelu',
    'gelu_new',
    'hardSigmoid',
    'linear',
    'logSoftmax',
    'mish',
    'relu',
    'relu6',
    'selu',
    'sigmoid',
    'softmax',
    'softplus',
    'softsign',
    'swish',
    'tanh',
  ])
  section(
    'Activations',
    activations
      .flatMap((name) => {
        const who = both(name !== 'gelu_new', tfjsActivations.has(name))
        return [
          row(`dense activation '${name}'`, who, (end) => useLayer(end, 'Dense', 'activation', name)),
          row(`lstm activation '${name}'`, who, (end) => useLayer(end, 'LSTM', 'activation', name)),
        ]
      })
      .concat([
        row('dense activation null (linear)', 'KT', (end) => useLayer(end, 'Dense', 'activation', null)),
        row('lstm activation null', 'KT', (end) => useLayer(end, 'LSTM', 'activation', null)),
        row('activation as a function', 'K', (end) => useLayer(end, 'Dense', 'activation', (x) => x.tanh())),
        row("'hard_sigmoid', a Python name", 'K', (end) => useLayer(end, 'Dense', 'activation', 'hard_sigmoid')),
      ]),
  )

  // Initializers, regularizers, constraints.
  const initializerNames = union(
    Object.keys(keras.initializers)
      .filter((name) => !['Initializer', 'RandomInitializer'].includes(name))
      .map(uncapitalized),
    tfjs.initializers,
  )
  section(
    'Initializers',
    initializerNames
      .flatMap((name) => {
        const who = both(
          Object.keys(keras.initializers).map(uncapitalized).includes(name),
          tfjs.initializers.includes(name),
        )
        const args = name === 'constant' && { value: 2 }
        const settings = { constant: { value: 2 }, identity: {}, orthogonal: {}, varianceScaling: {} }[name] ?? args
        return [
          row(`'${name}'`, who, (end) => useLayer(end, 'Dense', 'kernelInitializer', name)),
          row(`\`initializers.${name}()\``, who, (end) => {
            const make = ends[end].api.initializers[name]
            if (!make) throw new Absent(`there is no initializers.${name}`)
            return useLayer(end, 'Dense', 'kernelInitializer', make(settings || {}))
          }),
        ]
      })
      .concat([
        row("`{ className: 'GlorotUniform', config: {} }`", 'KT', (end) =>
          useLayer(end, 'Dense', 'kernelInitializer', { className: 'GlorotUniform', config: {} }),
        ),
        row('a function of a shape', 'K', (end) => useLayer(end, 'Dense', 'kernelInitializer', () => 1)),
        row("'glorot_uniform', a Python name", 'K', (end) =>
          useLayer(end, 'Dense', 'kernelInitializer', 'glorot_uniform'),
        ),
      ]),
  )
  const penalties = (kind, option, settings) =>
    union(
      Object.keys(keras[kind])
        .filter((name) => !['Regularizer', 'Constraint'].includes(name))
        .map((name) => (/^L/.test(name) ? name.toLowerCase() : uncapitalized(name))),
      tfjs[kind],
    ).map((name) =>
      row(
        `\`${kind}.${name}\``,
        both(nameIn(keras[kind], name), nameIn(Object.fromEntries(tfjs[kind].map((each) => [each, 1])), name)),
        (end) => {
          const make = of(ends[end].api[kind], name, kind)
          return useLayer(end, 'Dense', option, make(settings[name.toLowerCase()]))
        },
      ),
    )
  section('Regularizers and constraints', [
    ...penalties('regularizers', 'kernelRegularizer', { l1: { l1: 0.1 }, l2: { l2: 0.1 }, l1l2: { l1: 0.1, l2: 0.1 } }),
    ...penalties('constraints', 'kernelConstraint', { maxnorm: {}, minmaxnorm: {}, unitnorm: {} }),
  ])

  // Losses and metrics.
  const lossNames = Object.keys(keras.losses).filter((name) => name !== 'Loss')
  const tfjsLosses = [
    'meanSquaredError',
    'meanAbsoluteError',
    'meanAbsolutePercentageError',
    'meanSquaredLogarithmicError',
    'squaredHinge',
    'hinge',
    'categoricalHinge',
    'logcosh',
    'categoricalCrossentropy',
    'sparseCategoricalCrossentropy',
    'binaryCrossentropy',
    'kullbackLeiblerDivergence',
    'poisson',
    'cosineProximity',
  ]
  /** Losses of sequences whose symbols have no step. */
  const compileUnaligned = (loss, extra) => {
    const model = sq.sequential([sq.layers.dense({ units: 3, inputShape: [null, 2] })])
    model.compile({ optimizer: 'sgd', loss, ...extra })
    return model.fit(
      [
        [
          [1, 0],
          [0, 1],
        ],
      ],
      [[1]],
      { epochs: 1, verbose: 0 },
    )
  }
  const compileWith = (end, loss, extra = {}) => {
    if (/ctc/i.test(String(loss?.kind ?? loss))) return compileUnaligned(loss, extra)
    const isSparse = /sparse/i.test(String(loss?.kind ?? loss))
    const { model, x, y, api } = problem(end, {
      output: /hinge/i.test(String(loss)) ? undefined : 'softmax',
      compile: { loss, ...extra },
    })
    const targets = isSparse
      ? api.Tensor
        ? api.tensor(new Float32Array(rows), [rows, 1])
        : { data: new Int32Array(rows), shape: [rows] }
      : y
    return model.fit(x, targets, { epochs: 1, verbose: 0 })
  }
  section('Losses', [
    ...union(lossNames.map(uncapitalized), tfjsLosses, ['mse', 'mae']).map((name) =>
      row(
        `loss '${name}'`,
        both(
          lossNames.map(uncapitalized).includes(name) || name === 'mse' || name === 'mae',
          tfjsLosses.includes(name),
        ),
        (end) => compileWith(end, name),
      ),
    ),
    ...lossNames
      .map(uncapitalized)
      .map((name) => row(`\`losses.${name}\``, 'K', () => compileWith('main', of(sq.losses, name, 'losses')()))),
    ...tfjs.losses
      .filter((name) => name !== 'Reduction')
      .map((name) =>
        row(`\`tf.losses.${name}\` as a loss`, 'T', () =>
          name === 'computeWeightedLoss'
            ? tf.losses.computeWeightedLoss([1, 2], [1, 1])
            : compileWith(
                'tfjs',
                name === 'cosineDistance' ? (t, p) => tf.losses.cosineDistance(t, p, 1) : tf.losses[name],
              ),
        ),
      ),
    row('a loss as a function', 'KT', (end) => compileWith(end, (t, p) => p.sub(t).square())),
    ...lossNames.flatMap((name) =>
      Object.keys(keras.losses[name])
        .filter((option) => sampleOf(sq, name, option) !== undefined || lossSample(option) !== undefined)
        .map((option) =>
          row(`\`losses.${uncapitalized(name)}\` \`${option}\``, 'K', () =>
            compileWith(
              'main',
              of(sq.losses, name, 'losses')({ [option]: lossSample(option) ?? sampleOf(sq, name, option) }),
            ),
          ),
        ),
    ),
  ])
  function lossSample(option) {
    return {
      delta: 0.5,
      q: 0.5,
      gamma: 1.5,
      applyClassBalancing: true,
      axis: -1,
      beta: 0.5,
      removeDiagonal: false,
      smooth: 1,
    }[option]
  }
  const metricNames = Object.keys(keras.metrics).filter(
    (name) => !['Metric', 'Mean', 'Sum', 'MeanMetricWrapper'].includes(name),
  )
  const metricName = (name) => (name === 'AUC' ? 'auc' : uncapitalized(name))
  const metricWith = (end, metric) => {
    const { model, x, y, api } = problem(end, {
      output: 'softmax',
      compile: {
        loss: /sparse/i.test(String(metric)) ? 'sparseCategoricalCrossentropy' : 'categoricalCrossentropy',
        metrics: [metric],
      },
    })
    const sparse = /sparse/i.test(String(metric))
    const targets = sparse
      ? api.Tensor
        ? api.tensor(new Float32Array(rows), [rows, 1])
        : { data: new Int32Array(rows), shape: [rows] }
      : y
    return model.fit(x, targets, { epochs: 1, verbose: 0 })
  }
  const tfjsMetrics = [...tfjs.metrics, 'acc', 'accuracy', 'crossentropy', 'ce']
  section('Metrics', [
    ...union(metricNames.map(metricName), tfjsMetrics, ['mse', 'mae', 'perplexity']).map((name) =>
      row(
        `metric '${name}'`,
        both(
          metricNames.map(metricName).includes(name) || ['acc', 'accuracy', 'mse', 'mae', 'perplexity'].includes(name),
          tfjsMetrics.includes(name),
        ),
        (end) => metricWith(end, name),
      ),
    ),
    ...tfjs.metrics.map((name) =>
      row(`\`tf.metrics.${name}\` as a metric`, 'T', () => metricWith('tfjs', tf.metrics[name])),
    ),
    row('a metric as a function', 'KT', (end) => metricWith(end, (t, p) => p.sub(t).abs())),
    row("metrics as one name, `metrics: 'accuracy'`", 'T', (end) => problem(end, { compile: { metrics: 'accuracy' } })),
    row('`weightedMetrics`', 'K', (end) => problem(end, { compile: { weightedMetrics: ['meanSquaredError'] } })),
  ])

  // Optimizers and schedules.
  const optimizerNames = Object.keys(keras.optimizers).filter(
    (name) => !['Optimizer', 'LossScaleOptimizer'].includes(name),
  )
  const optimize = (optimizer) => train('main', { compile: { optimizer } })
  const optimizerName = (name) =>
    ({ SGD: 'sgd', RMSprop: 'rmsprop', AdamW: 'adamw', ScheduleFreeAdamW: 'scheduleFreeAdamW' })[name] ??
    uncapitalized(name)
  section('Optimizers', [
    ...optimizerNames.map((name) =>
      row(`\`optimizers.${nameIn(sq.optimizers, name) ?? optimizerName(name)}\``, 'K', () =>
        optimize(of(sq.optimizers, name, 'optimizers')()),
      ),
    ),
    ...optimizerNames
      .filter((name) => nameIn(sq.optimizers, name))
      .flatMap((name) =>
        Object.keys(keras.optimizers[name]).map((option) =>
          row(`\`optimizers.${nameIn(sq.optimizers, name)}\` \`${option}\``, 'K', () => {
            const value = optimizerSample(name, option) ?? sampleOf(sq, name, option)
            if (value === undefined) throw new Absent(`there is no sample of ${name}.${option}`)
            return optimize(of(sq.optimizers, name, 'optimizers')({ [optionOf(option)]: value }))
          }),
        ),
      ),
    row('`optimizers.adam(0.01)`, a number', 'K', () => optimize(sq.optimizers.adam(0.01))),
    ...tfjs.train.map((name) =>
      row(`\`tf.train.${name}\``, 'T', () =>
        train('tfjs', {
          compile: { optimizer: name === 'momentum' ? tf.train.momentum(0.1, 0.9) : tf.train[name](0.1) },
        }),
      ),
    ),
    ...['sgd', 'adam', 'adamax', 'rmsprop', 'adagrad', 'adadelta'].map((name) =>
      row(`optimizer '${name}'`, 'KT', (end) => train(end, { compile: { optimizer: name } })),
    ),
    ...['minimize', 'computeGradients', 'applyGradients'].map((name) =>
      row(`\`optimizer.${name}\``, 'T', () => {
        const variable = tf.variable(tf.scalar(1))
        const given = name === 'applyGradients' ? { [variable.name]: tf.scalar(1) } : () => variable.square()
        tf.train.sgd(0.1)[name](given)
        variable.dispose()
      }),
    ),
  ])
  function optionOf(option) {
    return { clipnorm: 'clipNorm', clipvalue: 'clipValue', globalClipnorm: 'globalClipNorm' }[option] ?? option
  }
  function optimizerSample(name, option) {
    return {
      initialAccumulatorValue: 0.2,
      beta: name === 'Ftrl' ? 0.1 : undefined,
      learningRatePower: -0.4,
      l1RegularizationStrength: 0.1,
      l2RegularizationStrength: 0.1,
      l2ShrinkageRegularizationStrength: 0.1,
      beta2Decay: -0.7,
      epsilon1: 1e-20,
      epsilon2: 1e-2,
      clipThreshold: 0.9,
      relativeStep: false,
      adamBeta1: 0.8,
      adamBeta2: 0.9,
      adamWeightDecay: 0.01,
      adamLrRatio: 0.5,
      momentum: name === 'Muon' ? 0.9 : undefined,
      nsSteps: 4,
      muonA: 3.4,
      muonB: -4.7,
      muonC: 2,
      excludeLayers: [],
      excludeEmbeddings: false,
      rmsRate: 0.3,
      warmupSteps: 5,
    }[option]
  }
  const scheduleSamples = {
    initialLearningRate: 0.1,
    decaySteps: 10,
    firstDecaySteps: 10,
    decayRate: 0.9,
    boundaries: [1, 2],
    values: [1, 0.5, 0.1],
    tMul: 2,
    mMul: 0.9,
    alpha: 0.1,
    staircase: true,
    endLearningRate: 0.01,
    power: 2,
    cycle: true,
    name: 'x',
    warmupTarget: 0.2,
    warmupSteps: 5,
  }
  const schedules = Object.keys(keras.schedules).filter((name) => name !== 'LearningRateSchedule')
  section('Schedules', [
    ...schedules.flatMap((name) => {
      const needed = Object.entries(keras.schedules[name]).flatMap(([option, isNeeded]) =>
        isNeeded ? [[option, scheduleSamples[option]]] : [],
      )
      return Object.keys(keras.schedules[name]).map((option) =>
        row(`\`${uncapitalized(name)}\` \`${option}\``, 'K', () => {
          const make = of(sq.optimizers.schedules ?? sq.optimizers, name, 'optimizers.schedules')
          return optimize(
            sq.optimizers.sgd({
              learningRate: make({
                ...Object.fromEntries(needed),
                ...(option === 'warmupSteps' && { warmupTarget: 0.2 }),
                [option]: scheduleSamples[option],
              }),
            }),
          )
        }),
      )
    }),
    row("a schedule of one's own, a function of the step", 'K', () =>
      optimize(sq.optimizers.sgd({ learningRate: (step) => 0.1 / (step + 1) })),
    ),
  ])

  // Callbacks.
  const callbackNames = Object.keys(keras.callbacks).filter((name) => !['Callback', 'CallbackList'].includes(name))
  const callbackSamples = {
    filepath: 'x',
    backupDir: 'y',
    minDelta: 0.1,
    restoreBestWeights: true,
    startFromEpoch: 2,
    saveBestOnly: true,
    saveWeightsOnly: true,
    saveFreq: 'epoch',
    initialValueThreshold: 1,
    factor: 0.5,
    cooldown: 1,
    minLr: 1e-5,
    deleteCheckpoint: false,
    doubleCheckpoint: true,
    separator: ';',
    append: true,
    schedule: (_epoch, rate) => rate,
    filename: 'log.csv',
    swapOnEpoch: true,
    logDir: 'logs',
    updateFreq: 'batch',
    histogramFreq: 1,
    writeGraph: true,
    writeImages: true,
    writeStepsPerSecond: true,
    profileBatch: 2,
    embeddingsFreq: 1,
    embeddingsMetadata: {},
    root: 'http://localhost',
  }
  const callbackWith = async (name, options) => {
    const folder = await mkdtemp(join(tmpdir(), 'parity-'))
    const before = process.cwd()
    process.chdir(folder)
    try {
      const make = of(sq.callbacks, name, 'callbacks')
      const needed = Object.entries(keras.callbacks[name]).flatMap(([option, isNeeded]) =>
        isNeeded ? [[option, callbackSamples[option]]] : [],
      )
      const watched = 'monitor' in keras.callbacks[name] ? { monitor: 'loss' } : {}
      const given = Object.fromEntries(
        Object.entries({ ...watched, ...Object.fromEntries(needed), ...options }).map(([option, value]) => [
          { filepath: 'path', filename: 'file' }[option] ?? option,
          value,
        ]),
      )
      const isSwap = name === 'SwapEMAWeights'
      const optimizer = isSwap ? sq.optimizers.sgd({ learningRate: 0.1, useEma: true }) : 'sgd'
      await train('main', { compile: { optimizer } }, { callbacks: [make(given)] })
    } finally {
      process.chdir(before)
      await rm(folder, { recursive: true, force: true })
    }
  }
  section('Callbacks', [
    ...callbackNames.map((name) =>
      row(
        `\`callbacks.${nameIn(sq.callbacks, name) ?? uncapitalized(name)}\``,
        both(
          true,
          tfjs.callbacks.some((each) => each.toLowerCase() === name.toLowerCase()),
        ),
        (end) =>
          end === 'tfjs'
            ? train('tfjs', {}, { callbacks: tf.callbacks.earlyStopping({ monitor: 'loss' }) })
            : callbackWith(name, {}),
      ),
    ),
    ...callbackNames
      .filter((name) => nameIn(sq.callbacks, name))
      .flatMap((name) =>
        Object.keys(keras.callbacks[name]).map((option) =>
          row(`\`callbacks.${nameIn(sq.callbacks, name)}\` \`${option}\``, 'K', () => {
            const value =
              option === 'mode'
                ? 'min'
                : option === 'monitor'
                  ? 'loss'
                  : (callbackSamples[option] ?? sampleOf(sq, name, option))
            if (value === undefined) throw new Absent(`there is no sample of ${name}.${option}`)
            return callbackWith(name, {
              [option]: value,
              ...(option === 'monitor' ? {} : 'monitor' in keras.callbacks[name] && { monitor: 'loss' }),
            })
          }),
        ),
      ),
    ...union(keras.callbackHooks.map(camel), ['onYield']).map((hook) => {
      const inTfjs = [
        'onTrainBegin',
        'onTrainEnd',
        'onEpochBegin',
        'onEpochEnd',
        'onBatchBegin',
        'onBatchEnd',
        'onYield',
      ].includes(hook)
      return row(`hook \`${hook}\``, both(hook !== 'onYield', inTfjs), (end) =>
        train(end, {}, { callbacks: [{ [hook]() {} }] }),
      )
    }),
  ])

  // Training.
  const fitSamples = {
    batchSize: 2,
    epochs: 2,
    verbose: 0,
    callbacks: [],
    validationSplit: 0.5,
    shuffle: false,
    classWeight: { 0: 1, 1: 2 },
    initialEpoch: 0,
    validationBatchSize: 2,
    stepsPerEpoch: 1,
    validationSteps: 1,
    validationFreq: 2,
    yieldEvery: 'epoch',
  }
  const quiet = async (work) => {
    const { log } = console
    console.log = () => {}
    const write = process.stdout.write
    process.stdout.write = () => true
    try {
      return await work()
    } finally {
      console.log = log
      process.stdout.write = write
    }
  }
  const fitOptions = union(keras.fit, tfjs.fit).filter((option) => !['x', 'y'].includes(option))
  const dataset = () =>
    tf.data
      .zip({
        xs: tf.data.array(
          Array(4).fill([
            [1, 2, 3],
            [1, 2, 3],
            [1, 2, 3],
            [1, 2, 3],
            [1, 2, 3],
          ]),
        ),
        ys: tf.data.array(Array(4).fill([1, 0])),
      })
      .batch(2)
  const compileSamples = {
    optimizer: 'adam',
    loss: 'meanSquaredError',
    lossWeights: [1],
    metrics: ['meanAbsoluteError'],
    weightedMetrics: ['meanSquaredError'],
    runEagerly: false,
    stepsPerExecution: 2,
    jitCompile: 'auto',
    autoScaleLoss: true,
  }
  section('compile, fit, evaluate and predict', [
    ...union(keras.compile, tfjs.compile).map((option) =>
      row(`compile \`${option}\``, both(keras.compile.includes(option), tfjs.compile.includes(option)), (end) =>
        train(end, { compile: { [option]: compileSamples[option] } }),
      ),
    ),
    ...fitOptions.map((option) =>
      row(`fit \`${option}\``, both(keras.fit.includes(option), tfjs.fit.includes(option)), (end) =>
        quiet(async () => {
          const { model, x, y } = problem(end)
          const sampleWeight = end === 'tfjs' ? tf.ones([rows]) : Array(rows).fill(1)
          const own = { validationData: [x, y], sampleWeight }
          const beside = /validation(Steps|Freq|BatchSize)/.test(option) ? { validationData: [x, y] } : {}
          await model.fit(x, y, { verbose: 0, ...beside, [option]: own[option] ?? fitSamples[option] })
        }),
      ),
    ),
    ...['callbacks', 'validationSplit', 'validationData', 'classWeight'].map((option) =>
      row(`fit \`${option}: null\``, 'KT', (end) => train(end, {}, { [option]: null })),
    ),
    row('fit of an object of inputs by name', 'KT', (end) => {
      const { model, x, y, api } = problem(end)
      const name = api.Tensor
        ? model.inputNames[0]
        : (model.inputs?.[0]?.name ?? model.inputNames?.[0] ?? 'input_layer')
      return model.fit({ [name]: x }, y, { verbose: 0 })
    }),
    row('fit of an async iterable or data set', 'KT', async (end) => {
      const { model, x, y } = problem(end)
      if (end === 'tfjs') return model.fitDataset(dataset(), { epochs: 1, verbose: 0 })
      async function* batches() {
        yield [x, y]
      }
      return model.fit(batches(), { verbose: 0, stepsPerEpoch: 1 })
    }),
    row('fit `batch_size`, a Python name', 'K', () => train('main', {}, { batch_size: 2 })),
    ...tfjs.fitDataset.map((option) =>
      row(`fitDataset \`${option}\``, 'T', () =>
        quiet(() => {
          const { model, x, y } = problem('tfjs')
          const samples = { ...fitSamples, batchesPerEpoch: 2, validationData: dataset(), validationBatches: 1, x, y }
          const beside = /validationBatch/.test(option)
            ? { validationData: option === 'validationBatchSize' ? [x, y] : dataset() }
            : {}
          return model.fitDataset(dataset(), { epochs: 1, verbose: 0, ...beside, [option]: samples[option] })
        }),
      ),
    ),
    ...union(keras.evaluate, ['batchSize', 'verbose', 'steps', 'sampleWeight'])
      .filter((option) => !['x', 'y'].includes(option))
      .map((option) =>
        row(
          `evaluate \`${option}\``,
          both(keras.evaluate.includes(option), ['batchSize', 'verbose', 'steps', 'sampleWeight'].includes(option)),
          (end) =>
            quiet(() => {
              const { model, x, y } = problem(end)
              const samples = {
                batchSize: 2,
                verbose: 0,
                sampleWeight: end === 'tfjs' ? tf.ones([rows]) : Array(rows).fill(1),
                steps: 1,
                callbacks: [],
                returnDict: true,
              }
              return model.evaluate(x, y, { [option]: samples[option] })
            }),
        ),
      ),
    ...union(keras.predict)
      .filter((option) => option !== 'x')
      .map((option) =>
        row(`predict \`${option}\``, both(true, ['batchSize', 'verbose'].includes(option)), (end) =>
          quiet(() => {
            const { model, x } = problem(end)
            return model.predict(x, { [option]: { batchSize: 2, verbose: 0, steps: 1, callbacks: [] }[option] })
          }),
        ),
      ),
    row('predict while an un-awaited fit runs', 'T', async () => {
      const { model, x, y } = problem('tfjs')
      const training = model.fit(x, y, { epochs: 3, batchSize: 2 })
      model.predict(x)
      await new Promise((resolve) => setTimeout(resolve, 1))
      model.predict(x)
      await training
    }),
  ])
  return { sections, ends, problem, row, section, both, union, camel, quiet, values, rows, train, of }
}
