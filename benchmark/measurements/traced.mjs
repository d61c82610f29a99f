// Traced cells beside the fused layers: the fused layer's time divided by that of the same cell as operations, in turns.
import { Engine } from '../lib/engine.mjs'
import { readOptions } from '../lib/options.mjs'
import { takeTurns } from '../lib/rounds.mjs'
import { median } from '../lib/statistics.mjs'
import { publish } from '../lib/table.mjs'
import { gates, layerCase } from '../suites/layers.mjs'

const options = readOptions()
const engines = [new Engine('seqloom', options.threads), new Engine('seqloom', options.threads)]
const lines = [['fused time / traced', 'fused, ms', 'traced, ms', 'ratio']]
for (const kind of Object.keys(gates)) {
  for (const op of ['infer', 'train']) {
    const fused = layerCase(kind, op, 32, 64, 256)
    if (!`${fused.model} ${op}`.includes(options.only)) continue
    const participants = [fused, { ...fused, traced: true }].map((one, index) => ({
      engine: engines[index],
      case: one,
    }))
    const [own, traced] = await takeTurns(participants, options)
    const ratio = median(own.times.map((time, round) => time / traced.times[round]))
    lines.push([
      `${fused.model} ${op}`,
      ...[own, traced].map(({ times }) => median(times).toPrecision(3)),
      ratio.toFixed(2),
    ])
  }
}
await Promise.all(engines.map((engine) => engine.close()))
publish('Traced cells against fused layers', lines, options.json)
