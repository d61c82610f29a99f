// Builds the addon twice from nothing, in two folders, and fails if the files differ: one commit gives one addon.
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { glibcFloorEnv } from './glibc-floor.mjs'
import { reproducibleEnv } from './release-env.mjs'
import { must, root, tool } from './run.mjs'

async function build() {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-reproducible-'))
  try {
    const { output } = await must('git', ['ls-files'], { capture: 'quiet' })
    for (const file of output.trim().split('\n')) cpSync(join(root, file), join(folder, file))
    const args = ['build', '--platform', '--no-js', '--release', '--manifest-path', 'bindings/node/Cargo.toml']
    args.push('--package-json-path', 'package.json', '--output-dir', 'out')
    const env = { ...reproducibleEnv(`--remap-path-prefix=${folder}=seqloom`), ...(await glibcFloorEnv()) }
    await must(tool('napi'), args, { cwd: folder, env })
    const file = readdirSync(join(folder, 'out')).find((name) => name.endsWith('.node'))
    return createHash('sha256')
      .update(readFileSync(join(folder, 'out', file)))
      .digest('hex')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const hashes = [await build(), await build()]
console.log(hashes.join('\n'))
if (hashes[0] !== hashes[1]) {
  console.error('The two builds differ.')
  process.exit(1)
}
console.log('Both builds are the same file.')
