// `npm test`: builds what is not built, runs the Rust and the TypeScript tests, and ends with `N passed, N failed`.
// `npm test -- NAME…` hands its arguments to vitest and leaves the Rust tests out.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run, tool } from './run.mjs'
import { setup } from './setup.mjs'

const filters = process.argv.slice(2)
await setup()

const total = { passed: 0, failed: 0, skipped: 0 }
let broken = false

if (filters.length === 0) {
  const rust = await run('cargo', ['test', '--workspace', '--exclude', 'seqloom-node', '--no-fail-fast'], {
    capture: true,
  })
  for (const [, passed, failed, ignored] of rust.output.matchAll(
    /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm,
  )) {
    total.passed += Number(passed)
    total.failed += Number(failed)
    total.skipped += Number(ignored)
  }
  broken ||= rust.code !== 0
}

const folder = mkdtempSync(join(tmpdir(), 'seqloom-test-'))
const report = join(folder, 'vitest.json')
const vitest = await run(tool('vitest'), [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...filters,
])
try {
  const result = JSON.parse(readFileSync(report, 'utf8'))
  total.passed += result.numPassedTests
  total.failed += result.numFailedTests
  total.skipped += result.numPendingTests + result.numTodoTests
} catch (error) {
  console.error(`vitest left no report: ${error.message}`)
}
rmSync(folder, { recursive: true, force: true })
broken ||= vitest.code !== 0

// A runner that ends badly without naming a failed test (a crash, a build error) is a failure too.
if (broken && total.failed === 0) total.failed = 1
console.log(`${total.skipped} skipped`)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(broken ? 1 : 0)
