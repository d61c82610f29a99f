import { median } from './rounds.mjs'

/** One row per engine of one case, with the fields that the project's design fixes. `peak` is one core's GFLOP/s, or undefined. */
export function rowsOf(suite, benchmarkCase, results, peak) {
  const { model, kind, op, batch, time, input, hidden, flops } = benchmarkCase
  return results
    .filter(({ error }) => error === undefined)
    .map(({ name, facts, times }) => {
      const msMedian = median(times)
      const gflops = flops / msMedian / 1e6
      return {
        suite,
        engine: name,
        version: facts.version,
        model,
        kind,
        op,
        batch,
        time,
        input,
        hidden,
        threads: facts.threads,
        rounds: times.length,
        msMin: Math.min(...times),
        msMedian,
        gflops,
        peakShare: peak === undefined ? null : gflops / (peak * facts.threads),
      }
    })
}

/** For each peer the median of its rounds' times divided by ours. */
export function ratiosOf(results) {
  const ours = results.find(({ name, error }) => name === 'seqloom' && error === undefined)
  if (ours === undefined) return {}
  const peers = results.filter(({ name, error }) => name !== 'seqloom' && error === undefined)
  return Object.fromEntries(
    peers.map(({ name, times }) => [name, median(times.map((time, round) => time / ours.times[round]))]),
  )
}

/** A line of text for one case: each engine's median time, and the ratios. */
export function describeCase(benchmarkCase, results) {
  const ratios = ratiosOf(results)
  const parts = results.map(({ name, error, times }) => {
    if (error !== undefined) return `${name}: failed (${error.split('\n').at(-1)})`
    const ratio = ratios[name] === undefined ? '' : ` (${ratios[name].toFixed(2)}x)`
    return `${name} ${median(times).toFixed(2)} ms${ratio}`
  })
  return `${benchmarkCase.model} ${benchmarkCase.op}: ${parts.join(', ')}`
}

/** A table of the ratios of all cases and, as its last line, their geometric means. */
export function ratioTable(entries) {
  const peers = [...new Set(entries.flatMap(({ ratios }) => Object.keys(ratios)))]
  if (peers.length === 0) return 'no ratios: seqloom or every peer is missing'
  const geometricMean = (peer) => {
    const logs = entries.filter(({ ratios }) => ratios[peer] > 0).map(({ ratios }) => Math.log(ratios[peer]))
    return Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length)
  }
  const lines = [
    ['peer time / ours', ...peers],
    ...entries.map(({ label, ratios }) => [label, ...peers.map((peer) => ratios[peer]?.toFixed(2) ?? '-')]),
    ['geometric mean', ...peers.map((peer) => geometricMean(peer).toFixed(2))],
  ]
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  return lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column])).join('  ')).join('\n')
}
