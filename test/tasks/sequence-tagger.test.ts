import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tasks } from 'seqloom'
import { beforeAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

/** Letters whose tag depends on the letter after: `up` before a vowel, else `down`; the last one is `end`. */
function made(count: number, seed: number): tasks.TaggedTokens[] {
  let state = seed
  const next = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 16) % below
  }
  return Array.from({ length: count }, () => {
    const tokens = Array.from({ length: 1 + next(8) }, () => 'abcdefgh'[next(8)] as string)
    const tags = tokens.map((_, i) => {
      const after = tokens[i + 1]
      return after === undefined ? 'end' : 'ae'.includes(after) ? 'up' : 'down'
    })
    return { tokens, tags }
  })
}

const small = { units: 12, embedding: 8, seed: 2 } as const
const quick = { epochs: 8, batchSize: 16, learningRate: 0.02 } as const

describe('a trained SequenceTagger', () => {
  const tagger = new tasks.SequenceTagger(small)
  beforeAll(async () => {
    await tagger.train(made(400, 1), quick)
  })

  it('tags by what comes after, for sequences of any length at once', async () => {
    const { accuracy, sequenceAccuracy, count, sequences, loss } = await tagger.evaluate(made(60, 9))
    expect(accuracy).toBeGreaterThan(0.97)
    expect(sequenceAccuracy).toBeGreaterThan(0.85)
    expect(sequenceAccuracy).toBeLessThanOrEqual(accuracy)
    expect(sequences).toBe(60)
    expect(count).toBe(made(60, 9).reduce((sum, row) => sum + row.tokens.length, 0))
    expect(loss).toBeLessThan(0.2)
    const [long, short] = await tagger.predict([['b', 'a', 'c', 'e', 'f'], ['never seen']])
    expect(long?.map(({ tag }) => tag)).toEqual(['up', 'down', 'up', 'down', 'end'])
    expect(short).toEqual([{ token: 'never seen', tag: 'end', probability: expect.any(Number) }])
    expect(short).toEqual((await tagger.predict([['never seen']]))[0])
  })

  it('comes back from a folder as it was', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'seqloom-tagger-'))
    try {
      await tagger.save(folder)
      const again = await tasks.SequenceTagger.load(folder)
      expect(again.tags).toEqual(['down', 'end', 'up'])
      const tokens = made(5, 3).map((row) => row.tokens)
      expect(await again.predict(tokens)).toEqual(await tagger.predict(tokens))
      await expect(tasks.TextClassifier.load(folder)).rejects.toEqual(coded('ERR_FORMAT', /no text classifier/))
      await tagger.model.save(folder)
      await expect(tasks.SequenceTagger.load(folder)).rejects.toEqual(coded('ERR_FORMAT', /no sequence tagger/))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

it('bad input is refused with a code and the place', async () => {
  const train = (rows: unknown, more = {}) => new tasks.SequenceTagger(small).train(rows as never, more)
  await expect(train([])).rejects.toEqual(coded('ERR_DATA', /no rows/))
  await expect(train([{ tokens: ['a'], tags: ['x', 'y'] }])).rejects.toEqual(
    coded('ERR_DATA', /row 0 has 1 tokens but 2/),
  )
  await expect(train([{ tokens: [], tags: [] }])).rejects.toEqual(coded('ERR_DATA', /row 0: tokens/))
  await expect(train([{ tokens: ['a'], tags: ['x'] }])).rejects.toEqual(coded('ERR_DATA', /only 'x'/))
  await expect(train(made(9, 1), { epochs: 0 })).rejects.toEqual(coded('ERR_OPTION', /SequenceTagger.train: epochs/))
  expect(() => new tasks.SequenceTagger({ units: 0 })).toThrow(coded('ERR_OPTION', /units/))
  await expect(new tasks.SequenceTagger().predict([['a']])).rejects.toEqual(coded('ERR_STATE'))
})
