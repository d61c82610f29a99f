// Files of tokenizers.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'seqloom'
import { alterBytes } from '../alter/bytes.mjs'
import { alterJson, parsed, wordsOf } from '../alter/data.mjs'

const texts = ['the quick brown fox', 'jumps over the lazy dog', 'à Paris, 東京!']
let words = []

export const tokenizers = {
  async make(folder) {
    const made = {
      characters: await text.charTokenizer(texts),
      words: await text.wordTokenizer(texts),
      subwords: await text.subwordTokenizer(texts, { maxVocabulary: 300 }),
    }
    for (const [name, tokenizer] of Object.entries(made)) {
      writeFileSync(join(folder, `${name}.json`), JSON.stringify(tokenizer.toJSON()))
    }
  },
  async open(entries) {
    const types = [
      'BPE',
      'WordPiece',
      'Unigram',
      'WordLevel',
      'Sequence',
      'Replace',
      'Regex',
      '(a+)+$',
      '(?:)*',
      'NFC',
      'ByteLevel',
    ]
    words = [...wordsOf(...entries.map(({ bytes }) => parsed(bytes))), ...types]
  },
  alter: (random, { bytes }, entries) =>
    random.below(5) === 0 ? alterBytes(random, bytes, random.of(entries).bytes) : alterJson(random, bytes, words),
  async use({ bytes, place, random }) {
    const tokenizer = random.below(8) === 0 ? await text.loadTokenizer(place()) : text.fromJSON(bytes.toString('utf8'))
    tokenizer.vocabulary()
    const [ids] = tokenizer.encodeSync(['the quick fox in 東京', 'aaaaaaaaaaaaaaaaaaaaaaaa!'])
    tokenizer.decode(ids)
    await tokenizer.encode(['a dog'])
    JSON.stringify(tokenizer.toJSON())
  },
}
