import { tensor, text } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

/** Reproducible numbers. */
const noise = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => 3 * Math.sin(seed * 17 + i * 7.3))

const logAdd = (a: number, b: number): number => Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)))

/** Every text that can be written, with its log-probability, best first. */
function everything(logits: Float32Array, symbols: number, blank: number): { labels: number[]; log: number }[] {
  const steps = logits.length / symbols
  const p = Array.from({ length: steps }, (_, step) => {
    const row = Array.from(logits.subarray(step * symbols, (step + 1) * symbols))
    const sum = Math.log(row.reduce((all, x) => all + Math.exp(x), 0))
    return row.map((x) => x - sum)
  })
  const found = new Map<string, number>()
  for (let code = 0; code < symbols ** steps; code++) {
    const path = Array.from({ length: steps }, (_, step) => Math.floor(code / symbols ** step) % symbols)
    const log = path.reduce((sum, symbol, step) => sum + (p[step]?.[symbol] as number), 0)
    const key = path.filter((symbol, step) => symbol !== path[step - 1] && symbol !== blank).join()
    found.set(key, found.has(key) ? logAdd(found.get(key) as number, log) : log)
  }
  return [...found]
    .map(([key, log]) => ({ labels: key === '' ? [] : key.split(',').map(Number), log }))
    .sort((a, b) => b.log - a.log)
}

describe('text.ctcDecode', () => {
  it('finds what is most probable of all that can be written, where the beam is wide', async () => {
    for (let seed = 0; seed < 12; seed++) {
      const [steps, symbols, blank] = [2 + (seed % 4), 3, seed % 3]
      const logits = noise(steps * symbols, seed)
      const all = everything(logits, symbols, blank)
      const x = tensor(logits, [1, steps, symbols])
      const [best] = text.ctcDecode(x, { blank, beamWidth: 200, nBest: 3 })
      for (const [at, found] of [best, ...(best?.alternatives ?? [])].entries()) {
        expect(found?.labels).toEqual(all[at]?.labels)
        expect(found?.score).toBeCloseTo(all[at]?.log as number, 5)
        expect(found?.times).toHaveLength(found?.labels.length as number)
      }
      expect(await text.ctcDecodeAsync(x, { blank, beamWidth: 200, nBest: 3 })).toEqual([best])
      // With scores of the symbols so far, and a bonus for each symbol.
      const score = (prefix: readonly number[], symbol: number) => -((prefix.length * 2 + symbol * 3) % 5) / 4
      const total = ({ labels, log }: { labels: number[]; log: number }) =>
        log + 0.8 * labels.reduce((sum, label, at) => sum + score(labels.slice(0, at), label), 0) + 0.3 * labels.length
      const [expected] = all.toSorted((a, b) => total(b) - total(a))
      const languageModel = (prefixes: readonly (readonly number[])[]) =>
        prefixes.map((prefix) => Array.from({ length: symbols }, (_, symbol) => score(prefix, symbol)))
      const options = { blank, beamWidth: 200, languageModelWeight: 0.8, insertionBonus: 0.3 }
      const [fused] = text.ctcDecode(x, { ...options, languageModel })
      expect(fused?.labels).toEqual(expected?.labels)
      expect(fused?.score).toBeCloseTo(total(expected as { labels: number[]; log: number }), 5)
      const later = await text.ctcDecodeAsync(x, {
        ...options,
        languageModel: async (prefixes) => languageModel(prefixes),
      })
      expect(later).toEqual([fused])
    }
  })

  it('takes the best symbol of each step by default, and tells when each begins', () => {
    const path = [0, 2, 2, 0, 2, 1, 1]
    const logits = Float32Array.from(path.flatMap((best) => [0, 1, 2].map((symbol) => Number(symbol === best) * 4)))
    const [found] = text.ctcDecode(tensor(logits, [1, 7, 3]))
    expect(found).toMatchObject({ labels: [2, 2, 1], times: [1, 4, 5] })
    expect(found?.score).toBeCloseTo(everything(logits, 3, 0)[0]?.log as number, 5)
  })

  it('leaves out padding, and steps that a mask leaves out', () => {
    const logits = noise(24, 3)
    const x = tensor(logits, [2, 4, 3], { lengths: [4, 2] })
    const [, second] = text.ctcDecode(x, { beamWidth: 4 })
    expect(text.ctcDecode(tensor(logits.slice(12, 18), [1, 2, 3]), { beamWidth: 4 })).toEqual([second])
    expect(text.ctcDecode(tensor(logits, [2, 4, 3]), { beamWidth: 4, lengths: [4, 2] })[1]).toEqual(second)
    const strong = Float32Array.of(0, 9, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9)
    const holes = tensor(strong, [1, 4, 3], { mask: [true, false, true, true] })
    expect(text.ctcDecode(holes)[0]).toMatchObject({ labels: [1, 2], times: [0, 3] })
    expect(
      text
        .ctcDecode([
          [[0, 9, 0]],
          [
            [0, 9, 0],
            [0, 0, 9],
          ],
        ])
        .map(({ labels }) => labels),
    ).toEqual([[1], [1, 2]])
  })

  it('refuses what makes no sense', async () => {
    const x = tensor(new Float32Array(6), [1, 2, 3])
    expectCoded(() => text.ctcDecode(x, { blank: 3 }), 'ERR_OPTION', /blank is 3.*0 to 2/)
    expectCoded(() => text.ctcDecode(x, { beamWidth: 0 }), 'ERR_OPTION', /beamWidth/)
    expectCoded(() => text.ctcDecode(x, { beamWidth: 2, nBest: 3 }), 'ERR_OPTION', /nBest is 3/)
    expectCoded(() => text.ctcDecode(x, { lengths: [3] }), 'ERR_DATA', /length/)
    expectCoded(() => text.ctcDecode(tensor(new Float32Array(6), [2, 3])), 'ERR_SHAPE')
    expectCoded(() => text.ctcDecode([[[0, Number.NaN]]]), ['ERR_DATA', 'ERR_NUMERIC'], /NaN|finite/)
    expectCoded(() => text.ctcDecode(x, { languageModel: () => [] }), 'ERR_DATA', /3 scores for each of 1 prefixes/)
    expectCoded(
      () => text.ctcDecode(x, { languageModel: (p) => p.map(() => [1, 2]) }),
      'ERR_DATA',
      /2 scores.*3 symbols/,
    )
    expectCoded(
      () => text.ctcDecode(x, { languageModel: (p) => p.map(() => [0, Number.NaN, 0]) }),
      'ERR_DATA',
      /symbol 1 after prefix 0/,
    )
    const thrown = new Error('mine')
    expect(() =>
      text.ctcDecode(x, {
        languageModel: () => {
          throw thrown
        },
      }),
    ).toThrow(thrown)
    const signal = AbortSignal.abort()
    await expect(text.ctcDecodeAsync(x, { signal })).rejects.toMatchObject({ name: 'AbortError' })
  })
})
