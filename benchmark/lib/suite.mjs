import { appendFileSync, writeFileSync } from 'node:fs'
import { Engine } from './engine.mjs'
import { installed, threadSettings } from './engines.mjs'
import { describeCase, ratioCells, ratiosOf, rowsOf, textTable } from './report.mjs'
import { takeTurns } from './rounds.mjs'

/** A file of one object of JSON a line, written as the objects come; without a name, none. */
function linesFile(name) {
  if (name !== undefined) writeFileSync(name, '')
  return (objects) => {
    if (name !== undefined) appendFileSync(name, objects.map((object) => `${JSON.stringify(object)}\n`).join(''))
  }
}

/**
 * Measures every case on every engine, prints a line per case and a table of ratios, and writes the rows to `json` and the
 * ratios to `ratios` as they come. `peers` are names of engines, `threads` the most threads of each; the other options are
 * those of `takeTurns` and `peak`.
 */
export async function runSuite({ suite, cases, peers, threads, json, ratios, peak, ...turns }) {
  const engines = installed(peers).flatMap((name) =>
    threadSettings(name, threads).map((setting) => new Engine(name, setting)),
  )
  const writeRows = linesFile(json)
  const writeRatios = linesFile(ratios)
  const tooSlow = new TooSlowCases()
  const all = []
  try {
    for (const benchmarkCase of cases) {
      const able = engines.filter((engine) => !tooSlow.has(engine, benchmarkCase))
      const results = await takeTurns(
        able.map((engine) => ({ engine, case: benchmarkCase })),
        turns,
      )
      for (const result of results) if (result.limit !== undefined) tooSlow.add(result, benchmarkCase)
      results.push(
        ...tooSlow.resultsOf(
          engines.filter((engine) => !able.includes(engine)),
          benchmarkCase,
        ),
      )
      console.log(describeCase(benchmarkCase, results))
      writeRows(rowsOf(suite, benchmarkCase, results, peak))
      const found = ratiosOf(suite, benchmarkCase, results)
      writeRatios(found)
      all.push(...found)
    }
  } finally {
    await Promise.all(engines.map((engine) => engine.close()))
  }
  console.log(all.length > 0 ? `\n${textTable(ratioCells(all))}` : '\nno ratios: seqloom or every peer is missing')
}

/** What was too slow for an engine: a case of the same kind with more arithmetic need not be tried. */
class TooSlowCases {
  #found = new Map()

  #key = (engine, { kind, op }) => `${engine.label} ${kind} ${op}`

  add(result, benchmarkCase) {
    const key = this.#key(result.engine, benchmarkCase)
    if (!(this.#found.get(key)?.flops < benchmarkCase.flops))
      this.#found.set(key, { flops: benchmarkCase.flops, result })
  }

  has(engine, benchmarkCase) {
    return this.#found.get(this.#key(engine, benchmarkCase))?.flops <= benchmarkCase.flops
  }

  resultsOf(engines, benchmarkCase) {
    return engines.map((engine) => this.#found.get(this.#key(engine, benchmarkCase)).result)
  }
}
