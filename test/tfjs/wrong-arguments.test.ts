import * as tf from 'seqloom/tfjs'
import { describe, expect, it } from 'vitest'

const junk = [null, Symbol('s'), [Symbol('s')], Object.create(null), 10n, 'x', Number.NaN, -1, () => 1]

/** What a call ends with that has no code. */
function uncoded(name: string, call: (...args: never[]) => unknown, args: readonly unknown[]): string[] {
  try {
    call(...(args as never[]))
    return []
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string }
    return code?.startsWith('ERR_') ? [] : [`${name}: ${message}`]
  }
}

describe.each([
  ['losses', tf.losses],
  ['metrics', tf.metrics],
  ['initializers', tf.initializers],
  ['constraints', tf.constraints],
  ['regularizers', tf.regularizers],
  ['data', { csv: tf.data.csv, array: tf.data.array, generator: tf.data.generator }],
] as const)('wrong arguments of tf.%s', (space, functions) => {
  it('end in an error with a code, or none', () => {
    const t = () =>
      tf.tensor2d([
        [1, 2],
        [3, 4],
      ])
    const found = Object.entries(functions).flatMap(([name, call]) => {
      const own = call as (...args: never[]) => unknown
      if (typeof call !== 'function' || /^class\b/.test(String(call))) return []
      return junk.flatMap((wrong) =>
        [
          [wrong],
          [wrong, t()],
          [t(), wrong],
          [t(), t(), wrong],
          [t(), t(), t(), wrong],
          [t(), t(), t(), 1, wrong],
        ].flatMap((args) => uncoded(`${space}.${name}`, own, args)),
      )
    })
    expect([...new Set(found)]).toEqual([])
  })
})

describe('losses by tfjs’s names', () => {
  const [p, t] = [
    [0.2, 0.8, 0.6, 0.4],
    [0, 1, 1, 0],
  ]
  const mean = (of: (p: number, t: number) => number) =>
    p.reduce((sum, each, at) => sum + of(each, t[at] as number) / p.length, 0)
  const log1p = (x: number) => Math.log(1 + Math.max(x, 1e-7))

  it.each([
    ['meanAbsolutePercentageError', mean((p, t) => 100 * Math.abs((t - p) / Math.max(t, 1e-7)))],
    ['meanSquaredLogarithmicError', mean((p, t) => (log1p(p) - log1p(t)) ** 2)],
    ['categoricalHinge', 0.6],
    ['logcosh', mean((p, t) => Math.log(Math.cosh(p - t)))],
    ['poisson', mean((p, t) => p - t * Math.log(p + 1e-7))],
  ] as const)('%s is ours where the formula is the same', (loss, want) => {
    const model = tf.sequential({ layers: [tf.layers.activation({ activation: 'linear', inputShape: [2] })] })
    model.compile({ optimizer: 'sgd', loss })
    const score = model.evaluate(tf.tensor2d(p, [2, 2]), tf.tensor2d(t, [2, 2])) as tf.Scalar
    expect((score.dataSync()[0] as number) / want).toBeCloseTo(1, 5)
  })
})
