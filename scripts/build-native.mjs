// Builds the addon and its declarations into src/native, and copies the addon to dist/native. Cargo skips what is up to date.
// `--quick` builds faster, for working on it; other arguments are passed on to `napi build`, such as `--target aarch64-apple-darwin`.
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { releaseEnv } from './release-env.mjs'
import { must, root, tool } from './run.mjs'

const source = join(root, 'src', 'native')
const target = join(root, 'dist', 'native')
const quick = process.argv.includes('--quick')
const extra = process.argv.slice(2).filter((argument) => argument !== '--quick')

// Our own loader says what is wrong in words of ours, so none is generated.
const args = ['build', '--platform', '--no-js']
args.push(...(quick ? ['--profile', 'quick'] : ['--release']))
args.push('--manifest-path', 'bindings/node/Cargo.toml', '--package-json-path', 'package.json')
args.push('--output-dir', 'src/native', '--dts', 'binding.d.cts', ...extra)
await must(tool('napi'), args, { env: quick ? {} : await releaseEnv(extra) })

mkdirSync(target, { recursive: true })
for (const file of readdirSync(source)) {
  if (file.endsWith('.node')) copyFileSync(join(source, file), join(target, file))
}
