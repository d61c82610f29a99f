// The rows of docs/parity.md that are methods and properties, and functions at the top level.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Absent, keras, tfjs } from './rows.mjs'

const hidden = /^(_|constructor$)/

/** Functions of two tensors that are their methods, too. */
const binary = [
  'add',
  'sub',
  'mul',
  'div',
  'divNoNan',
  'floorDiv',
  'mod',
  'pow',
  'maximum',
  'minimum',
  'squaredDifference',
  'atan2',
  'equal',
  'notEqual',
  'less',
  'lessEqual',
  'greater',
  'greaterEqual',
]

export function memberRows(sq, tf, { problem, both, union, quiet, row, section, of }) {
  const { picture, filter } = spatial(tf)
  const data = (api, values, shape) =>
    api.Tensor ? api.tensor(values, shape) : { data: Float32Array.from(values), shape }

  /** Calls of methods of models, by name; the others are called without arguments. */
  const modelCalls = {
    add: ({ model, api }) => model.add(api.layers.dense({ units: 1 })),
    addWeight: ({ model }) => model.addWeight('w', [2], 'float32', tf.initializers.zeros()),
    apply: ({ model, x }) => model.apply(x),
    call: ({ model, x }) => model.call(x),
    compile: ({ model }) => model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' }),
    computeMask: ({ model, x }) => model.computeMask(x),
    computeOutputShape: ({ model }) => model.computeOutputShape([null, 5, 3]),
    evaluate: ({ model, x, y }) => model.evaluate(x, y),
    evaluateDataset: ({ model, dataset }) => model.evaluateDataset(dataset(), { batches: 1 }),
    execute: ({ model, x }) => model.execute(x, model.layers.at(-1).name),
    fit: ({ model, x, y }) => model.fit(x, y, { verbose: 0 }),
    fitDataset: ({ model, dataset }) => model.fitDataset(dataset(), { epochs: 1, verbose: 0 }),
    fromConfig: ({ model, api }) =>
      api.Tensor ? api.Sequential.fromConfig(api.Sequential, model.getConfig()) : model.fromConfig(),
    getInputAt: ({ layer }) => layer.getInputAt(0),
    getLayer: ({ model }) => model.getLayer(model.layers.at(-1).name ?? 'dense'),
    getOutputAt: ({ layer }) => layer.getOutputAt(0),
    loadWeights: async ({ model, api, folder }) => {
      if (api.Tensor)
        return model.loadWeights(Object.fromEntries(model.weights.map((each) => [each.name, each.read()])))
      await model.saveWeights(join(folder, 'w.safetensors'))
      return model.loadWeights(join(folder, 'w.safetensors'))
    },
    predict: ({ model, x }) => model.predict(x),
    predictOnBatch: ({ model, x }) => model.predictOnBatch(x),
    save: ({ model, api, folder }) => model.save(api.Tensor ? `file://${folder}/saved` : join(folder, 'saved')),
    saveWeights: ({ model, folder }) => model.saveWeights(join(folder, 'w.safetensors')),
    setUserDefinedMetadata: ({ model }) => model.setUserDefinedMetadata({}),
    setWeights: ({ model }) => model.setWeights(model.getWeights()),
    testOnBatch: ({ model, x, y }) => model.testOnBatch(x, y),
    toJSON: ({ model }) => model.toJSON(),
    trainOnBatch: ({ model, x, y }) => model.trainOnBatch(x, y),
  }
  const layerCalls = {
    addLoss: ({ layer }) => layer.addLoss(() => tf.scalar(0)),
    addWeight: ({ layer }) => layer.addWeight('w', [2], 'float32', tf.initializers.zeros()),
    apply: ({ api }) => api.layers.dense({ units: 2 }).apply(api.input({ shape: [3] })),
    build: ({ api }) => api.layers.dense({ units: 2 }).build([null, 3]),
    call: ({ layer, api }) => layer.call(data(api, new Float32Array(15), [1, 5, 3]), {}),
    computeMask: ({ layer, api }) => layer.computeMask(data(api, new Float32Array(15), [1, 5, 3])),
    computeOutputShape: ({ layer }) => layer.computeOutputShape([null, 5, 3]),
    getInputAt: modelCalls.getInputAt,
    getOutputAt: modelCalls.getOutputAt,
    setWeights: ({ layer }) => layer.setWeights(layer.getWeights()),
  }
  const dataset = () =>
    tf.data
      .zip({ xs: tf.data.array(Array(4).fill(Array(5).fill([1, 2, 3]))), ys: tf.data.array(Array(4).fill([1, 0])) })
      .batch(2)

  async function member(end, owner, name, calls) {
    const { model, x, y, api } = problem(end)
    const layer = model.layers.at(-1)
    const object = owner === 'model' ? model : layer
    const folder = await mkdtemp(join(tmpdir(), 'parity-'))
    try {
      if (!(name in object)) throw new Absent(`${owner}.${name} is not there`)
      if (name === 'history') await model.fit(x, y, { verbose: 0 })
      const found = object[name]
      if (typeof found !== 'function') return found
      const call = calls[name] ?? (() => object[name]())
      return await quiet(() => call({ model, layer, x, y, api, dataset, folder }))
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
  const ofKeras = (list) => list.filter((name) => !hidden.test(name))
  const modelNames = union(
    ofKeras(keras.model),
    tfjs.model.filter((name) => !internal.test(name)),
    ['fitDataset'],
  )
  section(
    'Methods and properties of models',
    modelNames.map((name) =>
      row(`\`model.${name}\``, both(keras.model.includes(name), tfjs.model.includes(name)), (end) =>
        member(end, 'model', name, modelCalls),
      ),
    ),
  )
  section(
    'Methods and properties of layers',
    union(
      ofKeras(keras.layer),
      tfjs.layer.filter((name) => !internal.test(name)),
    ).map((name) =>
      row(`\`layer.${name}\``, both(keras.layer.includes(name), tfjs.layer.includes(name)), (end) =>
        member(end, 'layer', name, layerCalls),
      ),
    ),
  )
  section('Models and layers together', [
    row('freeze a layer: `layer.trainable = false`', 'KT', async (end) => {
      const { model, x, y } = problem(end, { compile: false })
      const layer = model.layers.at(-1)
      layer.trainable = false
      model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
      const numbers = () => layer.getWeights().map((each) => [...(end === 'tfjs' ? each.dataSync() : each.data)].join())
      const before = numbers()
      await model.fit(x, y, { verbose: 0 })
      if (before.join() !== numbers().join()) throw new Error('the layer was trained')
    }),
    row('a model inside of a model', 'KT', (end) => {
      const { model, api } = problem(end)
      const outer = api.sequential()
      outer.add(model)
      outer.add(api.layers.dense({ units: 1 }))
      return outer.summary.call(outer, undefined, undefined, () => {})
    }),
    row('one layer in two models', 'KT', (end) => {
      const { api } = end === 'tfjs' ? { api: tf } : { api: sq }
      const layer = api.layers.dense({ units: 2 })
      for (let i = 0; i < 2; i++) {
        const input = api.input({ shape: [3] })
        api.model({ inputs: input, outputs: layer.apply(input) })
      }
    }),
    row('one layer applied twice in a model', 'KT', (end) => {
      const api = end === 'tfjs' ? tf : sq
      const layer = api.layers.dense({ units: 3 })
      const input = api.input({ shape: [3] })
      return api.model({ inputs: input, outputs: layer.apply(layer.apply(input)) })
    }),
    row('`apply(x, { initialState })` of a bidirectional layer', 'KT', (end) => {
      const api = end === 'tfjs' ? tf : sq
      const state = () => api.input({ shape: [2] })
      return api.layers
        .bidirectional({ layer: api.layers.gru({ units: 2 }) })
        .apply(api.input({ shape: [5, 3] }), { initialState: [state(), state()] })
    }),
    row("`save('file://…')`", 'T', (end) => member(end, 'model', 'save', modelCalls)),
  ])

  // Tensors and functions of them.
  const two = () =>
    tf.tensor2d([
      [1, 2],
      [3, 4],
    ])
  const tensorCalls = {
    array: (x) => x.array(),
    asType: (x) => x.asType('int32'),
    as1D: (x) => x.as1D(),
    as2D: (x) => x.as2D(4, 1),
    as3D: (x) => x.as3D(1, 2, 2),
    as4D: (x) => x.as4D(1, 1, 2, 2),
    as5D: (x) => x.as5D(1, 1, 1, 2, 2),
    asScalar: () => tf.tensor1d([1]).asScalar(),
    avgPool: () => picture().avgPool(2, 1, 'valid'),
    conv1d: () => tf.ones([1, 4, 1]).conv1d(tf.ones([2, 1, 1]), 1, 'valid'),
    conv2d: () => picture().conv2d(filter(), 1, 'valid'),
    depthwiseConv2d: () => picture().depthwiseConv2d(filter(), 1, 'valid'),
    maxPool: () => picture().maxPool(2, 1, 'valid'),
    pool: () => picture().pool(2, 'max', 'valid'),
    separableConv2d: () => picture().separableConv2d(filter(), tf.ones([1, 1, 1, 1]), 1, 'valid'),
    batchNorm: (x) => x.batchNorm(tf.tensor1d([1, 2]), tf.tensor1d([1, 2])),
    broadcastTo: (x) => x.broadcastTo([2, 2, 2]),
    cast: (x) => x.cast('int32'),
    clipByValue: (x) => x.clipByValue(0, 1),
    concat: (x) => x.concat(x),
    stack: (x) => x.stack(x),
    gather: (x) => x.gather([0]),
    matMul: (x) => x.matMul(x),
    dot: (x) => x.dot(x),
    mirrorPad: (x) =>
      x.mirrorPad(
        [
          [0, 0],
          [1, 1],
        ],
        'reflect',
      ),
    oneHot: () => tf.tensor1d([0, 1], 'int32').oneHot(2),
    pad: (x) =>
      x.pad([
        [0, 1],
        [0, 0],
      ]),
    prelu: (x) => x.prelu(tf.tensor1d([1, 1])),
    reshape: (x) => x.reshape([4]),
    reshapeAs: (x) => x.reshapeAs(x),
    slice: (x) => x.slice([0, 0], [1, 1]),
    split: (x) => x.split(2),
    stridedSlice: (x) => x.stridedSlice([0, 0], [2, 2], [1, 1]),
    tile: (x) => x.tile([1, 2]),
    topk: (x) => x.topk(1),
    unsortedSegmentSum: (x) => x.unsortedSegmentSum(tf.tensor1d([0, 1], 'int32'), 2),
    unique: () => tf.tensor1d([1]).unique(),
    where: (x) => x.where(x.greater(1), x),
    logicalAnd: (x) => x.toBool().logicalAnd(x.toBool()),
    logicalOr: (x) => x.toBool().logicalOr(x.toBool()),
    logicalXor: (x) => x.toBool().logicalXor(x.toBool()),
    logicalNot: (x) => x.toBool().logicalNot(),
    all: (x) => x.toBool().all(),
    any: (x) => x.toBool().any(),
    buffer: (x) => x.buffer(),
    data: (x) => x.data(),
    bytes: (x) => x.bytes(),
    print: (x) => quiet(() => x.print()),
    squeeze: (x) => x.squeeze(),
    throwIfDisposed: (x) => x.throwIfDisposed(),
    variable: (x) => x.variable().dispose(),
    isFinite: (x) => x.isFinite(),
  }
  section(
    'Methods and properties of tensors',
    tfjs.tensor.map((name) =>
      row(`\`tensor.${name}\``, 'T', async () => {
        const x = two()
        if (!(name in x)) throw new Absent(`tensor.${name} is not there`)
        if (typeof x[name] !== 'function') return x[name]
        if (binary.includes(name)) return x[name](x)
        return await (tensorCalls[name] ?? (() => x[name]()))(x)
      }),
    ),
  )
  const topCalls = functionCalls(tf, two)
  section(
    'Functions and classes at the top level',
    tfjs.top
      .filter((name) => !/^(__|default$)/.test(name))
      .map((name) =>
        row(`\`tf.${name}\``, 'T', async () => {
          if (!(name in tf)) throw new Absent(`tf.${name} is not there`)
          const found = tf[name]
          if (typeof found !== 'function' || /^[A-Z]/.test(name)) return found
          return await quiet(() => (topCalls[name] ?? (() => found(two())))())
        }),
      ),
  )
  const namespace = (name, names, calls = {}) =>
    names.map((each) =>
      row(`\`tf.${name}.${each}\``, 'T', async () => {
        if (!(each in tf[name])) throw new Absent(`tf.${name}.${each} is not there`)
        if (typeof tf[name][each] !== 'function' || /^[A-Z]/.test(each)) return tf[name][each]
        return calls[each] ? await calls[each]() : tf[name][each]
      }),
    )
  const list = () => tf.data.array([1, 2, 3])
  const datasetCalls = {
    batch: () => list().batch(2),
    columnMajorBatch: undefined,
    concatenate: () => list().concatenate(list()),
    filter: () => list().filter((x) => x > 1),
    forEachAsync: () => list().forEachAsync(() => {}),
    map: () => list().map((x) => x),
    mapAsync: () => list().mapAsync(async (x) => x),
    prefetch: () => list().prefetch(1),
    repeat: () => list().repeat(2),
    shuffle: () => list().shuffle(2),
    skip: () => list().skip(1),
    take: () => list().take(1),
    toArray: () => list().toArray(),
    toArrayForTest: () => list().toArray(),
    iterator: () => list().iterator(),
  }
  section('Data sets and other namespaces', [
    ...namespace('data', tfjs.data, {
      array: list,
      csv: () => tf.data.csv('file://x.csv'),
      func: () => tf.data.func(() => ({ value: 1, done: true })),
      generator: () =>
        tf.data.generator(function* () {
          yield 1
        }),
      zip: () => tf.data.zip([list(), list()]),
      microphone: () => tf.data.microphone(),
      webcam: () => tf.data.webcam(),
    }),
    ...tfjs.dataset.map((name) =>
      row(`\`dataset.${name}\``, 'T', () => {
        const set = list()
        if (!(name in set)) throw new Absent(`dataset.${name} is not there`)
        return datasetCalls[name]?.() ?? set[name]
      }),
    ),
    ...namespace('io', tfjs.io, {
      listModels: () => tf.io.listModels(),
      removeModel: () => tf.io.removeModel('file://none'),
      copyModel: () => tf.io.copyModel('file://a', 'file://b'),
      moveModel: () => tf.io.moveModel('file://a', 'file://b'),
      browserDownloads: () => tf.io.browserDownloads(),
      browserFiles: () => tf.io.browserFiles([]),
      http: () => tf.io.http('http://localhost'),
      browserHTTPRequest: () => tf.io.browserHTTPRequest('http://localhost'),
    }),
    ...namespace('util', tfjs.util),
    ...namespace('callbacks', tfjs.callbacks),
  ])
  section(
    'Utilities of Keras',
    keras.utils.map((name) => {
      const own = name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())
      return row(`\`utils.${own}\``, 'K', () => of({ ...(sq.utils ?? {}), ...sq.text, ...sq }, own, 'utils'))
    }),
  )
  const torch = (item, call) => ({ item, who: 'P', main: call })
  const x = () => sq.input({ shape: [5, 3] })
  section('PyTorch', [
    torch('`nn.RNN(nonlinearity)`: `simpleRNN({ activation })`', () =>
      sq.layers.simpleRNN({ units: 2, activation: 'relu' }).apply(x()),
    ),
    torch('`num_layers`: `stackedRNNCells`', () =>
      sq.layers.rnn({ cell: [sq.layers.lstmCell({ units: 2 }), sq.layers.lstmCell({ units: 2 })] }).apply(x()),
    ),
    torch('`bias=False`: `useBias: false`', () => sq.layers.lstm({ units: 2, useBias: false }).apply(x())),
    torch('`b_ih` and `b_hh` of a GRU: `resetAfter`', () => sq.layers.gru({ units: 2, resetAfter: true }).apply(x())),
    torch('`batch_first=False`: `timeMajor`', () => sq.layers.lstm({ units: 2, timeMajor: true }).apply(x())),
    torch('`bidirectional=True`: `bidirectional`', () =>
      sq.layers.bidirectional({ layer: sq.layers.lstm({ units: 2 }) }).apply(x()),
    ),
    torch('`proj_size`: `cells.projectedLSTM`', () =>
      sq.layers.rnn({ cell: sq.cells.projectedLSTM({ units: 4, projection: 2 }) }).apply(x()),
    ),
    torch('packed sequences: ragged arrays', () =>
      sq.sequential([sq.layers.lstm({ units: 2, inputShape: [null, 3] })]).predictSync([
        [[1, 2, 3]],
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
      ]),
    ),
    torch('`h_0`, `c_0`: `initialState`', () =>
      sq.layers.lstm({ units: 2 }).apply(x(), { initialState: [sq.input({ shape: [2] }), sq.input({ shape: [2] })] }),
    ),
    torch("`optim.RMSprop`'s epsilon outside of the root", () => sq.optimizers.rmsprop({ formula: 'pytorch' })),
    torch('float64: `dtype`', () => sq.layers.lstm({ units: 2, dtype: 'float64' })),
  ])
}

/** Members of TensorFlow.js's classes that its documentation leaves out. */
const internal =
  /^(assert|assertInputCompatibility|assertNotDisposed|addInboundNode|batchInputShape|bumpUp|cacheMode|calculateLosses|callHook|check|checkTrainableWeightsConsistency|clearCallHook|computeInternalOutputs|constructor|createTrainFunction|disposeWeights|ensureNotDisposed|executeInternal|fitLoop|getLossIdentifiers|getMetricIdentifiers|getNodeAtIndex|getTrainingConfig|handleBuiltInMetrics|invokeCallHook|loadTrainingConfig|makeTestFunction|makeTrainFunction|predictLoop|retrieveSymbolicTensors|runInternalGraph|setCallHook|setFastWeightInitDuringBuild|standardizeUserData|standardizeUserDataXY|standardizeWeights|testFunction|testLoop|trainFunction|updatedConfig|isOptimizerOwned|warnOnIncompatibleInputShape|maybePerformIfTfjsFormat|nodeKey|evaluateDataset_|getStateful)$|_$/

/** What convolutions and poolings are tried with. */
const spatial = (tf) => ({
  picture: () => tf.ones([1, 3, 3, 1]),
  volume: () => tf.ones([1, 3, 3, 3, 1]),
  filter: () => tf.ones([2, 2, 1, 1]),
})

function functionCalls(tf, two) {
  const { picture, volume, filter } = spatial(tf)
  const one = () => tf.tensor1d([1, 2])
  const yes = () => tf.tensor1d([true, false], 'bool')
  return {
    ...Object.fromEntries([...binary, 'matMul', 'dot'].map((name) => [name, () => tf[name](two(), two())])),
    addN: () => tf.addN([one(), one()]),
    all: () => tf.all(yes()),
    any: () => tf.any(yes()),
    logicalAnd: () => tf.logicalAnd(yes(), yes()),
    logicalOr: () => tf.logicalOr(yes(), yes()),
    logicalXor: () => tf.logicalXor(yes(), yes()),
    logicalNot: () => tf.logicalNot(yes()),
    backend: () => tf.backend(),
    avgPool: () => tf.avgPool(picture(), 2, 1, 'valid'),
    avgPool3d: () => tf.avgPool3d(volume(), 2, 1, 'valid'),
    conv1d: () => tf.conv1d(tf.ones([1, 4, 1]), tf.ones([2, 1, 1]), 1, 'valid'),
    conv2d: () => tf.conv2d(picture(), filter(), 1, 'valid'),
    conv3d: () => tf.conv3d(volume(), tf.ones([2, 2, 2, 1, 1]), 1, 'valid'),
    depthwiseConv2d: () => tf.depthwiseConv2d(picture(), filter(), 1, 'valid'),
    maxPool: () => tf.maxPool(picture(), 2, 1, 'valid'),
    maxPool3d: () => tf.maxPool3d(volume(), 2, 1, 'valid'),
    pool: () => tf.pool(picture(), 2, 'max', 'valid'),
    separableConv2d: () => tf.separableConv2d(picture(), filter(), tf.ones([1, 1, 1, 1]), 1, 'valid'),
    batchNorm: () => tf.batchNorm(two(), one(), one()),
    batchNorm2d: () => tf.batchNorm2d(two(), one(), one()),
    bincount: () => tf.bincount(tf.tensor1d([1, 0], 'int32'), [], 2),
    bitwiseAnd: () => tf.bitwiseAnd(tf.tensor1d([1], 'int32'), tf.tensor1d([1], 'int32')),
    booleanMaskAsync: () => tf.booleanMaskAsync(one(), yes()),
    batchNorm3d: () => tf.batchNorm3d(tf.ones([1, 2, 2]), one(), one()),
    batchNorm4d: () => tf.batchNorm4d(tf.ones([1, 1, 2, 2]), one(), one()),
    broadcastArgs: () => tf.broadcastArgs(tf.tensor1d([2], 'int32'), tf.tensor1d([2], 'int32')),
    broadcastTo: () => tf.broadcastTo(one(), [2, 2]),
    buffer: () => tf.buffer([2]),
    cast: () => tf.cast(one(), 'int32'),
    clipByValue: () => tf.clipByValue(one(), 0, 1),
    concat: () => tf.concat([one(), one()]),
    concat1d: () => tf.concat1d([one(), one()]),
    concat2d: () => tf.concat2d([two(), two()], 0),
    concat3d: () => tf.concat3d([tf.ones([1, 1, 1])], 0),
    concat4d: () => tf.concat4d([tf.ones([1, 1, 1, 1])], 0),
    cosineWindow: () => tf.signal.hannWindow(3),
    customGrad: () =>
      tf.grad((x) => tf.customGrad(() => ({ value: tf.scalar(1), gradFunc: () => tf.scalar(1) }))(x))(1),
    copyRegisteredKernels: () => tf.copyRegisteredKernels('a', 'b'),
    denseBincount: () => tf.denseBincount(tf.tensor1d([1, 0], 'int32'), [], 2),
    deprecationWarn: () => {},
    diag: () => tf.diag(one()),
    dispose: () => tf.dispose(one()),
    dropout: () => tf.dropout(one(), 0.5),
    einsum: () => tf.einsum('ij,jk->ik', two(), two()),
    enableDebugMode: () => tf.enableDebugMode(),
    engine: () => tf.engine(),
    ensureShape: () => tf.ensureShape(two(), [2, 2]),
    env: () => tf.env(),
    eye: () => tf.eye(2),
    fill: () => tf.fill([2], 1),
    findBackend: () => tf.findBackend('cpu'),
    gather: () => tf.gather(one(), tf.tensor1d([0], 'int32')),
    gatherND: () => tf.gatherND(two(), [[0, 1]]),
    getBackend: () => tf.getBackend(),
    grad: () => tf.grad((x) => x.square())(2),
    grads: () => tf.grads((x) => x.square())([tf.scalar(2)]),
    inTopKAsync: () => tf.inTopKAsync(two(), tf.tensor1d([0, 1], 'int32')),
    input: () => tf.input({ shape: [3] }),
    keep: () => tf.keep(one()),
    linspace: () => tf.linspace(0, 1, 3),
    loadLayersModel: () =>
      tf.loadLayersModel(
        tf.io.fromMemory({
          modelTopology: JSON.parse(
            tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] }).toJSON(),
          ),
          weightSpecs: [],
          weightData: new ArrayBuffer(0),
        }),
        { strict: false },
      ),
    lowerBound: () => tf.lowerBound(one(), one()),
    upperBound: () => tf.upperBound(one(), one()),
    searchSorted: () => tf.searchSorted(one(), one()),
    memory: () => tf.memory(),
    meshgrid: () => tf.meshgrid(one(), one()),
    mirrorPad: () => tf.mirrorPad(one(), [[1, 1]], 'reflect'),
    model: () => {
      const input = tf.input({ shape: [3] })
      return tf.model({ inputs: input, outputs: tf.layers.dense({ units: 1 }).apply(input) })
    },
    movingAverage: () => tf.movingAverage(tf.variable(tf.scalar(1)), tf.scalar(2), 0.9),
    multinomial: () => tf.multinomial(one(), 2, 1),
    nextFrame: () => tf.nextFrame(),
    oneHot: () => tf.oneHot([0, 1], 2),
    ones: () => tf.ones([2]),
    outerProduct: () => tf.outerProduct(one(), one()),
    pad: () => tf.pad(one(), [[1, 1]]),
    pad1d: () => tf.pad1d(one(), [1, 1]),
    pad2d: () =>
      tf.pad2d(two(), [
        [1, 1],
        [0, 0],
      ]),
    pad3d: () =>
      tf.pad3d(tf.ones([1, 1, 1]), [
        [1, 1],
        [0, 0],
        [0, 0],
      ]),
    pad4d: () =>
      tf.pad4d(tf.ones([1, 1, 1, 1]), [
        [1, 1],
        [0, 0],
        [0, 0],
        [0, 0],
      ]),
    prelu: () => tf.prelu(one(), one()),
    print: () => tf.print(one()),
    profile: () => tf.profile(() => one()),
    rand: () => tf.rand([2], Math.random),
    randomGamma: () => tf.randomGamma([2], 1),
    randomNormal: () => tf.randomNormal([2]),
    randomStandardNormal: () => tf.randomStandardNormal([2]),
    randomUniform: () => tf.randomUniform([2]),
    randomUniformInt: () => tf.randomUniformInt([2], 0, 3),
    range: () => tf.range(0, 3),
    ready: () => tf.ready(),
    registerBackend: () => tf.registerBackend('x', () => {}),
    registerClass: () => {},
    reshape: () => tf.reshape(one(), [2, 1]),
    reverse1d: () => tf.reverse1d(one()),
    reverse2d: () => tf.reverse2d(two(), 0),
    reverse3d: () => tf.reverse3d(tf.ones([1, 1, 1]), 0),
    reverse4d: () => tf.reverse4d(tf.ones([1, 1, 1, 1]), 0),
    scalar: () => tf.scalar(1),
    scatterND: () => tf.scatterND(tf.tensor2d([[0]], [1, 1], 'int32'), tf.tensor1d([1]), [2]),
    sequential: () => tf.sequential(),
    setBackend: () => tf.setBackend('cpu'),
    setPlatform: () => tf.setPlatform?.(),
    setdiff1dAsync: () => tf.setdiff1dAsync(one(), one()),
    slice: () => tf.slice(one(), 0, 1),
    slice1d: () => tf.slice1d(one(), 0, 1),
    slice2d: () => tf.slice2d(two(), [0, 0], [1, 1]),
    slice3d: () => tf.slice3d(tf.ones([1, 1, 1]), [0, 0, 0], [1, 1, 1]),
    slice4d: () => tf.slice4d(tf.ones([1, 1, 1, 1]), [0, 0, 0, 0], [1, 1, 1, 1]),
    sparseToDense: () => tf.sparseToDense([[0]], [1], [2]),
    split: () => tf.split(one(), 2),
    stack: () => tf.stack([one(), one()]),
    staticRegexReplace: () => tf.string.staticRegexReplace(),
    stridedSlice: () => tf.stridedSlice(one(), [0], [2], [1]),
    sumOutType: () => tf.sumOutType('bool'),
    tensor: () => tf.tensor([1]),
    tensor1d: () => tf.tensor1d([1]),
    tensor2d: two,
    tensor3d: () => tf.tensor3d([[[1]]]),
    tensor4d: () => tf.tensor4d([[[[1]]]]),
    tensor5d: () => tf.tensor5d([[[[[1]]]]]),
    tensor6d: () => tf.tensor6d([[[[[[1]]]]]]),
    tensorScatterUpdate: () => tf.tensorScatterUpdate(one(), [[0]], [1]),
    tidy: () => tf.tidy(() => one()),
    tile: () => tf.tile(one(), [2]),
    time: () => tf.time(() => one()),
    topk: () => tf.topk(one(), 1),
    truncatedNormal: () => tf.truncatedNormal([2]),
    unique: () => tf.unique(one()),
    unsortedSegmentSum: () => tf.unsortedSegmentSum(one(), tf.tensor1d([0, 1], 'int32'), 2),
    upcastType: () => tf.upcastType('bool', 'int32'),
    variable: () => tf.variable(one()).dispose(),
    variableGrads: () => {
      const variable = tf.variable(tf.scalar(1))
      tf.variableGrads(() => variable.square(), [variable])
      variable.dispose()
    },
    where: () => tf.where(yes(), one(), one()),
    whereAsync: () => tf.whereAsync(yes()),
    zeros: () => tf.zeros([2]),
    bandPart: () => tf.linalg.bandPart(two(), 0, 0),
    step: () => tf.step(one()),
    norm: () => tf.norm(one()),
    squeeze: () => tf.squeeze(two()),
    raggedTensorToTensor: () => tf.raggedTensorToTensor(),
    argMax: () => tf.argMax(one()),
    basicLSTMCell: () =>
      tf.basicLSTMCell(tf.scalar(1), tf.ones([4, 8]), tf.ones([8]), tf.ones([1, 2]), tf.ones([1, 2]), tf.ones([1, 2])),
    multiRNNCell: () => tf.multiRNNCell([(_x, c, h) => [c, h]], tf.ones([1, 2]), [tf.ones([1, 2])], [tf.ones([1, 2])]),
    removeBackend: () => tf.removeBackend('x'),
    valueAndGrad: () => tf.valueAndGrad((x) => x),
    valueAndGrads: () => tf.valueAndGrads((x) => x),
    nextFrameAsync: undefined,
  }
}
