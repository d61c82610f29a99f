// Writes what TypeScript knows of operations, optimizers, losses, initializers and activations from their Rust descriptions
// (crates/graph/src/table.rs). With `--check`, fails where that would change anything.
import { cargoTest } from './cargo-test.mjs'
import { run, tool } from './run.mjs'

const check = process.argv.includes('--check')
const env = check ? {} : { SEQLOOM_GENERATE: '1' }
const written = await cargoTest(['--quiet', '--lib', 'typescript_has'], { env })
const files = ['src/table.ts', 'src/optimizers/rules.ts']
const formatted = check || written.code !== 0 ? written : await run(tool('biome'), ['check', '--write', ...files])
process.exit(formatted.code)
