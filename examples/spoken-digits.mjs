// A transcriber learns to write down spoken numbers, digit by digit: it is never told where in the sound a digit begins.
// It is measured on voices that it has not heard.
//
//   node examples/spoken-digits.mjs [training voices] [epochs] [seed]
//
// The speaker is the synthesiser espeak-ng (GPL-3.0; apt-get install espeak-ng), a program of its own that writes WAV.
// Features: logarithms of the power in bands of equal width on the mel scale, with the mean of each band over the recording
// taken away. Those of the training are stretched, as if throats were longer or shorter (Jaitly and Hinton 2013), so that it
// learns more voices than it hears. The loss: Graves et al. 2006.
import { spawnSync } from 'node:child_process'
import { data, tasks } from 'seqloom'

const [voices, epochs, seed] = [30, 12, 1].map((usual, at) => Number(process.argv[2 + at] ?? usual))
const each = 16

const accents = ['en-us', 'en-gb', 'en-gb-scotland', 'en-gb-x-rp', 'en-gb-x-gbclan', 'en-029']
/** Shapes of the throat, which espeak-ng calls variants. Those of the test are of no voice of the training. */
const variants = {
  training: ['m1', 'm2', 'm4', 'm5', 'm7', 'm8', 'f1', 'f3', 'f4', 'Andy', 'Annie', 'Denis', 'Gene', 'Jacky', 'Lee'],
  test: ['m3', 'm6', 'f2', 'f5', 'Mario', 'linda'],
}
const words = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']

/** Uniform numbers from 0 to 1 (mulberry32). */
function numbers(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

async function say(voice, pitch, speed, text) {
  const { error, status, stdout, stderr } = spawnSync(
    'espeak-ng',
    ['--stdout', '-v', voice, '-p', `${pitch}`, '-s', `${speed}`, text],
    { maxBuffer: 2 ** 26 },
  )
  if (error?.code === 'ENOENT') {
    console.error(
      'SKIPPED: there is no espeak-ng; install it with apt-get install espeak-ng, or brew install espeak-ng',
    )
    process.exit(0)
  }
  if (error || status !== 0) throw new Error(`espeak-ng has failed: ${error?.message ?? stderr}`)
  return await data.readWav(stdout)
}

/** How frames are made of a recording: one every hundredth of a second. */
const [bands, frequencies] = [24, { nMels: 24, fMin: 80, fMax: 7600, nFft: 512, winLength: 512, center: false }]

/** Logarithms of powers in bands, with the mean of each band over the recording taken away; of frequencies times `stretch`. */
function framesOf({ samples, sampleRate }, stretch) {
  const { fMin, fMax } = frequencies
  const range = { fMin: fMin * stretch, fMax: fMax * stretch }
  const { data: values, shape } = data.logMel(samples, { ...frequencies, ...range, sampleRate })
  const means = new Float64Array(bands)
  for (const [at, value] of values.entries()) means[at % bands] += value / shape[0]
  // Logarithms of speech vary by about 3.
  return { data: values.map((value, at) => (value - means[at % bands]) / 3), shape }
}

/** Rows of some voices: frames, with frequencies stretched at random by up to a share, and the digits that are said. */
async function spoken(shapes, count, first, stretched) {
  const rows = []
  for (let speaker = 0; speaker < count; speaker++) {
    const next = numbers(1000 * seed + first + speaker)
    const voice = `${accents[Math.floor(accents.length * next())]}+${shapes[speaker % shapes.length]}`
    const [pitch, speed] = [20 + Math.floor(60 * next()), 130 + Math.floor(70 * next())]
    for (let number = 0; number < each; number++) {
      const digits = Array.from({ length: 3 + Math.floor(3 * next()) }, () => Math.floor(10 * next()))
      const sound = await say(voice, pitch, speed, digits.map((digit) => words[digit]).join(' '))
      const stretch = stretched > 0 ? 1 + stretched * (2 * next() - 1) : 1
      rows.push({ frames: framesOf(sound, stretch), text: digits.join('') })
    }
  }
  return rows
}

const test = await spoken(variants.test, 12, 100_000, 0)
const training = await spoken(variants.training, voices, 0, 0.15)
console.log(`${training.length} numbers of ${voices} voices to train on, ${test.length} of 12 others`)

const listener = new tasks.Transcriber({ units: 48, layers: 1, stackFrames: 3, dropout: 0.2, seed })
await listener.train(training, {
  epochs,
  learningRate: 0.01,
  validationSplit: 0,
  onEpoch: ({ epoch, loss, seconds }) => {
    console.log(`epoch ${epoch}/${epochs} loss ${loss.toFixed(3)} (${seconds.toFixed(1)} s)`)
  },
})
const percent = (share) => `${(100 * share).toFixed(1)} %`
for (const beamWidth of [1, 8]) {
  const { characterErrorRate, exactMatch } = await listener.evaluate(test, { beamWidth })
  const found = `${percent(characterErrorRate)} of the digits wrong, ${percent(exactMatch)} of the numbers right`
  console.log(`beam width ${beamWidth}: ${found}`)
}
const [{ text, tokens }] = await listener.transcribe([test[0].frames])
const begins = tokens.map(({ token, frame }) => `${token} at ${(frame / 100).toFixed(2)} s`).join(', ')
console.log(`${test[0].text} is heard as ${text}: ${begins}`)
