import {
  callbacks,
  cells,
  configure,
  data,
  defineCell,
  defineLayer,
  initializers,
  input,
  interop,
  layers,
  loadModel,
  losses,
  metrics,
  model,
  modelFromJSON,
  ops,
  optimizers,
  type Sequential,
  sequential,
  tasks,
  tensor,
  text,
} from 'seqloom'
import { torchFile } from './torchFile.js'

/** A public function or method with arguments that it takes. */
export interface Entry {
  readonly name: string
  readonly args: readonly unknown[]
  readonly call: (...args: never[]) => unknown
}

type Any = (...args: never[]) => unknown

/** The functions that make layers, cells, losses and so on: those of a namespace with the arguments of each. */
function makers(where: string, space: object, args: Readonly<Record<string, readonly unknown[]>>): Entry[] {
  return Object.entries(space).flatMap(([name, call]) => {
    if (typeof call !== 'function' || /^[A-Z]/.test(name)) return []
    return [{ name: `${where}.${name}`, args: args[name] ?? [{ name: 'n' }], call: call as Any }]
  })
}

const layerArgs = (): Readonly<Record<string, readonly unknown[]>> => {
  const recurrent = [
    { units: 2, inputShape: [null, 2], activation: 'tanh', returnSequences: true, dropout: 0.1, name: 'n' },
  ]
  const gru = layers.gruCell({ units: 2 })
  return {
    ...{ lstm: recurrent, gru: recurrent, simpleRNN: recurrent, gruCell: [{ units: 2 }], lstmCell: [{ units: 2 }] },
    ...{
      simpleRNNCell: [{ units: 2 }],
      stackedRNNCells: [{ cells: [gru, gru] }],
      rnn: [{ cell: [gru], inputShape: [null, 2] }],
    },
    dense: [
      {
        units: 2,
        inputShape: [2],
        useBias: true,
        kernelInitializer: 'zeros',
        weights: [
          [
            [1, 2],
            [3, 4],
          ],
          [1, 2],
        ],
      },
    ],
    embedding: [
      {
        inputDim: 3,
        outputDim: 2,
        maskZero: true,
        weights: [
          [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
        ],
      },
    ],
    bidirectional: [{ layer: layers.lstm({ units: 2 }), mergeMode: 'concat' }],
    timeDistributed: [{ layer: layers.dense({ units: 2 }) }],
    dropout: [{ rate: 0.5 }],
    activation: [{ activation: 'relu' }],
    multiHeadAttention: [{ numHeads: 1, keyDim: 2 }],
    doublyStochasticPenalty: [{ weight: 1 }],
    repeatVector: [{ n: 2 }],
    reshape: [{ targetShape: [2, 1] }],
    concatenate: [{ axis: -1 }],
  }
}

const scheduleArgs = {
  exponentialDecay: [{ initialLearningRate: 0.1, decaySteps: 2, decayRate: 0.5, staircase: true }],
  inverseTimeDecay: [{ initialLearningRate: 0.1, decaySteps: 2, decayRate: 0.5 }],
  piecewiseConstantDecay: [{ boundaries: [1, 2], values: [0.1, 0.2, 0.3] }],
  polynomialDecay: [{ initialLearningRate: 0.1, decaySteps: 2 }],
  cosineDecay: [{ initialLearningRate: 0.1, decaySteps: 2 }],
  cosineDecayRestarts: [{ initialLearningRate: 0.1, firstDecaySteps: 2 }],
  warmup: [{ warmupSteps: 2, learningRate: 0.1 }],
}

const units = 2

/** A small model, compiled. */
function small(): Sequential {
  const m = sequential([layers.lstm({ units, inputShape: [null, 2] }), layers.dense({ units, activation: 'softmax' })])
  m.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] })
  return m
}

function language(): Sequential {
  return sequential([
    layers.embedding({ inputDim: 3, outputDim: 2 }),
    layers.gru({ units, returnSequences: true }),
    layers.dense({ units: 3, activation: 'softmax' }),
  ])
}

const step = ({ x, h }: { x: never; h: never }) => ({ output: ops.sub(x, h), states: { h: ops.sub(x, h) } })

