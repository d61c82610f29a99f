// How much longer `fit` takes with `callbacks.dashboard`: without a page, with a page that is read, with histograms after
// every epoch, too; and with a page in Chromium, where `--chromium PROGRAM` names it. All take turns, in an order that
// changes from round to round; a ratio is the median of the rounds' ratios to training without. Cases: a character model, whose
// steps are long, and a small classifier, whose steps are short. The bound is 1.02. `--of cpu` compares processor time instead, for
// a machine on which others work, too.
import { mkdtempSync, rmSync } from 'node:fs'
import { get } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callbacks, configure, layers, sequential, tensor } from '../../dist/index.js'
import { defaultThreads, fileOf, positive, readTexts } from '../lib/options.mjs'
import { median } from '../lib/statistics.mjs'
import { publish } from '../lib/table.mjs'

const options = readTexts({
  rounds: '15',
  epochs: '4',
  threads: defaultThreads,
  of: 'wall',
  only: '',
  chromium: undefined,
  json: undefined,
})
const [rounds, epochs] = [positive('rounds', options.rounds), positive('epochs', options.epochs)]
configure({ threads: positive('threads', options.threads) })
const folder = mkdtempSync(join(tmpdir(), 'seqloom-dashboard-'))

const tokens = (rows, time, vocabulary) =>
  tensor(
    Int32Array.from({ length: rows * time }, (_, at) => (at * 7919 + (at >> 3)) % vocabulary),
    [rows, time],
  )

const cases = {
  'characters, LSTM of 256': () => {
    const model = sequential([
      layers.embedding({ inputDim: 65, outputDim: 64 }),
      layers.lstm({ units: 256, returnSequences: true }),
      layers.dense({ units: 65, activation: 'softmax' }),
    ])
    return { model, x: tokens(1024, 64, 65), y: tokens(1024, 64, 65), batchSize: 64 }
  },
  'classifier, GRU of 32': () => {
    const model = sequential([
      layers.embedding({ inputDim: 2000, outputDim: 32 }),
      layers.gru({ units: 32 }),
      layers.dense({ units: 4, activation: 'softmax' }),
    ])
    const y = Int32Array.from({ length: 16_384 }, (_, at) => at % 4)
    return { model, x: tokens(16_384, 20, 2000), y, batchSize: 32 }
  },
}

/** Reads what the server sends to a page; gives the function that ends it. */
function reader(address) {
  const request = get(`${address}events`, (response) => response.resume())
  request.on('error', () => undefined)
  return () => request.destroy()
}

let browser
async function browserPage(address) {
  const page = await browser.newPage()
  await page.goto(address)
  return () => page.close()
}

const variants = {
  without: () => undefined,
  'no page': () => ({}),
  'a page': () => ({ look: reader }),
  'a page, histograms every epoch': () => ({ look: reader, pictureFreq: 1 }),
  ...(options.chromium && { 'a page in Chromium': () => ({ look: browserPage }) }),
}
if (options.chromium) {
  const { chromium } = createRequire(import.meta.url)('playwright-core')
  browser = await chromium.launch({ executablePath: options.chromium, args: ['--no-sandbox'] })
}

const clocks = {
  wall: () => performance.now(),
  cpu: () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  },
}
const now = clocks[options.of]
if (!now) throw new Error(`--of is one of ${Object.keys(clocks).join(', ')}`)

/** Milliseconds of an epoch of a training, from the second on: the first one opens the page. */
async function timed(make, variant) {
  const { model, x, y, batchSize } = make()
  model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' })
  const wanted = variant()
  let close
  let started
  const clock = {
    onEpochEnd(epoch) {
      if (epoch === 0) started = now()
    },
  }
  const watched = []
  if (wanted) {
    const { look, ...rest } = wanted
    let opened
    const onListening = (address) => {
      opened = look?.(address)
    }
    watched.push(callbacks.dashboard({ logDir: folder, onListening, ...rest }))
    clock.onTrainBegin = async () => {
      close = await opened
    }
  }
  await model.fit(x, y, { epochs: epochs + 1, batchSize, callbacks: [...watched, clock] })
  const ms = (now() - started) / epochs
  await close?.()
  model.dispose()
  return ms
}

const lines = [['', ...Object.keys(variants)]]
for (const [name, make] of Object.entries(cases)) {
  if (!name.includes(options.only)) continue
  const times = Object.fromEntries(Object.keys(variants).map((each) => [each, []]))
  const names = Object.keys(variants)
  await timed(make, variants.without)
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < names.length; at++) {
      const each = names[(at + round) % names.length]
      times[each].push(await timed(make, variants[each]))
    }
  }
  const ratios = names.map((each) => median(times[each].map((ms, round) => ms / times.without[round])))
  lines.push([name, `${median(times.without).toFixed(0)} ms`, ...ratios.slice(1).map((ratio) => ratio.toFixed(3))])
}
await browser?.close()
rmSync(folder, { recursive: true, force: true })
publish(
  `An epoch of a training that is watched, against one that is not (${options.of} time, median of ratios)`,
  lines,
  fileOf(options.json),
)
