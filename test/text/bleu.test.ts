import { readFileSync } from 'node:fs'
import { text } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

interface Case extends text.Bleu {
  readonly name: string
  readonly hypotheses: string[]
  readonly references: string[][]
}

const path = new URL('../fixtures/sacrebleu.json', import.meta.url)
const { source, cases } = JSON.parse(readFileSync(path, 'utf8')) as { source: string; cases: Case[] }

describe(`BLEU is that of ${source}`, () => {
  it.each(cases)('$name', ({ hypotheses, references, score, precisions, brevityPenalty, length, referenceLength }) => {
    const got = text.bleu(hypotheses, references)
    expect(got).toMatchObject({ length, referenceLength })
    expect(got.score).toBeCloseTo(score, 8)
    expect(got.brevityPenalty).toBeCloseTo(brevityPenalty, 10)
    for (const [n, precision] of precisions.entries()) expect(got.precisions[n]).toBeCloseTo(precision, 8)
  })

  it('takes one reference as a string', () => {
    expect(text.bleu(['a b c d e'], ['a b c d f'])).toEqual(text.bleu(['a b c d e'], [['a b c d f']]))
  })

  it('splits at the white space of Python', () => {
    const spaces = '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000'
    for (const space of spaces) expect(text.bleu([`a${space}b`], ['a b']).length, JSON.stringify(space)).toBe(2)
    for (const other of '\ufeff\u200b\u180e\u2060') expect(text.bleu([`a${other}b`], ['a b']).length).toBe(1)
  })

  it('leaves out white space at the end first, so that a hyphen before it stays', () => {
    for (const space of ['\n', ' \n', '\n\n', '\u2029']) {
      expect(text.bleu([`a b c d-${space}`], ['a b c d-'])).toMatchObject({ score: 100, length: 4 })
    }
    expect(text.bleu(['a b c di-\nvided'], ['a b c divided']).score).toBeCloseTo(100, 8)
    expect(text.bleu([`a${' '.repeat(300_000)}b`], ['a b']).length).toBe(2)
  })

  it('refuses what is not text', async () => {
    await expectCoded(() => text.bleu(['a'], []), 'ERR_DATA', /as many references/)
    await expectCoded(() => text.bleu([], []), 'ERR_DATA', /no texts/)
    await expectCoded(() => text.bleu(['a'], [[]]), 'ERR_DATA', /text 0/)
    await expectCoded(() => text.bleu([1 as never], ['a']), 'ERR_DATA', /text 0/)
  })
})
