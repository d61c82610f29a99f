// Two processes that train at once on the same cores: the share of its speed alone that each of them keeps.
import { Engine } from '../lib/engine.mjs'
import { installed } from '../lib/engines.mjs'
import { defaultThreads, fileOf, positive, readTexts } from '../lib/options.mjs'
import { median } from '../lib/statistics.mjs'
import { publish } from '../lib/table.mjs'
import { layerCase } from '../suites/layers.mjs'

/** Milliseconds of work of a turn. */
const turn = 800

const options = readTexts({ peers: 'seqloom,pytorch', rounds: '7', threads: defaultThreads, json: undefined })
const rounds = positive('rounds', options.rounds)
const threads = positive('threads', options.threads)

async function shares(name, benchmarkCase) {
  const pair = [new Engine(name, threads), new Engine(name, threads)]
  const kept = [[], []]
  try {
    for (const engine of pair) {
      await engine.prepare(benchmarkCase)
      await engine.run(3)
    }
    const repeats = Math.max(2, Math.ceil(turn / (await pair[0].run(3))))
    for (let round = 0; round < rounds; round++) {
      const alone = [await pair[0].run(repeats), await pair[1].run(repeats)]
      // Both do the same amount of work, so that they end at nearly the same time if they share fairly.
      const together = await Promise.all(pair.map((engine) => engine.run(repeats)))
      kept.forEach((list, index) => {
        list.push(alone[index] / together[index])
      })
    }
  } finally {
    await Promise.all(pair.map((engine) => engine.close()))
  }
  return kept.map((list) => `${(100 * median(list)).toFixed(0)} %`)
}

const cases = [layerCase('lstm', 'train', 16, 64, 64), layerCase('lstm', 'train', 32, 64, 256)]
const lines = [['engine, case', 'first process', 'second process']]
for (const name of installed(options.peers.split(','))) {
  for (const benchmarkCase of cases) {
    lines.push([`${name}, ${benchmarkCase.model}`, ...(await shares(name, benchmarkCase))])
  }
}
publish('Speed that each of two training processes keeps of its speed alone (median)', lines, fileOf(options.json))
