// What denormal inputs cost: the time of a layer with inputs around 1e-40 divided by its time with ordinary ones, in turns.
import { Engine } from '../lib/engine.mjs'
import { installed } from '../lib/engines.mjs'
import { readOptions } from '../lib/options.mjs'
import { takeTurns } from '../lib/rounds.mjs'
import { median } from '../lib/statistics.mjs'
import { publish } from '../lib/table.mjs'
import { gates, layerCase } from '../suites/layers.mjs'

const options = readOptions({ rounds: '10' })
const names = installed(options.peers ?? ['seqloom', 'pytorch'])
const engines = names.flatMap((name) => [new Engine(name, options.threads), new Engine(name, options.threads)])
const lines = [['denormal / ordinary', ...names]]
for (const kind of Object.keys(gates)) {
  for (const op of ['infer', 'train']) {
    const ordinary = layerCase(kind, op, 32, 64, 128)
    const denormal = { ...ordinary, scale: 1e-40 }
    const participants = engines.map((engine, index) => ({ engine, case: index % 2 === 0 ? ordinary : denormal }))
    const results = await takeTurns(participants, options)
    const ratios = names.map((_, index) => {
      const [plain, tiny] = [results[2 * index], results[2 * index + 1]]
      return median(tiny.times.map((time, round) => time / plain.times[round])).toFixed(2)
    })
    lines.push([`${ordinary.model} ${op}`, ...ratios])
  }
}
await Promise.all(engines.map((engine) => engine.close()))
publish('Cost of denormal inputs', lines, options.json)
