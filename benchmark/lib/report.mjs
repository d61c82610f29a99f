import { geometricMean, groupBy, median } from './statistics.mjs'

const fields = ({ model, kind, op, batch, time, input, hidden }) => ({ model, kind, op, batch, time, input, hidden })
const measured = (results) => results.filter(({ error }) => error === undefined)

/** A result's median; for an engine that was too slow the limit, which its median is above. */
const medianOf = ({ times, limit }) => (times.length > 0 ? median(times) : limit)

/**
 * One row per engine and number of threads, with the fields that the project's design fixes. `peak` is one core's GFLOP/s, or
 * undefined. A row of no rounds is of an engine whose step takes longer than the row's times.
 */
export function rowsOf(suite, benchmarkCase, results, peak) {
  return measured(results).map((result) => {
    const { engine, facts, times, limit } = result
    const msMedian = medianOf(result)
    const gflops = benchmarkCase.flops / msMedian / 1e6
    return {
      suite,
      engine: engine.name,
      version: facts.version,
      ...fields(benchmarkCase),
      threads: engine.threads,
      rounds: times.length,
      msMin: times.length > 0 ? Math.min(...times) : limit,
      msMedian,
      gflops,
      peakShare: peak === undefined ? null : gflops / (peak * engine.threads),
    }
  })
}

/**
 * Each peer's time divided by ours, the median over the rounds that both took part in, at the peer's best number of threads
 * and our most; our own smaller numbers of threads count as a peer. `bound` is true where the peer was too slow to be
 * measured: the ratio is then at least this.
 */
export function ratiosOf(suite, benchmarkCase, results) {
  const own = measured(results).filter(({ engine, times }) => engine.name === 'seqloom' && times.length > 0)
  const ours = own.at(-1)
  if (ours === undefined) return []
  const others = measured(results).filter((result) => result !== ours)
  const peers = [...new Set(others.map(({ engine }) => engine.name))]
  return peers.map((peer) => {
    const settings = others.filter(({ engine }) => engine.name === peer)
    const best = settings.reduce((a, b) => (medianOf(b) < medianOf(a) ? b : a))
    const bound = best.times.length === 0
    return {
      suite,
      ...fields(benchmarkCase),
      threads: ours.engine.threads,
      seqloom: ours.facts.version,
      ms: medianOf(ours),
      peer,
      version: best.facts.version,
      peerThreads: best.engine.threads,
      ratio: bound ? best.limit / medianOf(ours) : median(best.times.map((time, round) => time / ours.times[round])),
      bound,
    }
  })
}

/** A line of text for one case: each engine's median time. */
export function describeCase(benchmarkCase, results) {
  const parts = results.map((result) => {
    const { engine, error, times, limit } = result
    if (error !== undefined) return `${engine.label}: ${error.split('\n').at(-1)}`
    return times.length === 0
      ? `${engine.label} > ${limit} ms`
      : `${engine.label} ${medianOf(result).toPrecision(4)} ms`
  })
  return `${benchmarkCase.model} ${benchmarkCase.op}: ${parts.join(', ')}`
}

/** A ratio as text; a second number says how many threads the peer was best with, where that is not our number. */
function show({ peer, ratio, bound, threads, peerThreads }, threadedPeers) {
  const text = `${bound ? '> ' : ''}${ratio >= 100 ? ratio.toFixed(0) : ratio.toFixed(2)}`
  return threadedPeers.has(peer) && peerThreads !== threads ? `${text} @${peerThreads}` : text
}

/**
 * The cells of a table of ratios: one line per case with our milliseconds, the ratios to all peers and to the fastest of them,
 * and after each group (a kind of layer and an operation) the geometric means. Our own ratio to fewer threads is the last.
 */
export function ratioCells(ratios) {
  const names = [...new Set(ratios.map(({ peer }) => peer))].filter((peer) => peer !== 'seqloom')
  const threadedPeers = new Set(ratios.filter(({ peerThreads }) => peerThreads > 1).map(({ peer }) => peer))
  const scaling = ratios.some(({ peer }) => peer === 'seqloom')
  const columns = [...names, ...(names.length > 1 ? ['fastest peer'] : []), ...(scaling ? ['seqloom@1'] : [])]

  const cellsOf = (ofCase) => {
    const peers = ofCase.filter(({ peer }) => peer !== 'seqloom')
    const one = ofCase.find(({ peer }) => peer === 'seqloom')
    const fastest = peers.reduce((a, b) => (a === undefined || b.ratio < a.ratio ? b : a), undefined)
    return {
      ...Object.fromEntries(peers.map((entry) => [entry.peer, entry])),
      'fastest peer': fastest,
      'seqloom@1': one,
    }
  }
  const lineOf = (ofCase) => {
    const cells = cellsOf(ofCase)
    const { model, op, ms } = ofCase[0]
    return [
      `${model} ${op}`,
      ms.toPrecision(3),
      ...columns.map((name) => (cells[name] ? show(cells[name], threadedPeers) : '–')),
    ]
  }
  const meanLine = (label, cases) => {
    const all = cases.map(cellsOf)
    const means = columns.map((name) => {
      const entries = all.map((cells) => cells[name]).filter((entry) => entry !== undefined)
      if (entries.length === 0) return '–'
      const mean = geometricMean(entries.map(({ ratio }) => ratio))
      return `${entries.some(({ bound }) => bound) ? '> ' : ''}${mean.toFixed(2)}`
    })
    return [label, '', ...means]
  }

  const casesOf = (entries) => [...groupBy(entries, ({ model, op }) => `${model} ${op}`).values()]
  const lines = [['peer time / ours', 'ours, ms', ...columns]]
  const groups = groupBy(ratios, ({ suite, kind, op }) => (suite === 'models' ? suite : `${kind} ${op}`))
  for (const [group, entries] of groups) {
    const cases = casesOf(entries)
    lines.push(...cases.map(lineOf))
    if (cases.length > 1) lines.push(meanLine(`geometric mean, ${group}`, cases))
  }
  if (groups.size > 1) lines.push(meanLine('geometric mean of all', casesOf(ratios)))
  return lines
}

/** Cells as a table for a terminal. */
export function textTable(lines) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Cells as a table of Markdown. */
export function markdownTable(lines) {
  const [head, ...rest] = lines.map((line) => `| ${line.join(' | ')} |`)
  return [head, `|${lines[0].map((_, column) => (column === 0 ? ' --- |' : ' ---: |')).join('')}`, ...rest].join('\n')
}
