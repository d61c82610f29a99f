// Learns to translate English to French from sentences of the Tatoeba project (fra-eng.zip of manythings.org/anki):
// those of up to ten words, in lower case, with spaces between words and punctuation. A twentieth of the English
// sentences is held out, with all their translations.
//
//   node examples/translate.mjs fra-eng.zip [attention.svg] [every] [epochs]
//
// The file may be the unpacked fra.txt. Without a file, data/fra-eng.zip in the folder SEQLOOM_SHARED is read. For a
// quick try, `every` 20 uses only every 20th English sentence and a smaller model.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { tasks } from 'seqloom'

const file = process.argv[2] ?? join(process.env.SEQLOOM_SHARED ?? '../shared', 'data', 'fra-eng.zip')
const picture = process.argv[3]
const every = Number(process.argv[4] ?? 1)
const epochs = Number(process.argv[5] ?? 10)
const [batchSize, longest, units] = [128, 10, every > 1 ? 64 : 256]

const data = readFileSync(file)
const lines = new TextDecoder().decode(file.endsWith('.zip') ? unzipSync(data)['fra.txt'] : data).split('\n')

/** Lower case, a space between words and punctuation. */
const apart = (text) => (text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+|[^\s\p{L}\p{M}\p{N}]/gu) ?? []).join(' ')
const short = (text) => (text.match(/[\p{L}\p{N}]+/gu) ?? []).length <= longest

const rows = lines
  .map((line) => line.split('\t'))
  .filter(([english, french]) => french && short(english) && short(french))
  .map(([english, french]) => ({ source: apart(english), target: apart(french) }))
// Sentences are sorted by length; every 20th English one is held out.
const places = new Map()
for (const { source } of rows) if (!places.has(source)) places.set(source, places.size)
const used = rows.filter(({ source }) => places.get(source) % every === 0)
const isHeldOut = ({ source }) => Math.floor(places.get(source) / every) % 20 === 7
const heldOut = used.filter(isHeldOut)
const training = used.filter((row) => !isHeldOut(row))
console.log(`${used.length} pairs: ${training.length} to train on, ${heldOut.length} held out`)

const translator = new tasks.Translator({ units, embedding: 128, dropout: 0.3, minFrequency: 3, seed: 1 })
await translator.train(training, {
  ...{ epochs, batchSize, validationSplit: 0.01 },
  onEpoch({ epoch, loss, valLoss, seconds }) {
    const measured = `loss ${loss.toFixed(4)}  validation loss ${valLoss.toFixed(4)}`
    console.log(`epoch ${epoch}/${epochs}  ${measured}  ${seconds.toFixed(1)} s`)
  },
})

for (const [how, beamWidth] of [
  ['greedy', 1],
  ['beam of 5', 5],
]) {
  const { bleu, exactMatch, count } = await translator.evaluate(heldOut, { beamWidth })
  const exact = (100 * exactMatch).toFixed(1)
  console.log(
    `${how}: BLEU ${bleu.score.toFixed(1)}, ${exact} % of ${count} sentences exactly as one of their translations`,
  )
}

const sources = [...new Set(heldOut.map(({ source }) => source))]
const count = Math.min(20, sources.length)
const shown = Array.from({ length: count }, (_, index) => sources[Math.floor((index * sources.length) / count)])
const translations = await translator.translate(shown, { beamWidth: 5, alignments: true })
for (const [index, source] of shown.entries()) console.log(`${source} → ${translations[index].text}`)

/** What each French word attends to; darker is more. */
function draw({ source, target, weights }) {
  const [cell, left, top] = [30, 110, 90]
  const text = (content, place) => `<text ${place}>${content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`
  const columns = source.map((word, j) =>
    text(word, `transform="translate(${left + cell * (j + 0.5)} ${top - 6}) rotate(-45)"`),
  )
  const cells = target.flatMap((word, i) => [
    text(word, `x="${left - 8}" y="${top + cell * (i + 0.6)}" text-anchor="end"`),
    ...source.map((_, j) => {
      const place = `x="${left + cell * j}" y="${top + cell * i}" width="${cell - 1}" height="${cell - 1}"`
      return `<rect ${place} fill="#1f4e79" fill-opacity="${weights[i][j].toFixed(3)}" stroke="#ccc"/>`
    }),
  ])
  const size = `viewBox="0 0 ${left + cell * source.length + 60} ${top + cell * target.length + 16}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/>${columns.join('')}${cells.join('')}</svg>\n`
}
if (picture) {
  const long = translations.toSorted((a, b) => b.tokens.length - a.tokens.length)[0]
  writeFileSync(picture, draw(long.alignment))
  console.log(`drawn in ${picture}: ${long.alignment.source.join(' ')}`)
}
