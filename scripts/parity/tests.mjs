// Finds the test that shows a row of docs/parity.md: one whose text makes the call that the row names.
import { readdirSync, readFileSync } from 'node:fs'

const folder = new URL('../../test/', import.meta.url)

/** The tests of all files: their names and their texts, up to where the next one begins. */
const tests = readdirSync(folder, { recursive: true })
  .map((file) => String(file).replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.test.ts') && !file.startsWith('docs/'))
  .toSorted()
  .flatMap((file) => {
    const text = readFileSync(new URL(file, folder), 'utf8')
    const starts = [...text.matchAll(/\b(?:it|test)(?:\.each\([^\n]*\))?\(\s*(['"`])((?:\\.|(?!\1).)*)\1/g)]
    return starts.map(({ index, 2: name }, at) => ({
      file,
      name: `${file.replace(/\.test\.ts$/, '')}: ${name.replaceAll('\\', '')}`,
      text: text.slice(index, starts[at + 1]?.index),
    }))
  })
  // The shortest one that makes a call says most about it.
  .toSorted((a, b) => a.text.length - b.text.length)

const options = '\\(\\{[^)]{0,400}?\\b'

/** What the text of a test holds that makes a row's call, by how the row is written. */
const patterns = [
  [/^`(?:callbacks\.|losses\.|optimizers\.)?(\w+)` `(\w+)`$/, (made, option) => `\\b${made}${options}${option}\\b`],
  [
    /^`(layers|losses|optimizers|callbacks|initializers|regularizers|constraints)\.(\w+)(?:\(\))?`$/,
    (space, made) => `\\b${space}\\.${made}\\(`,
  ],
  [/^loss '(\w+)'$/, (name) => `\\bloss: '${name}'`],
  [/^metric '(\w+)'$/, (name) => `\\bmetrics: (\\[[^\\]]*)?'${name}'`],
  [/^'(\w+)'$/, (name) => `Initializer: '${name}'`],
  [/^optimizer '(\w+)'$/, (name) => `\\boptimizer: '${name}'`],
  [/^(dense|lstm) activation '(\w+)'$/, (layer, name) => `\\b${layer}${options}activation: '${name}'`],
  [
    /^(fit|compile|fitDataset|evaluate|predict) `(\w+)`$/,
    (method, option) => `\\.${method}\\([^;]{0,300}?\\b${option}\\b`,
  ],
  [/^hook `(\w+)`$/, (hook) => `\\b${hook}\\b`],
  [/^`tf\.(train|losses|metrics|data|io|util|callbacks)\.(\w+)`/, (space, made) => `\\btf\\.${space}\\.${made}\\b`],
  [/^`tf\.(\w+)`$/, (made) => `\\btf\\.${made}\\b`],
  [/^`(?:model|layer|tensor|dataset|optimizer)\.(\w+)`$/, (member) => `\\.${member}\\b`],
]

/** The name of a test of a row; the one of this page where no other makes the row's call. */
export function testFor(item, who) {
  for (const [shape, pattern] of patterns) {
    const words = shape.exec(item)
    if (!words) continue
    const call = new RegExp(pattern(...words.slice(1)))
    const wanted = tests.filter(({ file }) =>
      who.includes('K') ? !file.startsWith('tfjs/') : file.startsWith('tfjs/'),
    )
    const found = wanted.find(({ text }) => call.test(text))
    if (found) return found.name
  }
  return 'docs/parity: is what the calls give'
}
