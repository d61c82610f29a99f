// What a newcomer does in the first hour: an intent server that is retrained while it answers, a forecast of several shops, a tagger's report.
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { tasks } from 'seqloom'

async function intentServer() {
  const rows = [
    ['hello there', 'greet'],
    ['good morning', 'greet'],
    ['hi, anybody home?', 'greet'],
    ['where is my parcel', 'track'],
    ['when will it arrive', 'track'],
    ['track my order', 'track'],
    ['i want my money back', 'refund'],
    ['send it back, please refund', 'refund'],
    ['refund this', 'refund'],
  ].map(([text, label]) => ({ text, label }))
  const classifier = new tasks.TextClassifier({ units: 16, embedding: 16 })
  await classifier.train(rows, { learningRate: 0.01 })
  const server = createServer(async (request, response) => {
    try {
      const [{ label }] = await classifier.predict([decodeURIComponent(request.url.slice(1))])
      response.end(label)
    } catch (error) {
      response.statusCode = 500
      response.end(String(error))
    }
  })
  // The test runs where there is no network, not even to this machine itself.
  const socketPath = join(mkdtempSync(join(tmpdir(), 'newcomer-')), 'http')
  server.listen(socketPath)
  await once(server, 'listening')
  let [answered, failed, right] = [0, 0, 0]
  const ask = async () => {
    const { text, label } = rows[answered++ % rows.length]
    const [response] = await once(get({ socketPath, path: `/${encodeURIComponent(text)}` }), 'response')
    const said = await textOf(response)
    if (response.statusCode !== 200) failed++
    else if (said === label) right++
  }
  let retraining = true
  const retrained = classifier
    .train([...rows, { text: 'your shop is great 👍', label: 'greet' }], { learningRate: 0.01, maxUnknown: 1 })
    .finally(() => {
      retraining = false
    })
  let during = 0
  while (answered < 1000 || retraining) {
    if (retraining) during += 10
    await Promise.all(Array.from({ length: 10 }, ask))
  }
  await retrained
  server.close()
  server.closeAllConnections()
  await classifier.dispose()
  return { enough: answered >= 1000, during: during > 0, failed, right: right / answered }
}

async function shops() {
  const day = (index) => new Date(Date.UTC(2024, 0, 1 + index)).toISOString().slice(0, 10)
  const promoted = (shop, index) => (index + 3 * shop) % 11 === 0
  const sales = (shop, index) => 100 * shop + 10 * (index % 7) + (promoted(shop, index) ? 40 : 0)
  const rowsFrom = (first, last) =>
    [1, 2, 3].flatMap((shop) =>
      Array.from({ length: last - first }, (_, at) => first + at).map((index) => {
        return { date: day(index), store: `shop ${shop}`, promotion: promoted(shop, index), sales: sales(shop, index) }
      }),
    )
  const forecaster = new tasks.Forecaster({
    ...{ variables: ['sales'], time: 'date', group: 'store', covariates: { known: ['promotion'] }, horizon: 7 },
  })
  await forecaster.train(rowsFrom(0, 120))
  const known = rowsFrom(120, 127).map(({ sales: _, ...row }) => row)
  const forecasts = forecaster.forecast({ known })
  const truth = new Map(rowsFrom(120, 127).map((row) => [row.store + row.date, row.sales]))
  const errors = forecasts.map(({ date, store, sales: { median } }) => Math.abs(median - truth.get(store + date)))
  const total = [...truth.values()].reduce((sum, value) => sum + value, 0)
  return { rows: forecasts.length, error: errors.reduce((sum, error) => sum + error, 0) / total }
}

async function taggerReport() {
  const sentences = [
    ['ann lives in paris', 'B-PER O O B-LOC'],
    ['bob went to new york', 'B-PER O O B-LOC I-LOC'],
    ['carol met dan', 'B-PER O B-PER'],
    ['rome is old', 'B-LOC O O'],
  ].map(([words, tags]) => ({ tokens: words.split(' '), tags: tags.split(' ') }))
  const tagger = new tasks.SequenceTagger({ units: 16, embedding: 16 })
  await tagger.train(sentences, { learningRate: 0.01 })
  const { accuracy, classes, entities, macro } = await tagger.evaluate(sentences)
  return { accuracy, labels: classes.map(({ label }) => label).sort(), f1: entities.f1, macro: macro.f1 }
}

console.log(JSON.stringify({ server: await intentServer(), shops: await shops(), tagger: await taggerReport() }))
