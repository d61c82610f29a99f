// `npm test`: builds what is not built, runs the Rust and the TypeScript tests, and ends with `N passed, N failed`.
// `npm test -- NAME…` hands its arguments to vitest and leaves the Rust tests out.
import { cargoTest } from './cargo-test.mjs'
import { setup } from './setup.mjs'
import { finish, runVitest } from './vitest.mjs'

const filters = process.argv.slice(2)
await setup()

const total = { passed: 0, failed: 0, skipped: 0, broken: false, failures: [] }

if (filters.length === 0) {
  const rust = await cargoTest(['--no-fail-fast'], { capture: true })
  for (const [, passed, failed, ignored] of rust.output.matchAll(
    /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm,
  )) {
    total.passed += Number(passed)
    total.failed += Number(failed)
    total.skipped += Number(ignored)
  }
  for (const [, name] of rust.output.matchAll(/^test (.+) \.\.\. FAILED$/gm)) total.failures.push(name)
  total.broken = rust.code !== 0
}

const vitest = await runVitest(filters)
total.passed += vitest.passed
total.failed += vitest.failed
total.skipped += vitest.skipped
total.broken ||= vitest.broken
total.failures.push(...vitest.failures)
finish(total)
