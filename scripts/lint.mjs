// Every lint of both languages; ends with the exit code 1 if any of them complains.
import { run, tool } from './run.mjs'

const checks = [
  ['cargo', ['fmt', '--all', '--check']],
  ['cargo', ['clippy', '--workspace', '--all-targets', '--', '-D', 'warnings']],
  ['cargo', ['doc', '--workspace', '--no-deps', '--document-private-items'], { RUSTDOCFLAGS: '-D warnings' }],
  ['node', ['scripts/check-imports.mjs']],
  ['node', ['scripts/generate.mjs', '--check']],
  [tool('biome'), ['ci', '.']],
  [tool('tsc'), ['-p', 'tsconfig.json', '--noEmit']],
  [tool('tsc'), ['-p', 'page', '--noEmit']],
]

let failed = 0
for (const [command, args, env] of checks) {
  const { code } = await run(command, args, { env })
  if (code !== 0) {
    failed += 1
    console.error(`failed: ${command} ${args.join(' ')}`)
  }
}
process.exit(failed === 0 ? 0 : 1)
