import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tasks } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seqloom } from '../helpers/cli.js'
import { coded } from '../helpers/coded.js'
import { warnings } from '../helpers/warnings.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-tagger-crf-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Repeatable numbers below a limit. */
function drawing(seed: number) {
  let state = seed
  return (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 16) % below
  }
}

/** Sentences of made-up words: those in -ov are names, of places after `in`; a second name continues the first. */
function sentences(count: number, seed: number): tasks.TaggedTokens[] {
  const next = drawing(seed)
  const word = () => Array.from({ length: 2 + next(4) }, () => 'abcdefghijklmnopqrstuvwxyz'[next(26)]).join('')
  return Array.from({ length: count }, () => {
    const [tokens, tags]: [string[], string[]] = [[], []]
    const add = (token: string, tag: string) => {
      tokens.push(token)
      tags.push(tag)
    }
    for (let at = 0; at < 2 + next(4); at++) {
      const type = next(2) === 0 ? 'PER' : 'LOC'
      add(type === 'LOC' ? 'in' : 'by', 'O')
      add(`${word()}ov`, `B-${type}`)
      if (next(2) === 0) add(`${word()}ov`, `I-${type}`)
      add(word().replace(/ov$/, 'on'), 'O')
    }
    return { tokens, tags }
  })
}

const isBio = (tags: readonly string[]) =>
  tags.every(
    (tag, at) =>
      !tag.startsWith('I-') ||
      (['B', 'I'].includes(tags[at - 1]?.[0] as string) && tags[at - 1]?.slice(1) === tag.slice(1)),
  )

describe('a SequenceTagger with a CRF and characters', () => {
  const tagger = new tasks.SequenceTagger({ units: 16, embedding: 12, seed: 1, crf: true, characters: true })
  const held = sentences(60, 77)
  beforeAll(async () => {
    await tagger.train(sentences(300, 5), { epochs: 6, batchSize: 16, learningRate: 0.02 })
  })

  it('finds entities of words that it has never seen, by their characters', async () => {
    const { entities, entityTypes, accuracy, loss } = await tagger.evaluate(held)
    expect(entities?.f1).toBeGreaterThan(0.9)
    expect(entityTypes?.map(({ label }) => label)).toEqual(['LOC', 'PER'])
    expect(accuracy).toBeGreaterThan(0.95)
    expect(loss).toBeLessThan(0.3)
  })

  it('predicts what the scheme allows, with probabilities', async () => {
    const next = drawing(3)
    const odd = Array.from({ length: 40 }, () => Array.from({ length: 1 + next(9) }, () => `${'xyzov'.slice(next(4))}`))
    for (const row of await tagger.predict(odd)) {
      expect(isBio(row.map(({ tag }) => tag))).toBe(true)
      for (const { probability } of row) expect(probability > 0 && probability <= 1.000001).toBe(true)
    }
    const rows = held.slice(0, 5).map(({ tokens }) => tokens)
    const together = await tagger.predict(rows)
    for (const [at, row] of rows.entries()) expect((await tagger.predict([row]))[0]).toEqual(together[at])
  })

  it('comes back from a folder as it was, and learns further', async () => {
    const path = join(folder, 'saved')
    await tagger.save(path)
    const again = await tasks.SequenceTagger.load(path)
    const rows = held.map(({ tokens }) => tokens)
    expect(await again.predict(rows)).toEqual(await tagger.predict(rows))
    expect(await again.evaluate(held)).toEqual(await tagger.evaluate(held))
    await again.train(sentences(40, 9), { epochs: 1 })
    expect((await again.evaluate(held)).entities?.f1).toBeGreaterThan(0.8)
  })
})

describe('constraints', () => {
  const train = async (tags: readonly string[][], options = {}) => {
    const tagger = new tasks.SequenceTagger({ units: 4, embedding: 4, crf: true, ...options })
    const rows = tags.map((each) => ({ tokens: each.map((_, at) => `w${at}`), tags: each }))
    const heard = await warnings(() => tagger.train(rows, { epochs: 1, validationSplit: 0 }))
    return { tagger, heard, constraints: tagger.model.getLayer('crf').getConfig().constraints }
  }

  it('follow from the names of the tags, where all rows keep to them', async () => {
    expect((await train([['B-A', 'I-A', 'O']])).constraints).toBe('BIO')
    expect((await train([['I-A', 'B-A', 'O']])).constraints).toBe('IOB')
    expect((await train([['B-A', 'E-A', 'S-A', 'O']])).constraints).toBe('BIOES')
    expect((await train([['B-A', 'L-A', 'U-A', 'O']])).constraints).toBe('BILOU')
    expect((await train([['B-A', 'M-A', 'E-A', 'O']])).constraints).toBe('BMES')
    expect((await train([['NOUN', 'VERB']])).constraints).toBe(null)
  })

  it('are left out, with a warning, where a row breaks them', async () => {
    const { constraints, heard } = await train([
      ['O', 'O'],
      ['B-A', 'I-B', 'O', 'I-A'],
    ])
    expect(constraints).toBe(null)
    expect(heard.map(String).join()).toMatch(/row 1 breaks the scheme BIO at token 1 \('I-B' after 'B-A'\)/)
  })
})

