// A transcriber learns to read numbers from the movements of a pen: from strokes and the numbers alone, it is never told where
// a digit begins. It is measured on writers whom it has not seen.
//
//   node examples/strokes.mjs [writers] [epochs] [seed] [ctc|transducer]
//
// The writers are made: each has a slant, a size, a speed, a tremor and bends of its own, and differs a little from digit to
// digit. Connectionist temporal classification: Graves et al. 2006; RNN transducer: Graves 2012; the movements as features:
// Graves et al. 2009.
import { tasks } from 'seqloom'

const [writers, epochs, seed] = [60, 12, 1].map((usual, at) => Number(process.argv[2 + at] ?? usual))
const method = process.argv[5] ?? 'ctc'
const [each, heldOut] = [12, 20]

/** The strokes of the digits: points in a box of width 1 and height 2, `y` downwards; `|` lifts the pen. */
const shapes = [
  '.5,0 .1,.4 0,1 .1,1.6 .5,2 .9,1.6 1,1 .9,.4 .5,0',
  '.1,.5 .6,0 .6,1 .6,2',
  '0,.5 .2,.1 .6,0 1,.4 .8,1 0,2 .5,2 1,2',
  '0,.2 .5,0 1,.4 .5,.9 1,1.4 .6,2 0,1.8',
  '.7,0 .3,.7 0,1.3 .5,1.3 1,1.3 | .7,.8 .7,2',
  '.2,0 .1,.8 .7,.8 1,1.4 .6,2 0,1.8 | .2,0 .9,0',
  '.8,0 .2,.7 0,1.4 .4,2 .9,1.6 .7,1.1 .1,1.3',
  '0,0 .5,0 1,0 .6,.9 .3,2',
  '.9,.3 .5,0 .1,.4 .5,.9 1,1.5 .5,2 0,1.5 .5,.9 .9,.3',
  '.9,.5 .5,0 .1,.5 .5,1 .9,.5 .9,1.2 .6,2',
].map((shape) => shape.split(' | ').map((stroke) => stroke.split(' ').map((point) => point.split(',').map(Number))))

/** Uniform numbers from 0 to 1 (mulberry32). */
function numbers(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Rows of a writer: movements `[dx, dy, lifted]` of the pen, and the number that was written. */
function written(writer) {
  const next = numbers(1000 * seed + writer)
  const around = (middle, spread) => middle + spread * (2 * next() - 1)
  const hand = { slant: around(0, 0.4), width: around(1, 0.3), height: around(1, 0.25), step: around(0.35, 0.1) }
  const bends = shapes.map((strokes) => strokes.map((stroke) => stroke.map(() => [around(0, 0.08), around(0, 0.08)])))
  return Array.from({ length: each }, () => {
    const digits = Array.from({ length: 3 + Math.floor(4 * next()) }, () => Math.floor(10 * next()))
    const frames = []
    let [at, x, y] = [0, 0, 0]
    const move = (toX, toY, lifted) => {
      // As many points as the pen's speed makes of the way.
      const count = lifted ? 1 : Math.max(1, Math.round(Math.hypot(toX - x, toY - y) / around(hand.step, 0.08)))
      const [dx, dy] = [(toX - x) / count, (toY - y) / count]
      for (let i = 0; i < count; i++) frames.push([around(dx, 0.03), around(dy, 0.03), Number(lifted)])
      ;[x, y] = [toX, toY]
    }
    for (const digit of digits) {
      for (const [s, stroke] of shapes[digit].entries()) {
        for (const [p, [px, py]] of stroke.entries()) {
          const [bx, by] = bends[digit][s][p]
          const [ux, uy] = [around(px + bx, 0.05), around(py + by, 0.05)]
          move(at + hand.width * (ux + hand.slant * (2 - uy)), hand.height * uy, p === 0)
        }
      }
      at += hand.width * around(1.4, 0.15)
    }
    return { frames, text: digits.join('') }
  })
}

const training = Array.from({ length: writers }, (_, writer) => written(writer)).flat()
const test = Array.from({ length: heldOut }, (_, writer) => written(10_000 + writer)).flat()
process.stdout.write(
  `${training.length} numbers of ${writers} writers to train on, ${test.length} of ${heldOut} others\n`,
)

const reader = new tasks.Transcriber({ method, units: 48, layers: 1, seed })
await reader.train(training, {
  epochs,
  learningRate: 0.01,
  validationSplit: 0,
  onEpoch: ({ epoch, loss, seconds }) => {
    process.stdout.write(`epoch ${epoch}/${epochs} loss ${loss.toFixed(3)} (${seconds.toFixed(1)} s)\n`)
  },
})
const percent = (share) => `${(100 * share).toFixed(1)} %`
for (const beamWidth of [1, 8]) {
  const { characterErrorRate, exactMatch } = await reader.evaluate(test, { beamWidth })
  const found = `${percent(characterErrorRate)} of the digits wrong, ${percent(exactMatch)} of the numbers right`
  process.stdout.write(`beam width ${beamWidth}: ${found}\n`)
}
const [{ text, tokens }] = await reader.transcribe([test[0].frames])
const begins = tokens.map(({ token, frame }) => `${token} at point ${frame}`).join(', ')
process.stdout.write(`${test[0].text} is read as ${text}: ${begins}\n`)
