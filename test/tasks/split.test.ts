import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomSplit, type SplitRow, stratifiedSplit } from '../../src/tasks/shared/split.js'

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

describe('stratifiedSplit', () => {
  const labelled = (...labels: string[]): SplitRow[] =>
    labels.map((label, row) => ({ key: String(row), classes: [label] }))
  const held = (rows: readonly SplitRow[], share: number, seed: number) =>
    stratifiedSplit(rows, share, seed).validation.flatMap((row) => rows[row]?.classes ?? [])

  it('leaves a rare class in training, whatever the seed', () => {
    const rows = labelled(...Array.from({ length: 42 }, (_, row) => (row % 20 === 3 ? 'fraud' : 'fine')))
    const frauds = rows.filter(({ classes }) => classes[0] === 'fraud').length
    for (let seed = 0; seed < 60; seed++) {
      const { training, validation } = stratifiedSplit(rows, 0.1, seed)
      expect([...training, ...validation].sort((a, b) => a - b)).toEqual(rows.map((_, row) => row))
      expect(validation).toHaveLength(4)
      expect(frauds - held(rows, 0.1, seed).filter((label) => label === 'fraud').length).toBeGreaterThan(0)
    }
  })

  it('holds out every class in proportion, and a class of one row never', () => {
    const rows = labelled(...'a'.repeat(60), ...'b'.repeat(30), ...'c'.repeat(10), 'd')
    for (let seed = 0; seed < 20; seed++) {
      const labels = held(rows, 0.2, seed)
      expect(['a', 'b', 'c', 'd'].map((label) => labels.filter((each) => each === label).length)).toEqual([12, 6, 2, 0])
    }
    const single = labelled('a', 'b', 'c')
    expect(stratifiedSplit(single, 0.9, 1).validation).toEqual([])
    expect(held(labelled('a', 'a', 'b', 'b'), 0.999, 1).sort()).toEqual(['a', 'b'])
    expect(stratifiedSplit(labelled('a'), 0.5, 1)).toEqual({ training: [0], validation: [] })
  })

  it('keeps copies together, and every tag of rows with several in training', () => {
    const copies = ['x', 'y', 'x', 'z', 'x', 'w'].map((key) => ({ key, classes: [] }))
    for (let seed = 0; seed < 20; seed++) {
      const { validation } = stratifiedSplit(copies, 0.3, seed)
      const keys = validation.map((row) => copies[row]?.key)
      expect(keys.filter((key) => key === 'x').length % 3).toBe(0)
      expect(new Set(keys).size).toBe(1)
    }
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.constantFrom('O', 'B-x', 'I-x', 'B-y', 'I-y'), { minLength: 1, maxLength: 4 })),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        fc.nat(),
        (tags, share, seed) => {
          const rows = tags.map((classes, row) => ({ key: String(row), classes }))
          const { training } = stratifiedSplit(rows, share, seed)
          expect(new Set(training.flatMap((row) => tags[row] ?? []))).toEqual(new Set(tags.flat()))
        },
      ),
    )
  })
})
