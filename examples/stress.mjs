// Where is a word stressed? Learns to tag every sound of a word with its stress, from the CMU Pronouncing Dictionary.
//
//   node examples/stress.mjs [words] [epochs] [seed]
//
// `P AH T EY T OW` (potato) becomes `- 0 - 1 - 2`: consonants have none, vowels 0 (none), 1 (main stress) or 2
// (secondary stress).
import { dictionary } from 'cmu-pronouncing-dictionary'
import { tasks } from 'seqloom'

const count = Number(process.argv[2] ?? 30_000)
const epochs = Number(process.argv[3] ?? 6)
const seed = Number(process.argv[4] ?? 1)

const words = Object.entries(dictionary).filter(([word]) => /^[a-z]+$/.test(word))
// The words are shuffled, so that the first ones are not just one part of the alphabet; every tenth is held out.
const order = words.map(([word], index) => [(Math.imul(index + seed, 2654435761) >>> 0) / 2 ** 32, index, word])
const rows = order
  .sort(([a], [b]) => a - b)
  .slice(0, count)
  .map(([, index]) => {
    const sounds = words[index][1].split(' ')
    return {
      tokens: sounds.map((sound) => sound.replace(/\d/, '')),
      tags: sounds.map((sound) => /\d/.exec(sound)?.[0] ?? '-'),
    }
  })
const heldOut = rows.filter((_, index) => index % 10 === 0)
const training = rows.filter((_, index) => index % 10 !== 0)

const tagger = new tasks.SequenceTagger({ units: 64, embedding: 32, seed })
const started = performance.now()
await tagger.train(training, {
  epochs,
  batchSize: 64,
  learningRate: 0.004,
  onEpoch: ({ epoch, loss, valAccuracy }) =>
    console.log(`epoch ${epoch}  loss ${loss.toFixed(4)}  validation accuracy ${valAccuracy.toFixed(4)}`),
})
console.log(`trained on ${training.length} words in ${((performance.now() - started) / 1000).toFixed(1)} s`)
const { accuracy, sequenceAccuracy, sequences } = await tagger.evaluate(heldOut)
console.log(
  `${sequences} words held out: ${(100 * accuracy).toFixed(1)} % of the sounds, ${(100 * sequenceAccuracy).toFixed(1)} % of the words right`,
)
const [potato] = await tagger.predict(['P AH T EY T OW'.split(' ')])
console.log(potato.map(({ token, tag }) => `${token}${tag === '-' ? '' : tag}`).join(' '))
