// A text classifier on few labelled AG News items, with and without an encoder that was pretrained on the others without
// their labels: the accuracy on items that neither has seen.
import { existsSync } from 'node:fs'
import { data, tasks } from '../../dist/index.js'
import { sharedData } from '../lib/engines.mjs'
import { fileOf, positive, readTexts, refuse } from '../lib/options.mjs'
import { mean } from '../lib/statistics.mjs'
import { publish } from '../lib/table.mjs'

const options = readTexts({
  data: undefined,
  seeds: '1,2,3',
  labelled: '200',
  heldOut: '1000',
  objective: 'masked',
  epochs: '30',
  json: undefined,
})
const labelled = positive('labelled', options.labelled)
const heldOut = positive('heldOut', options.heldOut)
const epochs = positive('epochs', options.epochs)
const file = fileOf(options.data) ?? sharedData('agnews-6000.csv')
if (!existsSync(file)) refuse(`the texts are missing: ${file}`)

const lines = [['seed', 'without', 'with', 'perplexity', 's to pretrain', 's to train']]
const results = []
for (const seed of options.seeds.split(',').map(Number)) {
  const rows = []
  for await (const row of data.csv(file).shuffle(100_000, { seed })) rows.push(row)
  const [test, training] = [rows.slice(0, heldOut), rows.slice(heldOut, heldOut + labelled)]
  const unlabelled = rows.slice(heldOut + labelled).map(({ text }) => text)
  const nextToken = options.objective === 'nextToken' ? { objective: 'nextToken', bidirectional: true } : {}
  const encoder = new tasks.LanguageEncoder({ seed, ...nextToken })
  const start = performance.now()
  const { history } = await encoder.train(unlabelled, {
    epochs,
    onEpoch: ({ epoch, valLoss }) =>
      console.error(`seed ${seed} epoch ${epoch}: perplexity ${Math.exp(valLoss).toFixed(1)}`),
  })
  const pretrained = performance.now()
  const accuracyOf = async (settings) => {
    const classifier = new tasks.TextClassifier({ seed, ...settings })
    await classifier.train(training)
    const { accuracy } = await classifier.evaluate(test)
    await classifier.dispose()
    return accuracy
  }
  const plain = await accuracyOf({})
  const began = performance.now()
  const helped = await accuracyOf({ encoder })
  const seconds = [pretrained - start, performance.now() - began].map((ms) => ms / 1000)
  results.push([plain, helped, Math.min(...history.val_perplexity), ...seconds])
  lines.push(
    [seed, plain.toFixed(3), helped.toFixed(3), results.at(-1)[2].toFixed(1), ...seconds.map((s) => s.toFixed(1))].map(
      String,
    ),
  )
  console.log(lines.at(-1).join('  '))
}
const means = results[0].map((_, at) => mean(results.map((each) => each[at])))
lines.push(['mean', ...means.map((value, at) => value.toFixed(at < 2 ? 3 : 1))])
publish(`AG News, ${labelled} labelled texts, classifier without and with an encoder`, lines, fileOf(options.json))
