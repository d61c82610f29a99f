import { appendFileSync, writeFileSync } from 'node:fs'
import { Engine } from './engine.mjs'
import { describeCase, ratiosOf, ratioTable, rowsOf } from './report.mjs'
import { takeTurns } from './rounds.mjs'

/**
 * Measures every case on every engine, prints a line per case and a table of ratios, and writes the rows to `json` as they
 * come. Options: `suite`, `cases`, `peers` (names of engines), `threads`, `rounds`, `json` and `peak`.
 */
export async function runSuite({ suite, cases, peers, threads, rounds, json, peak }) {
  for (const name of peers) {
    const missing = Engine.missing(name)
    if (missing !== undefined) console.error(missing)
  }
  const names = peers.filter((name) => Engine.missing(name) === undefined)
  if (json !== undefined) writeFileSync(json, '')
  const engines = names.map((name) => new Engine(name, threads))
  const entries = []
  try {
    for (const benchmarkCase of cases) {
      const results = await takeTurns(engines, benchmarkCase, rounds)
      console.log(describeCase(benchmarkCase, results))
      const rows = rowsOf(suite, benchmarkCase, results, peak)
      if (json !== undefined) appendFileSync(json, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
      entries.push({ label: `${benchmarkCase.model} ${benchmarkCase.op}`, ratios: ratiosOf(results) })
    }
  } finally {
    await Promise.all(engines.map((engine) => engine.close()))
  }
  console.log(`\n${ratioTable(entries)}`)
}
