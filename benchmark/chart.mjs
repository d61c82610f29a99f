// Draws the rows that `main.mjs --json FILE` wrote as a chart of times relative to Seqloom's: `node chart.mjs ROWS.json OUT.svg "machine"`.
import { readFileSync, writeFileSync } from 'node:fs'
import * as vega from 'vega'
import { compile } from 'vega-lite'

const [rowsFile, svgFile, machine = ''] = process.argv.slice(2)
if (svgFile === undefined) {
  console.error('usage: node chart.mjs ROWS.json OUT.svg "machine"')
  process.exit(2)
}
const rows = readFileSync(rowsFile, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line))
const engines = [...new Map(rows.map(({ engine, version }) => [engine, version]))]
const versions = engines.map(([engine, version]) => `${engine} ${version.replace(/\+.*/, '')}`).join(', ')
const threads = Math.max(...rows.map((row) => row.threads))

const specification = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  background: 'white',
  title: {
    text: 'Forward and backward pass of one recurrent layer, milliseconds (median; shorter is better)',
    subtitle: [versions, `${machine}, ${threads} threads; (batch, time, input = hidden)`],
    anchor: 'start',
  },
  data: { values: rows.filter(({ op }) => op === 'train') },
  facet: { row: { field: 'model', type: 'nominal', title: null, header: { labelAngle: 0, labelAlign: 'left' } } },
  spec: {
    width: 480,
    height: { step: 16 },
    layer: [
      {
        mark: 'bar',
        encoding: {
          x: { field: 'msMedian', type: 'quantitative', title: 'ms', scale: { type: 'log', domainMin: 0.1 } },
          x2: { datum: 0.1 },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 4 },
        encoding: {
          x: { field: 'msMedian', type: 'quantitative', scale: { type: 'log', domainMin: 0.1 } },
          text: { field: 'msMedian', type: 'quantitative', format: '.3~g' },
          color: { value: '#333' },
        },
      },
    ],
    encoding: {
      y: { field: 'engine', type: 'nominal', title: null, sort: engines.map(([engine]) => engine) },
      color: { field: 'engine', type: 'nominal', legend: null, sort: engines.map(([engine]) => engine) },
    },
  },
}
const view = new vega.View(vega.parse(compile(specification).spec), { renderer: 'none' })
writeFileSync(svgFile, await view.toSVG())
