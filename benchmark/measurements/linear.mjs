// Linear recurrences: the time of their products alone divided by that of the whole, as a pass over time and step by step,
// beside our fused LSTM and PyTorch's loop, plain and compiled, in turns.
import { Engine } from '../lib/engine.mjs'
import { readOptions } from '../lib/options.mjs'
import { takeTurns } from '../lib/rounds.mjs'
import { median } from '../lib/statistics.mjs'
import { publish } from '../lib/table.mjs'
import { layerCase } from '../suites/layers.mjs'

/** Products of [hidden, hidden] in a step of each kind. */
const projections = { minGRU: 2, qrnn: 6, sru: 4 }
const grid = [
  [32, 64, 256],
  [8, 2048, 256],
]
const ours = ['projections', 'fast', 'plain', 'fused LSTM']
const theirs = ['loop', 'compiled']

const options = readOptions()
const forms = [...ours, ...(options.peers === undefined || options.peers.includes('pytorch') ? theirs : [])]
const engines = Object.fromEntries(
  forms.map((form) => [form, new Engine(theirs.includes(form) ? 'pytorch' : 'seqloom', options.threads)]),
)
const lines = [['ms, and projections / fast', ...forms, 'ratio']]
for (const [kind, products] of Object.entries(projections)) {
  for (const op of ['infer', 'train']) {
    for (const [batch, time, hidden] of grid) {
      const model = `${kind} (${batch}, ${time}, ${hidden})`
      if (!`${model} ${op}`.includes(options.only)) continue
      const common = { task: 'linear', model, kind, op, batch, time, input: hidden, hidden, projections: products }
      const participants = forms.map((form) => ({
        engine: engines[form],
        case: form === 'fused LSTM' ? layerCase('lstm', op, batch, time, hidden) : { ...common, form },
      }))
      const results = await takeTurns(participants, options)
      const [alone, fast] = results
      const rounds = alone.times.map((ms, round) => ms / fast.times[round])
      lines.push([
        `${model} ${op}`,
        ...results.map(({ times, error, limit }) =>
          times.length > 0 ? median(times).toPrecision(3) : error ? 'failed' : `over ${limit}`,
        ),
        rounds.length > 0 ? median(rounds).toFixed(2) : '',
      ])
    }
  }
}
await Promise.all(Object.values(engines).map((engine) => engine.close()))
publish('Linear recurrences', lines, options.json)
