import { input, layers, type Model, model, type Tensor, tensor, text } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { type Joint, logAdd, randomNumbers, symbolsAt } from '../helpers/transducer.js'

const symbols = 3
const blank = 0

/** A small transducer with weights that make it prefer something, and its networks. */
function transducer(seed: number, bidirectional = false) {
  const frames = input({ shape: [null, 2], name: 'frames' })
  const labels = input({ shape: [null], dtype: 'int32', name: 'labels' })
  const layer = layers.gru({ units: 5, returnSequences: true })
  const read = (bidirectional ? layers.bidirectional({ layer }) : layer).apply(frames)
  const encoded = layers.dense({ units: 4 }).apply(read)
  const embedded = layers.embedding({ inputDim: symbols, outputDim: 3 }).apply(labels)
  const predicted = layers.dense({ units: 4 }).apply(layers.lstm({ units: 4, returnSequences: true }).apply(embedded))
  const outputs = layers.transducerJoint({ units: symbols, name: 'joint' }).apply([encoded, predicted])
  const whole = model({ inputs: [frames, labels], outputs, seed })
  const next = randomNumbers(seed + 1)
  whole.setWeights(
    whole.getWeights().map(({ shape, data }) => ({ shape, data: Float32Array.from(data, () => 4 * next() - 2) })),
  )
  const parts = {
    encoder: model({ inputs: frames, outputs: encoded }),
    predictor: model({ inputs: labels, outputs: predicted }),
  }
  return { whole, ...parts, next }
}

/** Every text that at most `most` symbols a step can write, with its log-probability, best first. */
async function everything({ whole, encoder, predictor }: ReturnType<typeof transducer>, x: Tensor, most: number) {
  const [kernel, bias] = whole.getLayer('joint').getWeights() as [Tensor, Tensor]
  const joint: Joint = { kernel: kernel.array() as number[][], bias: bias.array() as number[] }
  const frames = ((await encoder.predict(x)).array() as number[][][])[0] as number[][]
  const longest = frames.length * most
  // What the predictor says after each prefix.
  const full = Array.from({ length: 2 ** longest }, (_, code) => [
    blank,
    ...Array.from({ length: longest }, (_, at) => 1 + ((code >> at) & 1)),
  ])
  const said = (await predictor.predict(full)).array() as number[][][]
  const after = (labels: readonly number[]) =>
    (said[labels.reduce((sum, label, at) => sum + ((label - 1) << at), 0)] as number[][])[labels.length] as number[]
  const found = new Map<string, number>()
  const follow = (t: number, written: number, labels: readonly number[], log: number): void => {
    if (t === frames.length) {
      const key = labels.join()
      found.set(key, found.has(key) ? logAdd(found.get(key) as number, log) : log)
      return
    }
    const p = symbolsAt(frames[t] as number[], after(labels), joint)
    follow(t + 1, 0, labels, log + (p[blank] as number))
    if (written < most)
      for (const label of [1, 2]) follow(t, written + 1, [...labels, label], log + (p[label] as number))
  }
  follow(0, 0, [], 0)
  return [...found]
    .map(([key, log]) => ({ labels: key === '' ? [] : key.split(',').map(Number), log }))
    .sort((a, b) => b.log - a.log)
}

