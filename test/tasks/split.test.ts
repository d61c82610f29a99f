import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomSplit } from '../../src/tasks/split.js'

describe('randomSplit', () => {
  it('draws every row once, and the wanted share', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        fc.nat(),
        (count, share, seed) => {
          const { training, validation } = randomSplit(count, share, seed)
          expect([...training, ...validation].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i))
          expect(training.length).toBeGreaterThan(0)
          if (share > 0 && count > 1) expect(Math.abs(validation.length - count * share)).toBeLessThanOrEqual(1)
          else expect(validation).toEqual([])
        },
      ),
    )
  })

  it('follows the seed, large ones too', () => {
    expect(randomSplit(100, 0.2, 7)).toEqual(randomSplit(100, 0.2, 7))
    const seeds = [0, 1, 2, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1]
    expect(new Set(seeds.map((seed) => randomSplit(100, 0.2, seed).validation.join())).size).toBe(seeds.length)
  })

  it('favours no row', () => {
    const counts = new Array<number>(10).fill(0)
    for (let seed = 0; seed < 5000; seed++) {
      const [row] = randomSplit(10, 0.1, seed).validation as [number]
      counts[row] = (counts[row] as number) + 1
    }
    for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(110)
  })
})
