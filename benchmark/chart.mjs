// Draws the ratios that `main.mjs --ratios FILE` wrote: node chart.mjs OUT.svg "machine" RATIOS.json…
// Layers are shown as the geometric mean of their sizes, models one by one; a bar of 2 is a peer that takes twice our time.
import { writeFileSync } from 'node:fs'
import * as vega from 'vega'
import { compile } from 'vega-lite'
import { fileOf, refuse } from './lib/options.mjs'
import { readLines } from './lib/results.mjs'
import { geometricMean, groupBy } from './lib/statistics.mjs'

const [svgFile, machine, ...files] = process.argv.slice(2)
if (files.length === 0) refuse('usage: node chart.mjs OUT.svg "machine" RATIOS.json…')
const ratios = files.flatMap((file) => readLines(fileOf(file))).filter(({ peer }) => peer !== 'seqloom')

const kinds = { lstm: 'LSTM', gru: 'GRU', rnn: 'simple RNN' }
const labelOf = ({ suite, kind, op, model }) => {
  if (suite !== 'layers') return model.replace(/ \(.*/, '')
  return `${kinds[kind]}, ${op === 'infer' ? 'forward' : 'forward and backward'}`
}
const groups = groupBy(ratios, (entry) => `${entry.peer} ${labelOf(entry)}`)
const bars = [...groups.values()].map((entries) => {
  const ratio = geometricMean(entries.map((entry) => entry.ratio))
  const bound = entries.some((entry) => entry.bound)
  const text = `${bound ? '> ' : ''}${ratio >= 20 ? ratio.toFixed(0) : ratio.toPrecision(3)}`
  return { label: labelOf(entries[0]), peer: entries[0].peer, ratio, text }
})
const labels = [...new Set(bars.map(({ label }) => label))]
const peers = [...new Map(ratios.map(({ peer, version }) => [peer, version]))]
const versions = peers.map(([peer, version]) => `${peer} ${version.replace(/\+.*/, '')}`).join(', ')
const [{ seqloom, threads }] = ratios

const x = {
  field: 'ratio',
  type: 'quantitative',
  title: "peer's time / Seqloom's",
  scale: { type: 'log', domainMin: 0.5, nice: false },
}
const specification = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  background: 'white',
  title: {
    text: 'How many times longer the peers take (longer bars: Seqloom is faster)',
    subtitle: [`Seqloom ${seqloom}; ${versions}`, `${machine}, ${threads} threads`],
    anchor: 'start',
  },
  data: { values: bars },
  facet: {
    row: {
      field: 'label',
      type: 'nominal',
      title: null,
      sort: labels,
      header: { labelOrient: 'top', labelAnchor: 'start', labelFontWeight: 'bold', labelPadding: 2 },
    },
  },
  spacing: 8,
  resolve: { scale: { y: 'independent' } },
  spec: {
    width: 420,
    height: { step: 14 },
    layer: [
      { mark: 'bar', encoding: { x, x2: { datum: 1 } } },
      {
        mark: { type: 'text', align: 'left', dx: 4 },
        encoding: { x, text: { field: 'text' }, color: { value: '#333' } },
      },
    ],
    encoding: {
      y: { field: 'peer', type: 'nominal', title: null, sort: peers.map(([peer]) => peer) },
      color: { field: 'peer', type: 'nominal', legend: null, sort: peers.map(([peer]) => peer) },
    },
  },
}
const view = new vega.View(vega.parse(compile(specification).spec), { renderer: 'none' })
writeFileSync(fileOf(svgFile), await view.toSVG())
