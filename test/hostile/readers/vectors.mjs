// Word vectors, text and binary.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { interop } from 'seqloom'
import { alterVectors } from '../alter/vectors.mjs'

const words = ['the', 'of', 'Paris', '<unk>', 'naïve', '. . .', '東京']
const rows = words.map((word, at) => [word, Float32Array.from({ length: 4 }, (_, i) => Math.sin(at * 4 + i))])
const text = (list) =>
  list.map(([word, vector]) => `${word} ${[...vector].map((v) => v.toFixed(5)).join(' ')}\n`).join('')

const reader = (corpus, isBinary) => ({
  async make(folder) {
    for (const [name, bytes] of Object.entries(corpus)) writeFileSync(join(folder, name), bytes)
  },
  alter: (random, { bytes }, entries) => alterVectors(random, bytes, isBinary, random.of(entries).bytes),
  async use({ place, random }) {
    const options = random.of([{}, { lowercase: true }, { limit: 3 }, { words: ['paris', 'of'] }])
    const { tokenizer, vectors } = await interop.loadWordVectors(place(), options)
    tokenizer.encodeSync(['the city of Paris'])
    if (vectors.shape[0] !== tokenizer.vocabularySize)
      throw new Error(`${vectors.shape} and ${tokenizer.vocabularySize} words`)
  },
})

export const vectorsText = reader(
  {
    'glove.txt': text(rows),
    'word2vec.txt': `${rows.length} 4\n${text(rows)}`,
    'one.txt': text(rows.slice(0, 1)),
  },
  false,
)

const binary = (end) =>
  Buffer.concat([
    Buffer.from(`${rows.length} 4\n`),
    ...rows.flatMap(([word, vector]) => [
      Buffer.from(`${word.replaceAll(' ', '')} `),
      Buffer.from(vector.buffer),
      Buffer.from(end),
    ]),
  ])

export const vectorsBinary = reader({ 'word2vec.bin': binary(''), 'lines.bin': binary('\n') }, true)
