// Learns to pronounce English from its spelling, on the 126,000 words of the CMU Pronouncing Dictionary (stress marks
// removed). A twentieth of the words is held out; any of a word's listed pronunciations counts.
//
//   node examples/pronounce.mjs [every] [epochs]
//
// For a quick try, `every` 20 uses only every 20th word and a smaller model.
import { dictionary } from 'cmu-pronouncing-dictionary'
import { tasks } from 'seqloom'

const every = Number(process.argv[2] ?? 1)
const epochs = Number(process.argv[3] ?? 10)
const [batchSize, units] = [128, every > 1 ? 64 : 256]

// Further pronunciations of a word are listed as word(2), word(3), …
const words = new Map()
for (const [entry, pronunciation] of Object.entries(dictionary)) {
  const word = entry.replace(/\(\d+\)$/, '')
  const phonemes = pronunciation.replaceAll(/\d/g, '').split(' ')
  words.set(word, [...(words.get(word) ?? []), phonemes])
}
// Neighbours in the alphabet are spelt alike, so the held-out words are spread evenly: every 20th of those used.
const used = [...words].filter((_, index) => index % every === 0)
const rowsOf = (entries) =>
  entries.flatMap(([source, pronunciations]) => pronunciations.map((target) => ({ source, target })))
const heldOut = rowsOf(used.filter((_, index) => index % 20 === 7))
const training = rowsOf(used.filter((_, index) => index % 20 !== 7))
console.log(`${used.length} words: ${training.length} pronunciations to train on, ${heldOut.length} held out`)

const translator = new tasks.Translator({
  ...{ sourceTokenizer: 'character', units, embedding: 64, dropout: 0.25, attention: 'luong', seed: 1 },
})
await translator.train(training, {
  ...{ epochs, batchSize, validationSplit: 0.02 },
  onEpoch({ epoch, loss, valLoss, seconds }) {
    const measured = `loss ${loss.toFixed(4)}  validation loss ${valLoss.toFixed(4)}`
    console.log(`epoch ${epoch}/${epochs}  ${measured}  ${seconds.toFixed(1)} s`)
  },
})

const percent = (share) => `${(100 * share).toFixed(1)} %`
for (const [how, beamWidth] of [
  ['greedy', 1],
  ['beam of 5', 5],
]) {
  const { errorRate, exactMatch, count } = await translator.evaluate(heldOut, { beamWidth })
  console.log(`${how}: phoneme error rate ${percent(errorRate)}, ${percent(exactMatch)} of ${count} words right`)
}
const invented = ['seqloom', 'recurrentness', 'blorptastic', 'quizmaster']
const spoken = await translator.translate(invented, { beamWidth: 5 })
for (const [index, word] of invented.entries()) console.log(`${word} → ${spoken[index].text}`)
