// `npm run docs`: makes the site, a folder of static files, in site/dist. `--base /path/` is where it will be served from.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'vitepress'
import { writeApi } from './api.mjs'
import { writePages } from './pages.mjs'

const here = fileURLToPath(new URL('./', import.meta.url))
const started = performance.now()
const { base } = parseArgs({ options: { base: { type: 'string', default: '/' } } }).values

writePages()
await writeApi()
const warnings = []
console.warn = (...words) => {
  warnings.push(words.join(' '))
  console.error(...words)
}
await build(here, { base })
if (warnings.length > 0) throw new Error(`${warnings.length} warnings`)

const made = join(here, 'dist')
const files = readdirSync(made, { recursive: true }).map((name) => statSync(join(made, name)))
const bytes = files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0)
const seconds = (performance.now() - started) / 1000
console.log(`site/dist: ${files.length} files, ${(bytes / 1e6).toFixed(1)} MB, in ${seconds.toFixed(0)} s`)
