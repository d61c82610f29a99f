import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tasks } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

const letters = 'abcd'

/** A sequence of numbers from 0 to 1 that is always the same. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Words as frames: each letter raises a feature for a few frames, with noise, then there is a pause. */
function made(count: number, seed: number): tasks.TranscriptionRow[] {
  const next = numbers(seed)
  const pick = (most: number) => Math.floor(next() * most)
  return Array.from({ length: count }, () => {
    const word = Array.from({ length: 1 + pick(4) }, () => letters[pick(4)] as string).join('')
    const frames = [...word].flatMap((letter) => {
      const long = 2 + pick(3)
      const pause = 1 + pick(2)
      return Array.from({ length: long + pause }, (_, at) =>
        [0, 1, 2, 3].map((i) => 5 + 3 * Number(at < long && letters[i] === letter) + 0.6 * (next() - 0.5)),
      )
    })
    return { frames, text: word }
  })
}

describe('Transcriber', () => {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
  const transcriber = new tasks.Transcriber({ units: 24, layers: 1, seed: 1 })
  const test = made(40, 99)

  beforeAll(async () => {
    const { history } = await transcriber.train(made(240, 1), { epochs: 14 })
    expect(history.loss).toHaveLength(14)
  }, 180_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('learns to write what frames say, and where each letter begins', async () => {
    const measured = await transcriber.evaluate(test)
    expect(measured).toMatchObject({ count: 40 })
    expect(measured.characterErrorRate).toBeLessThan(0.05)
    expect(measured.exactMatch).toBeGreaterThan(0.85)
    expect(measured.wordErrorRate).toBeCloseTo(1 - measured.exactMatch, 5)
    const [row] = await transcriber.transcribe([
      [
        [8, 5, 5, 5],
        [8, 5, 5, 5],
        [5, 5, 5, 5],
        [5, 5, 8, 5],
        [5, 5, 8, 5],
        [5, 5, 5, 5],
      ],
    ])
    expect(row?.text).toBe('ac')
    expect(row?.tokens.map(({ token }) => token)).toEqual(['a', 'c'])
    const [a, c] = (row?.tokens ?? []).map(({ frame }) => frame) as [number, number]
    expect(a).toBeLessThanOrEqual(2)
    expect(c).toBeGreaterThanOrEqual(2)
  })

  it('gives the best texts with a beam, and takes scores of what may come next', async () => {
    const frames = test.map((row) => row.frames)
    const [best] = await transcriber.transcribe(frames.slice(0, 1), { beamWidth: 8, nBest: 3 })
    const all = [best, ...(best?.alternatives ?? [])]
    expect(all).toHaveLength(3)
    expect(all.map((each) => each?.score)).toEqual(
      all.map((each) => each?.score).sort((x, y) => (y as number) - (x as number)),
    )
    // Nothing but 'a' may be written.
    const a = transcriber.tokens.indexOf('a')
    const only = (prefixes: readonly (readonly number[])[]) =>
      prefixes.map(() => [...transcriber.tokens.map((_, id) => (id === a ? 0 : -1e6)), 0])
    const written = await transcriber.transcribe(frames, { languageModel: only, languageModelWeight: 1 })
    expect(written.every(({ text }) => /^a*$/.test(text))).toBe(true)
  })

  it('takes a text generator of ours as a language model', async () => {
    const generator = new tasks.TextGenerator({ tokens: 'character', units: 16, embedding: 8, layers: 1, seed: 1 })
    await generator.train(
      `${made(300, 5)
        .map(({ text }) => text)
        .join('\n')}\n`,
      { epochs: 1 },
    )
    const found = await generator.nextProbabilities(['', 'ab'])
    expect(found.map((row) => row.length)).toEqual([
      generator.tokenizer.vocabularySize,
      generator.tokenizer.vocabularySize,
    ])
    expect(found[1]?.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5)
    expect(await generator.nextProbabilities(['ab'])).toEqual([found[1]])
    const { characterErrorRate } = await transcriber.evaluate(test, {
      languageModel: generator,
      languageModelWeight: 0.2,
    })
    expect(characterErrorRate).toBeLessThan(0.05)
  })

  it('is the same after saving, and goes on learning', async () => {
    await transcriber.save(folder)
    const again = await tasks.Transcriber.load(folder)
    const frames = test.map((row) => row.frames)
    expect(await again.transcribe(frames)).toEqual(await transcriber.transcribe(frames))
    expect(again.tokens).toEqual(transcriber.tokens)
    const { history } = await again.train(made(60, 3), { epochs: 1, validationSplit: 0 })
    expect(history.loss?.[0]).toBeLessThan(0.6)
    await again.dispose()
    await expectCoded(() => tasks.TextGenerator.load(folder), 'ERR_FORMAT', /transcriber/)
  })

  it('refuses rows that cannot be learned, naming them', async () => {
    const fresh = new tasks.Transcriber()
    await expectCoded(() => fresh.transcribe([[[1]]]), 'ERR_STATE')
    await expectCoded(() => fresh.train([]), 'ERR_DATA', /no rows/)
    await expectCoded(() => fresh.train([{ frames: [], text: 'a' }]), 'ERR_DATA', /row 0: the frames/)
    await expectCoded(
      () => fresh.train([{ frames: [[1, Number.NaN]], text: 'a' }]),
      'ERR_DATA',
      /row 0: frame 0, feature 1 is NaN/,
    )
    for (const [frames, said] of [
      [[[1, null]], /row 0: frame 0, feature 1 is null, not a number/],
      [
        [
          [1, 2],
          [2n, 3],
        ],
        /row 0: frame 1, feature 0 is 2n, not a number/,
      ],
      [[1, '2'], /row 0: frame 1 is '2', not a number/],
    ] as const) {
      await expectCoded(() => fresh.train([{ frames, text: 'a' } as never]), 'ERR_DATA', said)
    }
    await expectCoded(
      () =>
        fresh.train([
          { frames: [[1, 2]], text: 'a' },
          { frames: [[1]], text: 'b' },
        ]),
      'ERR_DATA',
      /row 1: the frames have 1 features.*2/,
    )
    await expectCoded(
      () => fresh.train([{ frames: [[1], [2]], text: 'aa' }]),
      'ERR_DATA',
      /row 0 .*2 tokens.*3 steps.*2/,
    )
    await expectCoded(
      () => fresh.train([{ frames: [[1]], txt: 'a' } as never]),
      'ERR_DATA',
      /row 0 must be \{ frames, text \}/,
    )
    await expectCoded(() => transcriber.transcribe([[[1, 2]]]), 'ERR_DATA', /row 0: the frames have 2 features/)
    await expectCoded(() => transcriber.transcribe([[[1, 2, 3, 4]]], { nBest: 2, beamWidth: 1 }), 'ERR_OPTION', /nBest/)
    await expectCoded(() => transcriber.stream(), 'ERR_UNSUPPORTED', /bidirectional: false/)
    expectCoded(() => new tasks.Transcriber({ stackFrames: 0 }), 'ERR_OPTION', /stackFrames/)
  })

  it('learns from empty texts and from tokens', async () => {
    const rows = made(40, 7).map(({ frames, text }) => ({
      frames,
      text: [...(text as string)].map((letter) => `<${letter}>`),
    }))
    const listed = new tasks.Transcriber({ units: 8, layers: 1 })
    await listed.train([...rows, { frames: [[5, 5, 5, 5]], text: [] }], { epochs: 1, validationSplit: 0 })
    expect(listed.tokens).toContain('<a>')
  })
})

it('a transcriber of one direction writes while frames come', async () => {
  const transcriber = new tasks.Transcriber({ units: 24, layers: 1, bidirectional: false, stackFrames: 2, seed: 2 })
  const rows = made(240, 1).map((row) => ({
    ...row,
    frames: (row.frames as number[][]).flatMap((frame) => [frame, frame]),
  }))
  await transcriber.train(rows, { epochs: 12 })
  const frames = rows.slice(0, 8).map((row) => row.frames as number[][])
  const whole = await transcriber.transcribe(frames)
  for (const [at, row] of frames.entries()) {
    const stream = await transcriber.stream()
    let text = ''
    for (let from = 0; from < row.length; from += 3) text += stream.write(row.slice(from, from + 3))
    text += stream.end()
    expect(text).toBe(whole[at]?.text)
    expect(stream.text).toBe(text)
    expectCoded(() => stream.write([[1, 1, 1, 1]]), 'ERR_STATE')
  }
  await expectCoded(() => transcriber.stream({ beamWidth: 4 }), 'ERR_UNSUPPORTED', /method: 'transducer'/)
}, 180_000)

describe('a Transcriber that is a transducer', () => {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('learns, also texts that are longer than their frames; it streams, and is saved', async () => {
    const transcriber = new tasks.Transcriber({
      ...{ method: 'transducer', units: 32, layers: 1, bidirectional: false, stackFrames: 3, seed: 1 },
    })
    const test = made(40, 99)
    const { history } = await transcriber.train(made(320, 1), { epochs: 20 })
    expect(history.loss).toHaveLength(20)
    const measured = await transcriber.evaluate(test)
    expect(measured.characterErrorRate).toBeLessThan(0.1)
    await transcriber.save(join(folder, 'transducer'))
    const again = await tasks.Transcriber.load(join(folder, 'transducer'))
    expect(await again.evaluate(test)).toEqual(measured)
    const frames = test.map((row) => row.frames as number[][])
    const found = await again.transcribe(frames)
    const streamed = await Promise.all(
      frames.map(async (all) => {
        using stream = await again.stream()
        const parts = [all.slice(0, 4), all.slice(4, 5), all.slice(5)].filter((part) => part.length > 0)
        return parts.map((part) => stream.write(part)).join('') + stream.end()
      }),
    )
    expect(streamed).toEqual(found.map(({ text }) => text))
    const searched = await again.transcribe(frames, { beamWidth: 4 })
    for (const [at, all] of frames.entries()) {
      using stream = await again.stream({ beamWidth: 4 })
      let text = ''
      for (const frame of all) {
        text += stream.write([frame])
        expect(stream.text).toBe(text)
        expect(stream.interim.startsWith(text)).toBe(true)
      }
      const last = stream.interim
      expect(text + stream.end()).toBe(searched[at]?.text)
      expect(stream.interim).toBe(searched[at]?.text)
      if (all.length % 3 === 0) expect(last).toBe(searched[at]?.text)
    }
    await expectCoded(() => again.stream({ beamWidth: 0 }), 'ERR_OPTION', /beamWidth/)
    const [best] = await again.transcribe(frames.slice(0, 1), { beamWidth: 8, nBest: 3 })
    expect(best?.alternatives).toHaveLength(2)
    // Nothing but 'a' may be written.
    const a = again.tokens.indexOf('a')
    const only = (prefixes: readonly (readonly number[])[]) =>
      prefixes.map(() => Array.from({ length: again.tokens.length + 1 }, (_, id) => (id === a ? 0 : -1e6)))
    const [fused] = await again.transcribe(frames.slice(0, 1), { languageModel: only })
    expect(fused?.text).toMatch(/^a*$/)
    await expectCoded(() => again.transcribe(frames, { languageModel: () => [] }), 'ERR_DATA', /scores/)
    // One step, two letters: too much for a step that decides by itself.
    const short = [{ frames: [[8, 8, 5, 5]], text: 'ab' }]
    await again.train([...made(20, 3), ...short], { epochs: 1, validationSplit: 0 })
    const ctc = new tasks.Transcriber({ units: 8, layers: 1 })
    await expectCoded(
      () => ctc.train([...made(20, 3), ...short], { epochs: 1, validationSplit: 0 }),
      'ERR_DATA',
      /steps/,
    )
    expectCoded(() => new tasks.Transcriber({ method: 'hmm' as never }), 'ERR_OPTION', /ctc.*transducer/)
  }, 180_000)
})
