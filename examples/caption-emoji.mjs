// Learns to describe emoji (Twitter's pictures, 32 x 32 pixels, named as in Slack). It is then shown known emoji in a
// skin tone that it has not seen them in: of a fifth of the emoji with tones, one tone each is held out.
//
//   node examples/caption-emoji.mjs [every] [epochs] [seed] [attention.svg]
//
// `every` 8 uses only every 8th emoji, for a quick try.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { PNG } from 'pngjs'
import { tasks } from 'seqloom'

const every = Number(process.argv[2] ?? 1)
const epochs = Number(process.argv[3] ?? 25)
const seed = Number(process.argv[4] ?? 1)
const picture = process.argv[5]
const [side, cell, batchSize] = [32, 34, 32]
const tones = { '1F3FB': 'light', '1F3FC': 'medium light', '1F3FD': 'medium', '1F3FE': 'medium dark', '1F3FF': 'dark' }

const require = createRequire(import.meta.url)
const emoji = require('emoji-datasource-twitter/emoji.json').filter(({ has_img_twitter }) => has_img_twitter)
// All pictures are on one sheet, each with a margin of one pixel on every side.
const sheet = PNG.sync.read(readFileSync(require.resolve('emoji-datasource-twitter/img/twitter/sheets/32.png')))

/** Red, green and blue of a picture on the sheet, over white, shifted by some pixels. */
function pictureOf({ sheet_x, sheet_y }, [moveX, moveY] = [0, 0]) {
  const data = new Uint8Array(side * side * 3).fill(255)
  for (let y = Math.max(moveY, 0); y < side + Math.min(moveY, 0); y++) {
    for (let x = Math.max(moveX, 0); x < side + Math.min(moveX, 0); x++) {
      const at = 4 * ((sheet_y * cell + 1 + y - moveY) * sheet.width + sheet_x * cell + 1 + x - moveX)
      const opacity = sheet.data[at + 3] / 255
      for (let c = 0; c < 3; c++) data[3 * (y * side + x) + c] = 255 + (sheet.data[at + c] - 255) * opacity
    }
  }
  return { data, width: side, height: side }
}

const moves = [
  [0, 0],
  [-2, 1],
  [1, 2],
]
const [training, heldOut] = [[], []]
for (const [index, each] of emoji.filter((_, i) => i % every === 0).entries()) {
  const words = each.short_name.replaceAll(/(?<=.)[-_]/g, ' ')
  for (const move of moves) training.push({ image: pictureOf(each, move), caption: words })
  for (const [at, [code, tone]] of Object.entries(tones).entries()) {
    const variation = each.skin_variations?.[code]
    if (!variation?.has_img_twitter) continue
    const caption = `${words} with ${tone} skin`
    if (at === index % 5) heldOut.push({ image: pictureOf(variation), caption })
    else for (const move of moves) training.push({ image: pictureOf(variation, move), caption })
  }
}
console.log(`${training.length / moves.length} pictures to train on, ${heldOut.length} held out`)

const captioner = new tasks.Captioner({
  ...{ patchSize: 8, patchStride: 4, annotationSize: 256, units: 256, embedding: 96, dropout: 0.1, seed },
})
const started = performance.now()
await captioner.train(training, {
  ...{ epochs, batchSize, validationSplit: 0 },
  onEpoch: ({ epoch, loss, seconds }) =>
    console.log(`epoch ${epoch}/${epochs}  loss ${loss.toFixed(4)}  ${seconds.toFixed(1)} s`),
})
console.log(`trained in ${((performance.now() - started) / 1000).toFixed(0)} s`)

const captions = await captioner.caption(
  heldOut.map(({ image }) => image),
  { alignments: true },
)
const parts = (caption) => caption.split(' with ')
const share = (right) => `${((100 * heldOut.filter(right).length) / heldOut.length).toFixed(1)} %`
const exact = share(({ caption }, i) => captions[i].text === caption)
const named = share(({ caption }, i) => parts(captions[i].text)[0] === parts(caption)[0])
const toned = share(({ caption }, i) => parts(captions[i].text).at(-1) === parts(caption).at(-1))
console.log(`${exact} of ${heldOut.length} captions are exactly right, ${named} name the emoji, ${toned} its skin tone`)
for (const [i, { caption }] of heldOut.entries()) {
  if (i % Math.ceil(heldOut.length / 8) === 0) console.log(`${caption} → ${captions[i].text}`)
}
if (picture) {
  writeFileSync(picture, await captioner.attentionPicture(heldOut[0].image, captions[0]))
  console.log(`where it looked is drawn in ${picture}`)
}