/** Every public function and method that takes arguments, but those that write files. */
export async function entries(): Promise<Entry[]> {
  const [m, lm] = [small(), language()]
  const rows = data.from([{ x: 1, y: 0 }])
  const columns = { x: ['a'], y: 'b', classes: ['c'], sampleWeight: 'w', texts: ['a'] }
  const gone = async (elements: AsyncIterable<unknown>) => {
    for await (const _ of elements);
  }
  /** What a given function throws is passed on as it is; a class throws when it is called. */
  const passedOn = async (elements: Promise<unknown>) => {
    await elements.catch((error: Error) => {
      const own = error instanceof RangeError && error.message === 'mine'
      if (!own && !/^Class constructor .* cannot be invoked/.test(error.message)) throw error
    })
  }
  const x = [[[1, 2]], [[5, 6]]]
  const y = [0, 1]
  const on = (name: string, args: readonly unknown[], call: Any): Entry => ({ name, args, call })
  const method = <T extends object>(name: string, object: T, key: keyof T, args: readonly unknown[]): Entry =>
    on(`${name}.${String(key)}`, args, (...given) => (object[key] as Any)(...given))

  const labelled = [
    { text: 'a good one', label: 'good' },
    { text: 'a bad one', label: 'bad' },
  ]
  const tagged = [{ tokens: ['a', 'b'], tags: ['X', 'Y'] }]
  const questions = [{ story: 'Mary is here.', question: 'Where is Mary?', answer: 'here' }]
  const pairs = [{ source: 'a b', target: 'c d' }]
  const captions = [{ annotations: [[1, 2]], caption: 'a b' }]
  const series = Array.from({ length: 30 }, (_, at) => at % 7)
  const once = { epochs: 1, validationSplit: 0 }
  const classifier = new tasks.TextClassifier({ units, embedding: 2, bidirectional: false })
  const tagger = new tasks.SequenceTagger({ units, embedding: 2 })
  const answerer = new tasks.QuestionAnswerer({ units, embedding: 2 })
  const translator = new tasks.Translator({ units, embedding: 2 })
  const captioner = new tasks.Captioner({ units, embedding: 2 })
  const forecaster = new tasks.Forecaster({ units, horizon: 2 })
  const generator = new tasks.TextGenerator({ units, embedding: 2, layers: 1 })
  const novel = 'some text of a novel. '.repeat(10)
  await classifier.train(labelled, once)
  await tagger.train(tagged, once)
  await answerer.train(questions, once)
  await translator.train(pairs, once)
  await captioner.train(captions, once)
  await forecaster.train(series, once)
  await generator.train(novel, { ...once, batchSize: 2, time: 5 })
  const tokenizer = await text.wordTokenizer(['a b c'])
  const session = m.session({ batchSize: 1 })

  return [
    on('tensor', [[1, 2, 3, 4], [2, 2], { lengths: [1, 2] }], tensor as Any),
    on('tensor', [new Float32Array(4), [2, 2], { mask: [true, false, true, true] }], tensor as Any),
    on('configure', [{ threads: 1 }], configure as Any),
    on('input', [{ shape: [null, 2], dtype: 'float32', name: 'n' }], input as Any),
    on('sequential', [[layers.dense({ units, inputShape: [2] })], { seed: 1, name: 'n' }], sequential as Any),
    on('model', [{ inputs: [input({ shape: [2] })], outputs: [input({ shape: [2] })], seed: 1 }], model as Any),
    on('modelFromJSON', [m.toJSON()], modelFromJSON as Any),
    on('loadModel', [new Uint8Array(4)], loadModel as Any),
    on('defineCell', [{ name: 'mine', states: { h: 2 }, weights: { w: { shape: [2, 2] } } }, step], defineCell as Any),
    on(
      'defineLayer',
      [{ name: 'mine', weights: { w: { shape: [2, 2] } } }, (value: unknown) => value],
      defineLayer as Any,
    ),
    on('ops.add', [1, 2], ops.sub as Any),
    on(
      'interop.loadPyTorch',
      [
        torchFile({ 'a.weight': { shape: [2, 2], data: [1, 2, 3, 4] } }),
        { model: m, mapping: { lstm: null }, ignore: ['b'] },
      ],
      interop.loadPyTorch as Any,
    ),
    on('interop.loadKeras', [new Uint8Array(100)], interop.loadKeras as Any),
    on(
      'interop.loadWordVectors',
      ['/nowhere/vectors.txt', { limit: 5, words: ['a'], lowercase: true }],
      interop.loadWordVectors as Any,
    ),
    ...makers('layers', layers, layerArgs()),
    ...makers('cells', cells, {
      ...{ gru: [{ units }], lstm: [{ units }], simpleRNN: [{ units }], luong: [{ units }], bahdanau: [{ units }] },
      ...{ gridLSTM: [{ units, depth: 1 }], projectedLSTM: [{ units, projection: 2 }], layerNormLSTM: [{ units }] },
    }),
    ...makers('losses', losses, {}),
    ...makers('metrics', metrics, {
      topKAccuracy: [{ k: 2, name: 'n' }],
      precision: [{ average: 'macro', name: 'n' }],
    }),
    ...makers('initializers', initializers, {}),
    ...makers('optimizers', optimizers, {
      adam: [{ learningRate: 0.1, clipNorm: 1 }],
      sgd: [{ learningRate: 0.1, momentum: 0.5 }],
    }),
    ...makers('optimizers.schedules', optimizers.schedules, scheduleArgs),
    ...makers('callbacks', callbacks, {
      ...{ progress: [() => undefined], csvLogger: [{ file: 'log.csv' }], lambda: [{ onEpochEnd: () => undefined }] },
      ...{ backupAndRestore: [{ backupDir: 'b', saveFreq: 2 }], modelCheckpoint: [{ path: 'c' }] },
      ...{ earlyStopping: [{ monitor: 'loss', patience: 2 }], reduceLROnPlateau: [{ monitor: 'loss' }] },
    }),
    on(
      'compile',
      [{ optimizer: optimizers.sgd(), loss: 'mse', metrics: ['accuracy', metrics.precision()] }],
      (options) => small().compile(options),
    ),
    on('layer.apply', [input({ shape: [2] })], (value) => layers.dense({ units }).apply(value)),
    on(
      'lstm.apply',
      [input({ shape: [null, 2] }), { initialState: [input({ shape: [2] }), input({ shape: [2] })] }],
      (value, options) => layers.lstm({ units }).apply(value, options),
    ),
    method('model', m, 'fit', [
      x,
      y,
      { epochs: 1, sampleWeight: [1, 2], classWeight: { 0: 1, 1: 2 }, validationData: [x, y, [1, 1]], callbacks: [{}] },
    ]),
    on('model.fit of rows', [[{ x: [[1, 2]], y: 0, sampleWeight: 1 }], { epochs: 1, batchSize: 1 }], (rows, options) =>
      m.fit(data.from(rows), options),
    ),
    on('model.predict of rows', [[{ x: [[1, 2]] }]], (rows) => m.predict(data.from(rows))),
    ...(['csv', 'jsonLines', 'parquet', 'arrow'] as const).map((name) =>
      on(`data.${name}`, [['none.csv'], { ...columns }], (files, options) => gone(data[name](files, options))),
    ),
    on('data.text', [['none.txt'], { encoding: 'utf-8' }], (files, options) => gone(data.text(files, options))),
    on('data.query', ['SELECT 1 AS a', { x: ['a'] }], (sql, options) => gone(data.query(sql, options))),
    on('data.from', [[1, 2], { seeks: true }], (source, options) => data.from(source, options)),
    on('dataset.batch', [1, { dropRemainder: true, bucketByLength: true, buffer: 1, seed: 1 }], (size, options) =>
      passedOn(gone(rows.batch(size, options))),
    ),
    on('dataset.shuffle', [2, { seed: 1 }], (buffer, options) => gone(rows.shuffle(buffer, options))),
    on('dataset.window', [2, { stride: 1 }], (size, options) => gone(rows.window(size, options))),
    on('dataset.map', [() => 1], (change) => passedOn(gone(rows.map(change)))),
    on('dataset.filter', [() => true], (keep) => passedOn(gone(rows.filter(keep)))),
    ...(['take', 'skip', 'repeat', 'prefetch'] as const).map((name) =>
      on(`dataset.${name}`, [2], (count) => gone(rows[name](count).take(9))),
    ),
    on('dataset.unique', [() => 1, 2], (value, most) => passedOn(rows.unique(value, most))),
    on('data.tokens', ['none.tokens'], (file) => data.tokens(file)),
    on('data.writeTokens', [['a b'], { tokenizer, file: '/nowhere/a.tokens', separator: '' }], (texts, options) =>
      data.writeTokens(texts, options),
    ),
    on('data.write', [[{ a: 1 }], '/nowhere/a.csv'], (rows, file) => data.write(rows, file)),
    on('classifier.train with rows one after another', [labelled, once], (rows, options) =>
      classifier.train(data.from(rows as typeof labelled), options),
    ),
    on('classifier.predict of texts one after another', [['a'], { batchSize: 1 }], (texts, options) =>
      gone(classifier.predict(data.from<string>(texts), options)),
    ),
    method('model', m, 'evaluate', [x, y, { batchSize: 1, sampleWeight: [1, 2] }]),
    method('model', m, 'evaluateSync', [x, y, { batchSize: 1, sampleWeight: [1, 2] }]),
    method('model', m, 'predict', [x, { batchSize: 1 }]),
    method('model', m, 'predictSync', [x, { batchSize: 1 }]),
    method('model', m, 'trainOnBatch', [x, y, { sampleWeight: [1, 2], classWeight: { 0: 1 } }]),
    method('model', m, 'testOnBatch', [x, y, { sampleWeight: [1, 2] }]),
    method('model', m, 'gradients', [x, y, { states: true }]),
    on(
      'model.gradients with cotangents',
      [
        x,
        {
          cotangents: [
            [
              [1, 2],
              [1, 2],
            ],
          ],
        },
      ],
      (a, b) => m.gradients(a, b),
    ),
    method('model', m, 'setWeights', [m.getWeights()]),
    method('model', m, 'session', [{ batchSize: 1 }]),
    on('learningRate', [0.1], (value) => {
      m.learningRate = value
    }),
    on('layer.setWeights', [m.layers[1]?.getWeights()], (value) => m.layers[1]?.setWeights(value)),
    method('session', session, 'step', [[[1, 2]]]),
    method('session', session, 'reorder', [[0]]),
    on('generate', [[1, 2], { maxTokens: 2, temperature: 1, exclude: [0] }], async (...given) => {
      for await (const _ of (lm.generate as Any)(...given) as AsyncIterable<number>);
    }),
    method('text', text, 'wordTokenizer', [['a b', 'c'], { maxVocabulary: 9, lowercase: true }]),
    method('text', text, 'charTokenizer', [['a b', 'c'], { maxVocabulary: 9 }]),
    method('text', text, 'subwordTokenizer', [['a b', 'c'], { maxVocabulary: 300 }]),
    method('text', text, 'fromJSON', [tokenizer.toJSON()]),
    method('text', text, 'bleu', [['a b'], [['a b', 'c']]]),
    method('text', text, 'languageModelBatches', [[1, 2, 3, 4, 5], { batchSize: 1, time: 2 }]),
    method('tokenizer', tokenizer, 'encode', [['a b'], { specialTokens: true }]),
    method('tokenizer', tokenizer, 'encodeSync', [['a b'], { specialTokens: true }]),
    method('tokenizer', tokenizer, 'decode', [[1, 2], { skipSpecial: true }]),
    method('tokenizer', tokenizer, 'tokenToId', ['a']),
    method('tokenizer', tokenizer, 'idToToken', [1]),
    method('tokenizer', tokenizer, 'withMaxLength', [3]),
    ...(
      ['TextClassifier', 'SequenceTagger', 'QuestionAnswerer', 'Translator', 'Captioner', 'TextGenerator'] as const
    ).map((name) => on(`new ${name}`, [{ units, embedding: 2, dropout: 0 }], (options) => new tasks[name](options))),
    on(
      'new Forecaster',
      [{ units, horizon: 2, variables: ['a'], time: 't', group: 'g', covariates: { known: ['k'] } }],
      (options) => new tasks.Forecaster(options),
    ),
    method('classifier', classifier, 'train', [labelled, { ...once, classWeight: { good: 2 } }]),
    method('classifier', classifier, 'predict', [['a'], { batchSize: 1 }]),
    method('classifier', classifier, 'evaluate', [labelled]),
    method('tagger', tagger, 'train', [tagged, once]),
    method('tagger', tagger, 'predict', [[['a', 'b']]]),
    method('tagger', tagger, 'evaluate', [tagged]),
    method('answerer', answerer, 'train', [questions, once]),
    method('answerer', answerer, 'predict', [questions]),
    method('answerer', answerer, 'evaluate', [questions]),
    method('translator', translator, 'train', [pairs, once]),
    method('translator', translator, 'translate', [['a b'], { beamWidth: 2, maxLength: 3 }]),
    method('translator', translator, 'evaluate', [pairs]),
    method('captioner', captioner, 'train', [captions, once]),
    method('captioner', captioner, 'caption', [[[[1, 2]]], { beamWidth: 2, maxLength: 3 }]),
    method('captioner', captioner, 'evaluate', [captions]),
    method('forecaster', forecaster, 'train', [series, once]),
    method('forecaster', forecaster, 'forecast', [2]),
    method('forecaster', forecaster, 'update', [1]),
    method('forecaster', forecaster, 'read', [series]),
    method('forecaster', forecaster, 'evaluate', [series]),
    method('generator', generator, 'train', [novel, { ...once, batchSize: 2, time: 5 }]),
    on('generator.generate', ['so', { maxTokens: 2, temperature: 1 }], async (...given) => {
      for await (const _ of (generator.generate as Any).apply(generator, given) as AsyncIterable<string>);
    }),
    method('generator', generator, 'evaluate', [novel]),
  ]
}
