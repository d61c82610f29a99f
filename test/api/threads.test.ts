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
