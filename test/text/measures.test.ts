import { readFileSync } from 'node:fs'
import { text } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

interface Case {
  readonly name: string
  readonly hypotheses: string[]
  readonly references: string[][]
  readonly chrF: number[]
  readonly wordErrorRate?: number
  readonly characterErrorRate?: number
}

// Made by make.py beside the file.
const path = new URL('../fixtures/textMeasures/measures.json', import.meta.url)
const { source, cases } = JSON.parse(readFileSync(path, 'utf8')) as { source: string; cases: Case[] }

describe(`chrF and error rates are those of ${source}`, () => {
  it.each(cases)('$name', ({ hypotheses, references, chrF, wordErrorRate, characterErrorRate }) => {
    const options = [{}, { wordOrder: 2 }, { charOrder: 3, beta: 1 }]
    const got = options.map((each) => text.chrF(hypotheses, references, each))
    for (const [at, score] of chrF.entries()) expect(got[at], JSON.stringify(options[at])).toBeCloseTo(score, 8)
    if (wordErrorRate === undefined) return
    expect(text.wordErrorRate(hypotheses, references)).toBeCloseTo(wordErrorRate, 10)
    expect(text.characterErrorRate(hypotheses, references)).toBeCloseTo(characterErrorRate as number, 10)
  })

  it('count the closest of several references', () => {
    expect(text.wordErrorRate(['a b c'], [['x y z', 'a b']])).toBe(0.5)
  })
})

describe('editDistance', () => {
  it('counts insertions, deletions and replacements', () => {
    expect(text.editDistance('kitten', 'sitting')).toBe(3)
    expect(text.editDistance('👍🏽', '👍')).toBe(1)
    expect(text.editDistance([1, 2, 3], Int32Array.of(2, 3))).toBe(1)
    expect(text.editDistance(['to', 'be'], [])).toBe(2)
  })

  it('refuses what is no list', async () => {
    for (const wrong of [null, 3, {}, [null], [Symbol('x')]]) {
      await expectCoded(() => text.editDistance(wrong as never, 'a'), 'ERR_DATA', /editDistance/)
    }
  })
})

describe('what is no text', () => {
  it('is refused by all of them', async () => {
    for (const measure of [text.chrF, text.wordErrorRate, text.characterErrorRate]) {
      await expectCoded(() => measure(['a'], []), 'ERR_DATA', new RegExp(measure.name))
      await expectCoded(() => measure([3 as never], ['a']), 'ERR_DATA', /text 0/)
      await expectCoded(() => measure([], []), 'ERR_DATA', /no texts/)
    }
    await expectCoded(() => text.chrF(['a'], ['a'], { charOrder: 0 }), 'ERR_OPTION', /charOrder/)
    await expectCoded(() => text.chrF(['a'], ['a'], { beta: -1 }), 'ERR_OPTION', /beta/)
  })
})
