// Peak resident memory of a process that does twenty training steps of a model.
import { Engine } from '../lib/engine.mjs'
import { installed } from '../lib/engines.mjs'
import { defaultThreads, fileOf, positive, readTexts } from '../lib/options.mjs'
import { publish } from '../lib/table.mjs'
import { modelCases } from '../suites/models.mjs'

const options = readTexts({
  peers: 'seqloom,pytorch,tfjs-node',
  only: '',
  steps: '20',
  threads: defaultThreads,
  json: undefined,
})
const names = installed(options.peers.split(','))
const steps = positive('steps', options.steps)
const threads = positive('threads', options.threads)

async function peakMegabytes(name, modelCase) {
  const engine = new Engine(name, threads)
  try {
    await engine.prepare(modelCase)
    await engine.run(steps)
    return ((await engine.usage()).maxRssBytes / 2 ** 20).toFixed(0)
  } finally {
    await engine.close()
  }
}

const lines = [['MiB', ...names]]
for (const modelCase of modelCases().filter(({ model }) => model.includes(options.only))) {
  const cells = []
  for (const name of names) cells.push(await peakMegabytes(name, modelCase))
  lines.push([modelCase.model, ...cells])
}
publish(`Peak resident memory of a training run of ${steps} steps`, lines, fileOf(options.json))
