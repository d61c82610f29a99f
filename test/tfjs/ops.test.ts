import { readFileSync } from 'node:fs'
import { SeqloomError } from 'seqloom'
import * as tf from 'seqloom/tfjs'
import { describe, expect, it } from 'vitest'

// TensorFlow.js recorded what it answers to each of these calls; see test/fixtures/tfjs-ops/make.mjs.
const folder = new URL('../fixtures/tfjs-ops/', import.meta.url)
const { cases, plain } = (await import(new URL('cases.mjs', folder).href)) as {
  cases: Record<string, ((given: typeof tf) => unknown)[]>
  plain: (value: unknown, type: unknown) => unknown
}
const answers = JSON.parse(readFileSync(new URL('answers.json', folder), 'utf8')) as Record<
  string,
  { call: string; result?: unknown; error?: string }[]
>

/** Whether values are the same, numbers within the precision of float32. */
function isClose(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number') return Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(b))
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) => isClose(a[key as keyof typeof a], b[key as keyof typeof b]))
}

for (const [family, runs] of Object.entries(cases)) {
  describe(`functions of tensors answer as those of TensorFlow.js: ${family}`, () => {
    const expected = answers[family] ?? []
    it('all of them are recorded', () => {
      expect(expected).toHaveLength(runs.length)
    })
    expected.forEach(({ call, result, error }, i) => {
      const run = runs[i] as (given: typeof tf) => unknown
      if (error !== undefined) {
        it(`${call} fails`, async () => {
          await expect((async () => run(tf))()).rejects.toThrow(SeqloomError)
        })
      } else {
        it(call, async () => {
          const found = plain(await run(tf), tf.Tensor)
          if (!isClose(found, result)) expect(found).toEqual(result)
        })
      }
    })
  })
}
