import { describe, expect, it } from 'vitest'
import { runSync } from '../../src/data/slices.js'
import { joinWords, learnSpacing } from '../../src/text/spacing.js'
import { compoundPattern, wordPattern } from '../../src/text/words.js'

const wordsOf = (text: string) => text.match(wordPattern) ?? []
const again = (text: string, texts: readonly string[] = [text]) =>
  joinWords(wordsOf(text), runSync(learnSpacing(texts, (token) => token)))

describe('words put together', () => {
  it.each([
    "L'été, n°3!",
    'Il dit : « Bonjour ! » (à 3,14 m), puis s’en va.',
    'He said "yes", then "no" (twice). It\'s 3.14 or 1,000; well-known.',
    'Costs 5€, or 20%? See https://example.org/a_b.',
    'Das „große“ Haus – 12:30 Uhr.',
    '私は東京に行きます。',
    'zoe sees anna .',
    'a b',
    '',
  ])('as they were learned from: %s', (text) => {
    expect(again(text)).toBe(text)
  })

  it('in texts that were not learned from', () => {
    const texts = ["C'est l'été, n°3!", 'Elle dit "oui", il dit "non".', 'Il pèse 3,5 kilos, 4,2 peut-être.']
    expect(again('Dit-il "oui", ou 7,5 kilos, l\'autre n°9?!', texts)).toMatch(/"oui", ou 7,5 kilos, l'autre n°9/)
  })
})

describe('words', () => {
  it('are those of the native tokenizer', () => {
    expect(wordsOf('great👍🏽 🇫🇷 1️⃣ 👨‍👩‍👧 हिन्दी ไทย が 5€')).toEqual([
      'great',
      '👍🏽',
      '🇫🇷',
      '1️⃣',
      '👨‍👩‍👧',
      'हिन्दी',
      'ไ',
      'ท',
      'ย',
      'が',
      '5',
      '€',
    ])
    expect("don't well-known 東京".match(compoundPattern)).toEqual(["don't", 'well-known', '東', '京'])
  })
})