describe('given features', () => {
  /** Only the features tell the tags: of a category, and whether a number is above 100. */
  const rows = (count: number, seed: number): tasks.TaggedTokens[] => {
    const next = drawing(seed)
    return Array.from({ length: count }, () => {
      const kinds = Array.from({ length: 1 + next(6) }, () => 'ab'[next(2)] as string)
      const sizes = kinds.map(() => 50 + next(100))
      const tags = kinds.map((kind, at) => `${kind}${Number((sizes[at] as number) >= 100)}`)
      return { tokens: kinds.map(() => 'same'), tags, features: { kind: kinds, size: sizes } }
    })
  }
  const tagger = new tasks.SequenceTagger({ units: 8, embedding: 4, features: ['kind', 'size'], seed: 2 })
  beforeAll(async () => {
    await tagger.train(rows(300, 4), { epochs: 12, learningRate: 0.03 })
  })

  it('are learned, saved, and read on the command line', async () => {
    const held = rows(50, 8)
    const measured = await tagger.evaluate(held)
    expect(measured.accuracy).toBeGreaterThan(0.95)
    const path = join(folder, 'features')
    await tagger.save(path)
    const again = await tasks.SequenceTagger.load(path)
    expect(again.features).toEqual(['kind', 'size'])
    expect(await again.evaluate(held)).toEqual(measured)
    const file = join(folder, 'held.jsonl')
    const lines = held.map(({ tokens, tags, features }) => JSON.stringify({ tokens, tags, ...features }))
    writeFileSync(file, lines.join('\n'))
    const out = join(folder, 'trained')
    const flags = ['--features', 'kind', 'size', '--crf', '--epochs', '2', '--units', '4', '--embedding', '4']
    const trained = await seqloom(['train', 'tag', '--data', file, '--out', out, '--json', ...flags])
    expect(trained.code, trained.stderr).toBe(0)
    expect((await tasks.SequenceTagger.load(out)).features).toEqual(['kind', 'size'])
    const { code, stdout } = await seqloom(['evaluate', '--model', path, '--data', file, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout).accuracy).toBeCloseTo(measured.accuracy, 6)
    const [unknown] = await tagger.predict([{ tokens: ['x'], features: { kind: ['never'], size: [120] } }])
    expect(unknown?.[0]?.tag).toMatch(/1$/)
  })

  it('that are not right are refused, naming the row', async () => {
    const call = (sequence: unknown) => tagger.predict([sequence] as never)
    await expect(call(['x'])).rejects.toEqual(coded('ERR_DATA', /row 0: features must be an object with kind, size/))
    const one = (features: unknown) => call({ tokens: ['x'], features })
    await expect(one({ kind: ['a'] })).rejects.toEqual(
      coded('ERR_DATA', /features\.size must have a value for each of 1/),
    )
    await expect(one({ kind: ['a', 'b'], size: [1] })).rejects.toEqual(coded('ERR_DATA', /features\.kind .* 2 values/))
    await expect(one({ kind: ['a'], size: ['1'] })).rejects.toEqual(
      coded('ERR_DATA', /features\.size: value 0 .* number/),
    )
    await expect(one({ kind: ['a'], size: [1], more: [1] })).rejects.toEqual(coded('ERR_DATA', /'more'/))
    await expect(one({ kind: [null], size: [1] })).rejects.toEqual(coded('ERR_DATA', /features\.kind: value 0/))
    const plain = new tasks.SequenceTagger()
    const given = [{ tokens: ['a', 'b'], tags: ['x', 'y'], features: { kind: ['a', 'b'] } }]
    await expect(plain.train(given)).rejects.toEqual(coded('ERR_DATA', /made without features/))
    expect(() => new tasks.SequenceTagger({ features: ['a', 'a'] })).toThrow(coded('ERR_OPTION', /features/))
  })
})

it('pretrained word vectors tell words apart that training has never seen', async () => {
  const next = drawing(6)
  const places = Array.from({ length: 40 }, (_, at) => `place${at}`)
  const others = Array.from({ length: 40 }, (_, at) => `other${at}`)
  const noise = () => (next(100) - 50) / 500
  const lines = [...places, ...others].map((word) => `${word} ${word.startsWith('p') ? 1 : -1} ${noise()} ${noise()}`)
  const file = join(folder, 'vectors.txt')
  writeFileSync(file, `${lines.join('\n')}\n`)
  const rows = (from: number, to: number) =>
    Array.from({ length: 60 }, () => {
      const tokens = Array.from(
        { length: 1 + next(5) },
        () => (next(2) ? places : others)[from + next(to - from)] as string,
      )
      return { tokens, tags: tokens.map((token) => (token.startsWith('p') ? 'B-LOC' : 'O')) }
    })
  const tagger = new tasks.SequenceTagger({ units: 6, wordVectors: file, seed: 3, crf: true })
  await tagger.train(rows(0, 20), { epochs: 10, learningRate: 0.02 })
  const { entities } = await tagger.evaluate(rows(20, 40))
  expect(entities?.f1).toBeGreaterThan(0.95)
  // In a file of lower-case words, capitals are found, too.
  const [row] = await tagger.predict([['Place39', 'OTHER38']])
  expect(row?.map(({ tag }) => tag)).toEqual(['B-LOC', 'O'])
  const path = join(folder, 'pretrained')
  await tagger.save(path)
  const again = await tasks.SequenceTagger.load(path)
  expect(await again.predict([['Place39']])).toEqual(await tagger.predict([['Place39']]))
  const missing = new tasks.SequenceTagger({ wordVectors: join(folder, 'none.txt') })
  await expect(missing.train(rows(0, 5))).rejects.toEqual(coded('ERR_IO', /none\.txt/))
})
