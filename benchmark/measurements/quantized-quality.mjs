// What int8 weights cost in quality: models are trained, measured on held-out data, quantized and measured again. A text classifier on AG
// News, characters of Tiny Shakespeare (embedding 64, two LSTM layers of 256), and a translator of short sentences to French.
// `node benchmark/measurements/quantized-quality.mjs [--only news|shakespeare|translator] [--epochs N] [--json FILE]`; the data is in a
// folder named by SEQLOOM_SHARED, as for the other measurements.
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { strFromU8, unzipSync } from 'fflate'
import { layers, optimizers, sequential, tasks, text } from '../../dist/index.js'
import { sharedData } from '../lib/engines.mjs'
import { fileOf, positive, readTexts } from '../lib/options.mjs'
import { publish } from '../lib/table.mjs'

const options = readTexts({ only: '', epochs: '4', json: undefined })
const epochs = positive('epochs', options.epochs)
const lines = [['model', 'measure', 'float32', 'int8', 'bytes, float32', 'bytes, int8']]

async function add(name, measure, [full, small], digits, models) {
  const bytes = await Promise.all(models.map(async (model) => (await weightsOf(model)).toLocaleString('en-US')))
  lines.push([name, measure, full.toFixed(digits), small.toFixed(digits), ...bytes])
  console.log(lines.at(-1).join('  '))
}

/** The size of a model's file of weights. */
async function weightsOf(model) {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-quantized-'))
  try {
    const file = join(folder, 'weights.safetensors')
    await model.saveWeights(file)
    return statSync(file).size
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function news() {
  const [, ...rows] = readFileSync(sharedData('agnews-6000.csv'), 'utf8').trim().split('\n')
  const items = rows.map((row) => {
    const comma = row.indexOf(',')
    const label = row.slice(0, comma)
    return { label, text: row.slice(comma + 1).replace(/^"|"$/g, '') }
  })
  const [training, held] = [items.slice(0, 5400), items.slice(5400)]
  const classifier = new tasks.TextClassifier({ cell: 'lstm', bidirectional: true, units: 64, embedding: 64, seed: 1 })
  await classifier.train(training, { epochs, validationData: held })
  const small = await classifier.quantize()
  const scores = [await classifier.evaluate(held), await small.evaluate(held)].map(({ accuracy }) => 100 * accuracy)
  await add('AG News, bidirectional LSTM', 'accuracy, %', scores, 2, [classifier.model, small.model])
}

async function shakespeare() {
  const whole = readFileSync(sharedData('tinyshakespeare.txt'), 'utf8')
  const end = Math.floor(whole.length * 0.9)
  const tokenizer = await text.charTokenizer([whole])
  const [training, held] = await tokenizer.encode([whole.slice(0, end), whole.slice(end)])
  const [batchSize, time] = [64, 100]
  const { x, y } = text.languageModelBatches(training, { batchSize, time })
  const validation = text.languageModelBatches(held, { batchSize, time })
  const vocabulary = tokenizer.vocabularySize
  const model = sequential(
    [
      layers.embedding({ inputDim: vocabulary, outputDim: 64, embeddingsInitializer: 'randomNormal' }),
      layers.lstm({ units: 256, returnSequences: true, stateful: true }),
      layers.lstm({ units: 256, returnSequences: true, stateful: true }),
      layers.dense({ units: vocabulary, activation: 'softmax' }),
    ],
    { seed: 1 },
  )
  const steps = x.shape[0] / batchSize
  const learningRate = optimizers.schedules.cosineDecay({ initialLearningRate: 4e-3, decaySteps: steps * epochs })
  model.compile({ optimizer: optimizers.adam({ learningRate }), loss: 'sparseCategoricalCrossentropy' })
  await model.fit(x, y, { epochs, batchSize })
  const small = model.quantize()
  const losses = []
  for (const each of [model, small]) losses.push((await each.evaluate(validation.x, validation.y, { batchSize }))[0])
  await add('Tiny Shakespeare, two LSTM layers', 'nats a character', losses, 4, [model, small])
}

async function translator() {
  const archive = unzipSync(readFileSync(sharedData('fra-eng.zip')))
  const pairs = strFromU8(archive['fra.txt']).trim().split('\n').slice(0, 24_000)
  const rows = pairs.map((pair) => pair.split('\t')).map(([source, target]) => ({ source, target }))
  // One in twelve, over all lengths.
  const [training, held] = [rows.filter((_, row) => row % 12 > 0), rows.filter((_, row) => row % 12 === 0)]
  const model = new tasks.Translator({ units: 128, embedding: 96, seed: 1 })
  await model.train(training, { epochs, validationData: held.slice(0, 200) })
  const small = await model.quantize()
  const scores = [await model.evaluate(held), await small.evaluate(held)].map(({ bleu }) => bleu.score)
  await add('English to French, attention', 'BLEU', scores, 2, [model.model, small.model])
}

for (const part of [news, shakespeare, translator]) if (part.name.includes(options.only)) await part()
publish(`int8 against float32, ${epochs} epochs`, lines, fileOf(options.json))
