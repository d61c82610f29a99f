import { readFileSync } from 'node:fs'
import { SeqloomError } from 'seqloom'
import * as tf from 'seqloom/tfjs'
import { describe, expect, it } from 'vitest'

// TensorFlow.js recorded what it answers to each of these calls; see test/fixtures/tfjs-ops/make.mjs.
const folder = new URL('../fixtures/tfjs-ops/', import.meta.url)
const { cases, nameOf, plain } = (await import(new URL('cases.mjs', folder).href)) as {
  cases: Record<string, ((given: typeof tf) => unknown)[]>
  nameOf: (run: unknown) => string
  plain: (value: unknown, type: unknown) => unknown
}
const answers = JSON.parse(readFileSync(new URL('answers.json', folder), 'utf8')) as Record<
  string,
  Record<string, { result?: unknown; error?: string }>
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
    for (const run of runs) {
      const expected = answers[family]?.[nameOf(run)]
      if (expected?.error !== undefined) {
        it(`${nameOf(run)} fails`, async () => {
          await expect((async () => run(tf))()).rejects.toThrow(SeqloomError)
        })
      } else {
        it(nameOf(run), async () => {
          const result = plain(await run(tf), tf.Tensor)
          if (!isClose(result, expected?.result)) expect(result).toEqual(expected?.result)
        })
      }
    }
  })
}
