import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { run, tool } from './run.mjs'

/** Runs vitest with arguments and counts its tests; `broken` also if it ended badly without naming a failed one. */
export async function runVitest(args) {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-test-'))
  const report = join(folder, 'vitest.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const { code } = await run(tool('vitest'), ['run', ...reporters, ...args])
  const total = { passed: 0, failed: 0, skipped: 0, broken: code !== 0, failures: [] }
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'))
    total.passed = result.numPassedTests
    total.failed = result.numFailedTests
    total.skipped = result.numPendingTests + result.numTodoTests
    total.failures = result.testResults.flatMap(failuresOf)
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`)
  }
  rmSync(folder, { recursive: true, force: true })
  return total
}

/** The names of what failed in a file of tests; the file's own, where it failed as a whole. */
function failuresOf({ name, status, message, assertionResults }) {
  const file = relative(process.cwd(), name)
  const failed = assertionResults.filter((test) => test.status === 'failed')
  if (failed.length === 0) return status === 'failed' ? [`${file}: ${message.split('\n')[0]}`] : []
  return failed.map(({ fullName, failureMessages }) => `${file}: ${fullName}: ${failureMessages[0]?.split('\n')[0]}`)
}

/** Prints the names of what failed, and the counts as the last lines and ends this process, with 1 if anything failed. */
export function finish({ passed, failed, skipped, broken, failures }) {
  for (const failure of failures) console.log(`FAILED ${failure}`)
  // A runner that ends badly without naming a failed test (a crash, a build error) is a failure too.
  console.log(`${skipped} skipped`)
  console.log(`${passed} passed, ${broken && failed === 0 ? 1 : failed} failed`)
  process.exit(broken || failed > 0 ? 1 : 0)
}
