import fc from 'fast-check'
import { AbortError, type Hypothesis, input, layers, model, type SymbolicTensor, type Tensor, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

const [start, end] = [0, 1]

/** A decoder with attention over a source of tokens, with weights that make it undecided but not indifferent. */
function decoder(vocabulary: number, seed: number) {
  const source = input({ shape: [null], dtype: 'int32', name: 'source' })
  const previous = input({ shape: [null], dtype: 'int32', name: 'previous' })
  const embed = (tokens: SymbolicTensor) =>
    layers.embedding({ inputDim: 6, outputDim: 4, embeddingsInitializer: 'randomNormal' }).apply(tokens)
  const read = layers.gru({ units: 5, returnSequences: true, returnState: true }).apply(embed(source))
  const [memory, h] = read as unknown as [SymbolicTensor, SymbolicTensor]
  const own = layers.gru({ units: 5, returnSequences: true }).apply(embed(previous), { initialState: h })
  const [context, scores] = layers.attention({ returnAttentionScores: true }).apply([own as SymbolicTensor, memory])
  const joined = layers.concatenate().apply([own as SymbolicTensor, context])
  const words = layers.dense({ units: vocabulary, activation: 'softmax' }).apply(joined as SymbolicTensor)
  const m = model({ inputs: [source, previous], outputs: [words as SymbolicTensor, scores], seed })
  // Larger weights: the distributions of fresh ones are almost even.
  m.setWeights(m.getWeights().map(({ data, shape }) => ({ data: data.map((x) => 40 * x * Math.abs(x)), shape })))
  return m
}

type Decoder = ReturnType<typeof decoder>

/** Every sequence that ends within `most` tokens or is cut there, with its score. */
function exhaustive(m: Decoder, source: readonly number[], vocabulary: number, most: number, alpha: number) {
  const found: { tokens: number[]; score: number; logProbability: number }[] = []
  const grow = (session: ReturnType<Decoder['session']>, tokens: number[], sum: number) => {
    const [{ data }] = session.step([tokens.at(-1) ?? start]) as [Tensor]
    for (let token = 0; token < vocabulary; token++) {
      const logProbability = sum + Math.log(Math.max(data[token] as number, 1.1754943508222875e-38))
      const length = tokens.length + 1
      const score = logProbability / ((5 + length) / 6) ** alpha
      if (token === end) found.push({ tokens, score, logProbability })
      else if (length === most) found.push({ tokens: [...tokens, token], score, logProbability })
      else {
        using next = session.clone()
        grow(next, [...tokens, token], logProbability)
      }
    }
  }
  using session = m.session({ constants: { source: [source as number[]] } })
  grow(session, [], 0)
  return found.sort((a, b) => b.score - a.score)
}

describe('a beam of full width', () => {
  it('finds what trying everything finds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1e6 }),
        fc.constantFrom(0, 0.6, 1),
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 }),
        async (seed, lengthPenalty, source) => {
          const [vocabulary, maxLength] = [3, 4]
          const m = decoder(vocabulary, seed)
          const all = exhaustive(m, source, vocabulary, maxLength, lengthPenalty)
          const options = { start, end, maxLength, lengthPenalty, beamWidth: 64, nBest: 5 }
          const [found] = (await m.beamSearch({ constants: { source: [source] }, ...options })) as [Hypothesis[]]
          expect(found).toHaveLength(5)
          found.forEach(({ tokens, score, logProbability, finished }, rank) => {
            expect(score).toBeCloseTo(all[rank]?.score as number, 4)
            const same = all.find((other) => other.tokens.join() === Array.from(tokens).join()) as (typeof all)[0]
            expect(logProbability).toBeCloseTo(same.logProbability, 4)
            if (!finished) expect(tokens).toHaveLength(maxLength)
          })
        },
      ),
      { numRuns: 25 },
    )
  })
})

