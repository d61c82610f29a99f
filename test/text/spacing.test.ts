import { text } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { runSync } from '../../src/data/slices.js'
import { isSpacing, joinWords, learnSpacing } from '../../src/text/spacing.js'
import { compoundWords, lowercased, words } from '../../src/text/words.js'

const again = (text: string, texts: readonly string[] = [text]) =>
  joinWords(words(text), runSync(learnSpacing(texts, (token) => token)))

describe('words put together', () => {
  it.each([
    "L'été, n°3!",
    'Il dit : « Bonjour ! » (à 3,14 m), puis s’en va.',
    'He said "yes", then "no" (twice). It\'s 3.14 or 1,000; well-known.',
    'Costs 5€, or 20%? See https://example.org/a_b.',
    'Das „große“ Haus – 12:30 Uhr.',
    '私は東京に行きます。',
    'zoe sees anna .',
    'Er sagte: „Das ist ‚gut‘, oder?“ – Ja!',
    '»Guten Tag«, sagte er.',
    '¿Qué tal? ¡Muy bien! Dijo: «¡Hola!» (¿sí?)',
    "I don't know; they're John's and the dogs' toys.",
    "He said 'yes' and didn't say 'no'.",
    '“Yes,” she said, “it’s ‘fine’.”',
    '他说：“你好！”然后走了（真的）。「はい。」と言った。',
    'well... yes… no?! A.B.C. U.S.A.',
    '100,000.50 or 3,14; 10:30 or 1/2, -5 °C and 50%.',
    'me@ex.org, http://www.ex.org/?q=1#a',
    'שלום, עולם! "כן" مرحبا، كيف؟ नमस्ते। कैसे हो?',
    'great 👍 and 👍👍',
    '*bold* _it_ [1, 2] {a: b} a--b',
    'a b',
    '',
  ])('as they were learned from: %s', (text) => {
    expect(again(text)).toBe(text)
  })

  it('in texts that were not learned from', () => {
    const texts = ["C'est l'été, n°3!", 'Elle dit "oui", il dit "non".', 'Il pèse 3,5 kilos, 4,2 peut-être.']
    expect(again('Dit-il "oui", ou 7,5 kilos, l\'autre n°9?!', texts)).toMatch(/"oui", ou 7,5 kilos, l'autre n°9/)
  })

  it.each([
    [
      'Il dit : « oui ». Où est-il ?',
      ["L'homme dit : « j'ai faim » !"],
      ["C'est l'été !", "J'ai 3,5 kg ; c'est bien."],
    ],
    ['Er sagte: „Ja!“ Oder?', ['Sie sagte: „Gut, ja!“ Um 8:15 Uhr.'], ['„Nein“, sagte sie um 12:30 Uhr.']],
    ['¿Qué tal? Dijo: «sí».', ['¿Dónde? ¡Aquí! Dijo: «¡hola!».'], ['¡Hola, amigo! ¿Y tú?']],
    ['你好！', ['你好！他说（真的）：“是”。', '是。你好'], ['他说：“是”。', '（对）']],
    [
      "He said 'yes'. They're here, I don't know.",
      ["'No', she said, you're John's and don't say 'yes'."],
      ["It's 'fine' here, it's John's."],
    ],
    ['See www.ex.org. And you?', ['See www.zoe.org. And him?'], ['Yes. No.']],
  ])('in texts like those learned from: %s', (text, others, further) => {
    for (const other of others) expect(again(other, [text, ...further])).toBe(other)
  })

  it('as before where a vocabulary was saved before', () => {
    const { marks, numbers } = runSync(learnSpacing(["L'été, n°3!"], (token) => token))
    expect(joinWords(words("L'été, n°3!"), { marks, numbers })).toBe("L'été, n°3!")
    expect(
      [
        { marks, numbers },
        { marks, numbers, pairs: {}, within: {} },
      ].map(isSpacing),
    ).toEqual([true, true])
    const bad = [
      { marks },
      { marks, numbers, pairs: { a: 1 } },
      { marks, numbers, within: { "'": { usually: true } } },
      null,
    ]
    expect(bad.map(isSpacing)).toEqual([false, false, false, false])
  })
})

describe('words', () => {
  const native = async (given: string, lowercase: boolean) => {
    const tokenizer = await text.wordTokenizer([given], { lowercase })
    return Array.from(tokenizer.encodeSync([given])[0] as Int32Array, (id) => tokenizer.idToToken(id))
  }

  it.each([
    [
      'great👍🏽 🇫🇷 1️⃣ 👨‍👩‍👧 हिन्दी ไทย が 5€',
      ['great', '👍🏽', '🇫🇷', '1️⃣', '👨‍👩‍👧', 'हिन्दी', 'ไ', 'ท', 'ย', 'が', '5', '€'],
    ],
    ['日本語とEnglish、ລາວ', ['日', '本', '語', 'と', 'English', '、', 'ລ', 'າ', 'ວ']],
    ['🏴󠁧󠁢󠁥󠁮󠁧󠁿🏳️‍🌈 ☝🏿☺︎ *️⃣ 👁️‍🗨️', ['🏴󠁧󠁢󠁥󠁮󠁧󠁿', '🏳️‍🌈', '☝🏿', '☺︎', '*️⃣', '👁️‍🗨️']],
    ['Donau\u00addampf\u200bschiff wort\u2060teil', ['Donaudampf', 'schiff', 'wortteil']],
    ['\u200fשלום\u200f, \u202bعالم\u202c! می\u200cخواهم', ['שלום', ',', 'عالم', '!', 'می\u200cخواهم']],
    ['a\u0000b\u001fc \ud800x\udc00 \ufffdy\ufeff', ['abc', 'x', 'y']],
    ['한국어 각 ﾊﾝ １２３ ②', ['한국어', '각', 'ﾊ', 'ﾝ', '１２３', '②']],
    ['e\u0301té été', ['été', 'été']],
    ['3,14 a@b.de https://x.org', ['3', ',', '14', 'a', '@', 'b', '.', 'de', 'https', ':', '/', '/', 'x', '.', 'org']],
  ])('are those of the native tokenizer: %s', async (given, expected) => {
    expect(words(given)).toEqual(expected)
    expect(await native(given, false)).toEqual(expected)
  })

  it('are lowercased as the native tokenizer does it', async () => {
    const given = 'ΟΔΟΣ ΣΑΣ İstanbul GROẞ Straße ǅ'
    expect(words(lowercased(given))).toEqual(await native(given, true))
  })

  it('of stories are contractions and compounds, without what is invisible', () => {
    expect(compoundWords("don't well-known 東京 Ma\u00adry")).toEqual(["don't", 'well-known', '東', '京', 'Mary'])
  })
})
