// Builds the addon and its loader into src/native, and copies both to dist/native. Cargo skips what is up to date.
// `--dev` builds faster, for working on it; other arguments are passed on to `napi build`, such as `--target aarch64-unknown-linux-gnu -x`.
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { must, root, tool } from './run.mjs'

const source = join(root, 'src', 'native')
const target = join(root, 'dist', 'native')
const dev = process.argv.includes('--dev')
const extra = process.argv.slice(2).filter((argument) => argument !== '--dev')

await must(tool('napi'), [
  'build',
  '--platform',
  ...(dev ? [] : ['--release']),
  ...['--manifest-path', 'bindings/node/Cargo.toml'],
  ...['--package-json-path', 'package.json'],
  ...['--output-dir', 'src/native'],
  ...['--js', 'binding.cjs'],
  ...['--dts', 'binding.d.cts'],
  ...extra,
])

mkdirSync(target, { recursive: true })
for (const file of readdirSync(source)) {
  if (file.endsWith('.node') || file.startsWith('binding.')) copyFileSync(join(source, file), join(target, file))
}