describe('beam search', () => {
  const sources = Array.from({ length: 40 }, (_, row) =>
    Array.from({ length: 1 + (row % 7) }, (_, step) => (row * 5 + step * 3) % 6),
  )
  const options = { constants: { source: sources }, start, end, maxLength: 12 }
  const m = decoder(6, 3)

  it('is no worse than greedy search, which writes the most probable token each time', async () => {
    const greedy = await m.beamSearch(options)
    const wide = await m.beamSearch({ ...options, beamWidth: 4, nBest: 4 })
    expect(wide.some((found, row) => (found[0]?.score as number) > (greedy[row]?.[0]?.score as number) + 1e-9)).toBe(
      true,
    )
    wide.forEach((found, row) => {
      expect(found[0]?.score).toBeGreaterThanOrEqual((greedy[row]?.[0]?.score as number) - 1e-9)
      const scores = found.map(({ score }) => score)
      expect(scores).toEqual(scores.toSorted((a, b) => b - a))
    })
    sources.slice(0, 10).forEach((source, row) => {
      using session = m.session({ constants: { source: [source] } })
      const tokens: number[] = []
      while (tokens.length < 12) {
        const [{ data }] = session.step([tokens.at(-1) ?? start]) as [Tensor, Tensor]
        const best = data.indexOf(Math.max(...data))
        if (best === end) break
        tokens.push(best)
      }
      expect(Array.from(greedy[row]?.[0]?.tokens as Int32Array)).toEqual(tokens)
    })
  })

  it('gives each row the same whatever is searched for with it', async () => {
    const together = await m.beamSearch({ ...options, beamWidth: 3, alignments: true })
    for (const row of [0, 6, 17, 39]) {
      const source = [sources[row] as number[]]
      const alone = await m.beamSearch({ ...options, constants: { source }, beamWidth: 3, alignments: true })
      const [[a], b] = [alone[0] as [Hypothesis], together[row]?.[0] as Hypothesis]
      expect({ ...a, alignments: 0 }).toEqual({ ...b, alignments: 0 })
      const [steps, width] = (a.alignments as Tensor).shape as [number, number]
      const wide = (b.alignments as Tensor).shape[1] as number
      for (let step = 0; step < steps; step++) {
        const of = (tensor: Tensor | undefined, size: number) =>
          Array.from((tensor as Tensor).data.slice(step * size, step * size + width))
        expect(of(b.alignments, wide)).toEqual(of(a.alignments, width))
        expect(of(a.alignments, width).reduce((sum, x) => sum + x)).toBeCloseTo(1, 5)
      }
      expect(steps).toBe(a.tokens.length + (a.finished ? 1 : 0))
    }
  })

  it('never writes excluded tokens, and keeps to greatest lengths', async () => {
    const maxLength = sources.map((_, row) => 1 + (row % 3))
    const found = await m.beamSearch({ ...options, maxLength, beamWidth: 3, exclude: [2, 3] })
    found.forEach(([best], row) => {
      expect(best?.tokens.length).toBeLessThanOrEqual(maxLength[row] as number)
      expect(Array.from(best?.tokens as Int32Array).filter((token) => token === 2 || token === 3)).toEqual([])
    })
  })

  it('says what is wrong', async () => {
    await expectCoded(() => m.beamSearch({ ...options, beamWidth: 2, nBest: 3 }), 'ERR_OPTION', /nBest/)
    await expectCoded(() => m.beamSearch({ ...options, end: 6 }), 'ERR_OPTION', /end: 6 is not one of the 6 tokens/)
    await expectCoded(() => m.beamSearch({ ...options, maxLength: [3] }), 'ERR_OPTION', /maxLength/)
    await expectCoded(() => m.beamSearch({ ...options, lengthPenalty: -1 }), 'ERR_OPTION', /lengthPenalty/)
    await expectCoded(() => m.beamSearch({ ...options, constants: { source: [[9]] } }), 'ERR_DATA')
    await expectCoded(() => m.beamSearch({ ...options, constants: {} }), 'ERR_OPTION', /source and previous/)
    const tokens = input({ shape: [null], dtype: 'int32', name: 'tokens' })
    const bias = input({ shape: [4], name: 'bias' })
    const embedded = layers.embedding({ inputDim: 4, outputDim: 3 }).apply(tokens)
    const logits = layers.gru({ units: 4, returnSequences: true }).apply(embedded, { initialState: bias })
    const raw = model({ inputs: [tokens, bias], outputs: logits as SymbolicTensor })
    const search = { constants: { bias: tensor([1, 2, 3, 4], [1, 4]) }, start, end, maxLength: 3 }
    await expectCoded(() => raw.beamSearch(search), 'ERR_DATA', /softmax/)
    await expectCoded(() => raw.beamSearch({ ...search, alignments: true }), 'ERR_UNSUPPORTED', /second output/)
    const aborted = m.beamSearch({ ...options, signal: AbortSignal.abort() })
    await expect(aborted).rejects.toBeInstanceOf(AbortError)
  })
})
