// Installs the npm packages and builds the addon and the TypeScript, each only where that is not already done. The addon is the one that builds
// fast, for quickstart and tests, and is somewhat slower; packages and benchmarks need that of `npm run build`, as `--release` makes it here.
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { hostTarget, must, root, run } from './run.mjs'

const time = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0)

/** Brings a fresh clone, or an old one after a pull, to the point where everything runs. */
export async function setup({ release = false } = {}) {
  const major = Number(process.versions.node.split('.')[0])
  if (major < 20) fail(`Node.js 20 or newer is needed; this is ${process.version}.`)
  const cargo = await run('cargo', ['--version']).catch(() => ({ code: 1 }))
  if (cargo.code !== 0)
    fail('Rust is needed to build the addon: install it from https://rustup.rs, then run this again.')

  const installed = join(root, 'node_modules', '.package-lock.json')
  if (time(installed) < time(join(root, 'package-lock.json'))) {
    // What cargo compiles meanwhile, the build finds done; it also tells what is wrong.
    const compiled = release ? undefined : compile()
    // Not `npm ci`: it refuses a lock file without the optional packages of other platforms, and a registry mirror may lack those.
    await must('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'])
    await compiled
  }
  await must('npm', ['run', '--silent', 'build:native', ...(release ? [] : ['--', '--quick'])])
  await must('npm', ['run', '--silent', 'build:ts'])
}

const compile = async () =>
  await run('cargo', ['build', '-p', 'seqloom-node', '--profile', 'quick', '--target', await hostTarget()])

function fail(message) {
  console.error(message)
  process.exit(1)
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await setup({ release: process.argv.includes('--release') })
}
