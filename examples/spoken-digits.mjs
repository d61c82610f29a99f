// A transcriber learns to write down spoken numbers, digit by digit: it is never told where in the sound a digit begins.
// It is measured on voices that it has not heard.
//
//   node examples/spoken-digits.mjs [training voices] [epochs] [seed]
//
// The speaker is the synthesiser espeak-ng (GPL-3.0; apt-get install espeak-ng), a program of its own that writes WAV.
// Features: logarithms of the power in bands of equal width on the mel scale, 2595 log10(1 + f / 700) (O'Shaughnessy
// 1987), with the mean of each band over the recording taken away. The loss: Graves et al. 2006.
import { spawnSync } from 'node:child_process'
import { tasks } from 'seqloom'

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

/** The samples of 16 bits of a WAV file of one channel, from -1 to 1, and how many make a second. */
function readWav(bytes) {
  let rate = 0
  for (let at = 12; at + 8 <= bytes.length; ) {
    const [name, size] = [bytes.toString('latin1', at, at + 4), bytes.readUInt32LE(at + 4)]
    if (name === 'fmt ') rate = bytes.readUInt32LE(at + 12)
    if (name === 'data') {
      // What is written to a pipe does not know its size beforehand.
      const length = Math.min(size, bytes.length - at - 8) >> 1
      return { rate, samples: Float32Array.from({ length }, (_, k) => bytes.readInt16LE(at + 8 + 2 * k) / 32768) }
    }
    at += 8 + size + (size % 2)
  }
  throw new Error('espeak-ng has written no WAV file')
}

function say(voice, pitch, speed, text) {
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
  return readWav(stdout)
}

const [size, bands] = [512, 24]
const cosines = Float64Array.from({ length: size }, (_, k) => Math.cos((2 * Math.PI * k) / size))
const sines = Float64Array.from({ length: size }, (_, k) => Math.sin((2 * Math.PI * k) / size))

/** The discrete Fourier transform, in place, of as many numbers as `size`, a power of two (Cooley and Tukey 1965). */
function transform(re, im) {
  for (let at = 1, to = 0; at < size; at++) {
    let bit = size >> 1
    for (; to & bit; bit >>= 1) to ^= bit
    to ^= bit
    if (at < to) [re[at], re[to]] = [re[to], re[at]]
  }
  for (let half = 1; half < size; half *= 2) {
    for (let from = 0; from < size; from += 2 * half) {
      for (let k = 0; k < half; k++) {
        const [cos, sin] = [cosines[(k * size) / (2 * half)], -sines[(k * size) / (2 * half)]]
        const [a, b] = [from + k, from + k + half]
        const [x, y] = [re[b] * cos - im[b] * sin, re[b] * sin + im[b] * cos]
        ;[re[b], im[b], re[a], im[a]] = [re[a] - x, im[a] - y, re[a] + x, im[a] + y]
      }
    }
  }
}

/** Where the bands lie: triangles between points of equal distance on the mel scale, from 80 to 7600 Hz. */
function triangles(rate) {
  const mel = (hertz) => 2595 * Math.log10(1 + hertz / 700)
  const [low, high] = [mel(80), mel(7600)]
  const points = Array.from({ length: bands + 2 }, (_, at) => {
    const hertz = 700 * (10 ** ((low + ((high - low) * at) / (bands + 1)) / 2595) - 1)
    return (hertz * size) / rate
  })
  return Array.from({ length: bands }, (_, band) => {
    const [from, top, to] = points.slice(band, band + 3)
    return Float64Array.from({ length: size / 2 }, (_, bin) =>
      Math.max(0, Math.min((bin - from) / (top - from), (to - bin) / (to - top))),
    )
  })
}

/** Frames of a recording: 24 bands each, one frame every hundredth of a second. */
function logMel({ samples, rate }) {
  const filters = triangles(rate)
  const hop = Math.round(rate / 100)
  const frames = []
  for (let at = 0; at + size <= samples.length; at += hop) {
    const re = Float64Array.from({ length: size }, (_, k) => samples[at + k] * (0.5 - 0.5 * cosines[k]))
    const im = new Float64Array(size)
    transform(re, im)
    const power = re.subarray(0, size / 2).map((x, bin) => x * x + im[bin] * im[bin])
    frames.push(filters.map((filter) => Math.log(1e-6 + filter.reduce((sum, x, bin) => sum + x * power[bin], 0))))
  }
  for (let band = 0; band < bands; band++) {
    const mean = frames.reduce((sum, frame) => sum + frame[band], 0) / frames.length
    // Logarithms of speech vary by about 3.
    for (const frame of frames) frame[band] = (frame[band] - mean) / 3
  }
  return frames
}

/** Rows of some voices: frames, and the digits that are said. */
function spoken(shapes, count, first) {
  return Array.from({ length: count }, (_, speaker) => {
    const next = numbers(1000 * seed + first + speaker)
    const voice = `${accents[Math.floor(accents.length * next())]}+${shapes[speaker % shapes.length]}`
    const [pitch, speed] = [20 + Math.floor(60 * next()), 130 + Math.floor(70 * next())]
    return Array.from({ length: each }, () => {
      const digits = Array.from({ length: 3 + Math.floor(3 * next()) }, () => Math.floor(10 * next()))
      const sound = say(voice, pitch, speed, digits.map((digit) => words[digit]).join(' '))
      return { frames: logMel(sound), text: digits.join('') }
    })
  }).flat()
}

const test = spoken(variants.test, 12, 100_000)
const training = spoken(variants.training, voices, 0)
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
