import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run, tool } from './run.mjs'

/** Runs vitest with arguments and counts its tests; `broken` also if it ended badly without naming a failed one. */
export async function runVitest(args) {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-test-'))
  const report = join(folder, 'vitest.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const { code } = await run(tool('vitest'), ['run', ...reporters, ...args])
  const total = { passed: 0, failed: 0, skipped: 0, broken: code !== 0 }
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'))
    total.passed = result.numPassedTests
    total.failed = result.numFailedTests
    total.skipped = result.numPendingTests + result.numTodoTests
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`)
  }
  rmSync(folder, { recursive: true, force: true })
  return total
}

/** Prints the counts as the last lines and ends this process, with 1 if anything failed. */
export function finish({ passed, failed, skipped, broken }) {
  // A runner that ends badly without naming a failed test (a crash, a build error) is a failure too.
  console.log(`${skipped} skipped`)
  console.log(`${passed} passed, ${broken && failed === 0 ? 1 : failed} failed`)
  process.exit(broken || failed > 0 ? 1 : 0)
}