describe('text.transducerDecode', () => {
  it('finds what is most probable of all that can be written, where the beam is wide', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const parts = transducer(seed)
      const steps = 1 + (seed % 3)
      const most = steps === 3 ? 2 : 3
      const x = tensor(
        Float32Array.from({ length: steps * 2 }, () => 4 * parts.next() - 2),
        [1, steps, 2],
      )
      const all = await everything(parts, x, most)
      const options = { beamWidth: 300, maxSymbols: most }
      const [best] = await text.transducerDecode(parts.whole, x, { ...options, nBest: 4 })
      for (const [at, found] of [best, ...(best?.alternatives ?? [])].entries()) {
        expect(found?.labels).toEqual(all[at]?.labels)
        expect(found?.score).toBeCloseTo(all[at]?.log as number, 4)
        expect(found?.times).toHaveLength(found?.labels.length as number)
        expect(found?.times).toEqual(found?.times.toSorted((a, b) => a - b))
      }
      // With scores of the symbols so far, and a bonus for each symbol.
      const score = (prefix: readonly number[], symbol: number) => -((prefix.length * 2 + symbol * 3) % 5) / 4
      const total = ({ labels, log }: { labels: number[]; log: number }) =>
        log + 0.8 * labels.reduce((sum, label, at) => sum + score(labels.slice(0, at), label), 0) + 0.3 * labels.length
      const [expected] = all.toSorted((a, b) => total(b) - total(a))
      const languageModel = async (prefixes: readonly (readonly number[])[]) =>
        prefixes.map((prefix) => Array.from({ length: symbols }, (_, symbol) => score(prefix, symbol)))
      const fusion = { languageModel, languageModelWeight: 0.8, insertionBonus: 0.3 }
      const [fused] = await text.transducerDecode(parts.whole, x, { ...options, ...fusion })
      expect(fused?.labels).toEqual(expected?.labels)
      expect(fused?.score).toBeCloseTo(total(expected as { labels: number[]; log: number }), 4)
    }
  })

  it('writes the most probable symbols by default, for rows of any lengths, as a stream does', async () => {
    const { whole, next } = transducer(4)
    const rows = [5, 1, 7, 3].map((steps) => Array.from({ length: steps }, () => [4 * next() - 2, 4 * next() - 2]))
    const found = await text.transducerDecode(whole, rows, { maxSymbols: 2 })
    expect(found.some(({ labels }) => labels.length > 1)).toBe(true)
    for (const [at, row] of rows.entries()) {
      const [alone] = await text.transducerDecode(whole, [row], { maxSymbols: 2 })
      expect(alone).toEqual(found[at])
      using stream = text.transducerStream(whole, { maxSymbols: 2 })
      const written = row.map((step) => stream.write([step]))
      expect(written.flatMap(({ labels }) => labels)).toEqual(found[at]?.labels)
      expect(written.flatMap(({ times }) => times)).toEqual(found[at]?.times)
    }
    const [beam] = await text.transducerDecode(whole, [rows[2] as number[][]], { maxSymbols: 2, beamWidth: 12 })
    expect(beam?.score).toBeGreaterThanOrEqual(found[2]?.score as number)
  })

  it('writes with a beam what it writes of the whole, while the input comes', async () => {
    const score = (prefix: readonly number[], symbol: number) => -((prefix.length * 2 + symbol * 3) % 5) / 4
    const languageModel = (prefixes: readonly (readonly number[])[]) =>
      prefixes.map((prefix) => Array.from({ length: symbols }, (_, symbol) => score(prefix, symbol)))
    let early = 0
    for (let seed = 0; seed < 12; seed++) {
      const { whole, next } = transducer(seed)
      const row = Array.from({ length: 24 }, () => [4 * next() - 2, 4 * next() - 2])
      const options = {
        ...{ maxSymbols: 1 + (seed % 3), beamWidth: 2 + (seed % 5), nBest: 2 },
        ...(seed % 2 === 1 && { languageModel, languageModelWeight: 0.8, insertionBonus: 0.3 }),
      }
      const [expected] = await text.transducerDecode(whole, [row], options)
      using stream = text.transducerStream(whole, options)
      for (const length of [1, 3]) {
        const labels: number[] = []
        const times: number[] = []
        for (let from = 0; from < row.length; from += length) {
          const written = stream.write(row.slice(from, from + length))
          labels.push(...written.labels)
          times.push(...written.times)
          const [now] = await text.transducerDecode(whole, [row.slice(0, from + length)], options)
          const interim = stream.interim()
          expect([...labels, ...interim.labels]).toEqual(now?.labels)
          expect(written.score).toBeCloseTo(now?.score as number, 3)
          expect(interim.score).toBe(written.score)
        }
        early += labels.length
        const rest = stream.end()
        for (const [at, found] of [rest, ...(rest.alternatives ?? [])].entries()) {
          const whole = [expected, ...(expected?.alternatives ?? [])][at]
          expect([...labels, ...found.labels]).toEqual(whole?.labels)
          expect([...times, ...found.times]).toEqual(whole?.times)
          expect(found.score).toBeCloseTo(whole?.score as number, 3)
        }
        expectCoded(() => stream.write([[1, 2]]), 'ERR_STATE', /has ended: reset/)
        stream.reset()
      }
    }
    // Most symbols are final long before the end.
    expect(early).toBeGreaterThan(100)
  })

  it('goes on with a stream whose language model has failed', async () => {
    const { whole, next } = transducer(3)
    const row = Array.from({ length: 6 }, () => [4 * next() - 2, 4 * next() - 2])
    let fails = true
    const languageModel = (prefixes: readonly (readonly number[])[]) => {
      if (fails) throw new RangeError('no model')
      return prefixes.map(() => [0, 0, 0])
    }
    using stream = text.transducerStream(whole, { languageModel, beamWidth: 4 })
    expect(() => stream.write(row)).toThrow('no model')
    expect(() => stream.interim()).toThrow('no model')
    fails = false
    const [expected] = await text.transducerDecode(whole, [row], { beamWidth: 4 })
    expect(stream.end().labels).toEqual(expected?.labels)
    const later = (async () => [[0, 0, 0]]) as unknown as typeof languageModel
    using promised = text.transducerStream(whole, { languageModel: later })
    expectCoded(() => promised.write(row), 'ERR_DATA', /languageModel must return an array/)
  })

  it('leaves out steps that a mask leaves out', async () => {
    const { whole, next } = transducer(6)
    const data = Float32Array.from({ length: 10 }, () => 4 * next() - 2)
    const holes = tensor(data, [1, 5, 2], { mask: [true, false, true, false, true] })
    const [found] = await text.transducerDecode(whole, holes, { beamWidth: 4 })
    const dense = Float32Array.of(...data.slice(0, 2), ...data.slice(4, 6), ...data.slice(8))
    const [expected] = await text.transducerDecode(whole, tensor(dense, [1, 3, 2]), { beamWidth: 4 })
    expect(found?.labels).toEqual(expected?.labels)
    expect(found?.times).toEqual(expected?.times.map((time) => time * 2))
  })

  it('refuses what makes no sense', async () => {
    const { whole, encoder } = transducer(1)
    const x = tensor(new Float32Array(4), [1, 2, 2])
    const decode =
      (options: object, m: Model<Tensor> = whole) =>
      () =>
        text.transducerDecode(m, x, options)
    await expectCoded(decode({ blank: 3 }), 'ERR_OPTION', /blank is 3.*0 to 2/)
    await expectCoded(decode({ start: 9 }), 'ERR_DATA', /9/)
    await expectCoded(decode({ maxSymbols: 0 }), 'ERR_OPTION', /maxSymbols/)
    await expectCoded(decode({ beamWidth: 2, nBest: 3 }), 'ERR_OPTION', /nBest is 3/)
    expectCoded(() => text.transducerStream(whole, { beamWidth: 2, nBest: 3 }), 'ERR_OPTION', /nBest is 3/)
    await expectCoded(decode({}, encoder), 'ERR_UNSUPPORTED', /layers.transducerJoint/)
    await expectCoded(decode({ languageModel: () => [] }), 'ERR_DATA', /3 scores for each of 1 prefixes/)
    await expectCoded(
      decode({ languageModel: (p: unknown[]) => p.map(() => [0, Number.NaN, 0]) }),
      'ERR_DATA',
      /symbol 1 after prefix 0/,
    )
    await expect(decode({ signal: AbortSignal.abort() })()).rejects.toMatchObject({ name: 'AbortError' })
    const both = transducer(2, true).whole
    expect(await text.transducerDecode(both, x)).toHaveLength(1)
    expectCoded(() => text.transducerStream(both), 'ERR_UNSUPPORTED', /bidirectional/i)
    const stream = text.transducerStream(whole)
    expectCoded(() => stream.write([[1, 2, 3]]), 'ERR_SHAPE')
    expectCoded(() => stream.write([[1, Number.NaN]]), 'ERR_DATA')
    expectCoded(() => stream.write([]), 'ERR_DATA')
    await expectCoded(decode({ exclude: [0] }), 'ERR_OPTION', /exclude: 0 is the blank/)
    await expectCoded(decode({ exclude: [3] }), 'ERR_OPTION', /exclude: 3 is not one of the 3/)
    expect((await text.transducerDecode(whole, x, { exclude: [1, 2] }))[0]?.labels).toEqual([])
    stream.dispose()
    expectCoded(() => stream.write([[1, 2]]), 'ERR_STATE', /disposed/)
  })
})
