// Installs the npm packages and builds the addon and the TypeScript, each only where that is not already done. The addon is the one that builds
// fast, for quickstart and tests, and is somewhat slower; packages and benchmarks need that of `npm run build`, as `--release` makes it here.
import { copyFileSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
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
  // What takes longest begins at once; cargo skips what is up to date.
  const target = await hostTarget()
  const compiled = release ? undefined : compile(target)
  if (time(installed) < time(join(root, 'package-lock.json'))) {
    // Not `npm ci`: it refuses a lock file without the optional packages of other platforms, and a registry mirror may lack those.
    await must('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'])
  }
  // It also writes the declarations that the TypeScript is compiled with; the compiled addon fits those that are committed.
  if (compiled === undefined) await must('npm', ['run', '--silent', 'build:native'])
  await Promise.all([compiled?.then((addon) => place(addon, target)), must('npm', ['run', '--silent', 'build:ts'])])
}

/** Compiles the addon for a target, without what `napi build` does beyond that; resolves to its file. */
async function compile(target) {
  const cargo = ['build', '-p', 'seqloom-node', '--profile', 'quick', '--target', target]
  // An addon is a library for a program that has the C library already.
  const flags = [process.env.RUSTFLAGS, target.endsWith('musl') && '-C target-feature=-crt-static'].filter(Boolean)
  const env = flags.length > 0 ? { RUSTFLAGS: flags.join(' ') } : {}
  const format = ['--message-format', 'json-render-diagnostics']
  const { code, output } = await run('cargo', [...cargo, ...format], { capture: 'quiet', env })
  if (code !== 0) process.exit(code)
  const messages = output.split('\n').filter((line) => line.startsWith('{'))
  const artifacts = messages.map((line) => JSON.parse(line)).filter(({ reason }) => reason === 'compiler-artifact')
  const { filenames } = artifacts.find(({ target }) => target.name === 'seqloom_node' && target.kind.includes('cdylib'))
  return filenames.find((file) => /\.(so|dylib|dll)$/.test(file))
}

/** Copies the addon to where it is loaded from, under the name of this platform. */
async function place(addon, target) {
  const { parseTriple } = await import('@napi-rs/cli')
  const name = `seqloom.${parseTriple(target).platformArchABI}.node`
  for (const folder of ['src', 'dist'].map((top) => join(root, top, 'native'))) {
    mkdirSync(folder, { recursive: true })
    // A program that runs meanwhile keeps the file that it loaded.
    rmSync(join(folder, name), { force: true })
    copyFileSync(addon, join(folder, name))
  }
}

function fail(message) {
  console.error(message)
  process.exit(1)
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await setup({ release: process.argv.includes('--release') })
}
