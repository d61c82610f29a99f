import { expect, it } from 'vitest'
import { runProgram } from '../helpers/process.js'

it('rejects at once where the system refuses a thread, and goes on without', async () => {
  const ended = await runProgram<Record<string, string>>('refused-threads.mjs', [], {
    env: { RUST_MIN_STACK: String(2 ** 46), SEQLOOM_THREADS: '2' },
  })
  const { predictSync, ...calls } = ended
  expect(predictSync).toBe('64,2')
  expect(Object.keys(calls)).toHaveLength(6)
  expect(Object.entries(calls).filter(([, code]) => code !== 'ERR_NATIVE')).toEqual([])
}, 30_000)

it('computes the same with more threads than cores, and does not slow to a crawl', async () => {
  const run = (threads: number) =>
    runProgram<{ digest: string; seconds: number }>('crowded.mjs', [], { env: { SEQLOOM_THREADS: String(threads) } })
  const one = await run(1)
  for (const threads of [2, 4, 8, 64]) {
    const many = await run(threads)
    expect(many.digest, `${threads} threads`).toBe(one.digest)
    // If threads went on waiting for each other, it would be a hundred times as much on busy cores.
    expect(many.seconds, `${threads} threads`).toBeLessThan(3 + 8 * one.seconds)
  }
}, 120_000)
