import { initializers, layers, sequential } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { initializers as table } from '../../src/table.js'
import { coded } from '../helpers/coded.js'

/** The kernel [4, 4] of a layer with an initializer. */
function kernel(kernelInitializer: unknown): number[] {
  const layer = layers.dense({ units: 4, inputShape: [4], kernelInitializer } as never)
  return Array.from(sequential([layer], { seed: 1 }).getWeights()[0]?.data as Float32Array)
}

describe('initializers', () => {
  const kinds = Object.keys(table).filter((kind) => kind !== 'lstmBias' && kind !== 'constant')

  it.each(kinds)('make weights by name and by function: %s', (kind) => {
    const values = kernel(kind)
    expect(values.every(Number.isFinite)).toBe(true)
    expect(kernel((initializers as unknown as Record<string, () => unknown>)[kind]?.())).toEqual(values)
  })

  it.each(table.varianceScaling.settings.distribution.of)(
    'draw with the variance that is asked for: %s',
    (distribution) => {
      const draw = (scale: number) => kernel(initializers.varianceScaling({ scale, distribution, mode: 'fanOut' }))
      const [one, four] = [draw(1), draw(4)]
      for (const [i, value] of one.entries()) expect(four[i]).toBeCloseTo(2 * value, 5)
    },
  )

  it('know the old name of the truncated normal', () => {
    const [old, now] = (['normal', 'truncatedNormal'] as const).map((distribution) =>
      kernel(initializers.varianceScaling({ distribution })),
    )
    expect(old).toEqual(now)
  })

  it('refuse what they do not know', () => {
    const cauchy = () => initializers.varianceScaling({ distribution: 'cauchy' as never })
    expect(cauchy).toThrow(coded('ERR_OPTION', /'untruncatedNormal', 'uniform'/))
    expect(() => initializers.randomNormal({ stddev: -1 })).toThrow(coded('ERR_OPTION', /stddev/))
    expect(() => initializers.constant({ seed: 1 } as never)).toThrow(coded('ERR_OPTION', /seed/))
  })
})
