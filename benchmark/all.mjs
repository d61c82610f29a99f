// Runs every suite and every measurement, one after the other, and writes their results into a folder:
// node all.mjs RESULTS [PEAK], PEAK being one core's GFLOP/s. What the folder already holds is not measured again.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { here } from './lib/engines.mjs'
import { fileOf, refuse } from './lib/options.mjs'

const [folder, peak] = process.argv.slice(2)
if (folder === undefined) refuse('usage: node all.mjs RESULTS [PEAK]')
const results = fileOf(folder)
mkdirSync(results, { recursive: true })

/** Runs a program that writes the files of `outputs` (option and name); they get their names when it has ended well. */
function measure(program, args, outputs) {
  const files = outputs.map(([option, name]) => ({ option, file: join(results, name) }))
  if (files.every(({ file }) => existsSync(file))) return
  console.log(`\n=== ${program} ${args.join(' ')}`)
  const options = files.flatMap(({ option, file }) => [option, `${file}.part`])
  const { status } = spawnSync(process.execPath, [here(program), ...args, ...options], { stdio: 'inherit' })
  if (status === 0) for (const { file } of files) renameSync(`${file}.part`, file)
  else console.error(`${program} ended with ${status}`)
}

for (const suite of ['layers', 'models', 'stream', 'growth', 'ragged', 'decoder']) {
  measure(
    'main.mjs',
    ['--suite', suite, ...(peak === undefined ? [] : ['--peak', peak])],
    [
      ['--json', `${suite}.json`],
      ['--ratios', `${suite}-ratios.json`],
    ],
  )
}
for (const name of [
  'startup',
  'memory',
  'size',
  'idle',
  'denormals',
  'traced',
  'linear',
  'neighbours',
  'busy',
  'quantized',
  'quantized-quality',
  'agnews',
]) {
  measure(`measurements/${name}.mjs`, [], [['--json', `${name}.json`]])
}
