// Finds the speech in a recording with Silero VAD, a network that others trained with PyTorch and published as ONNX.
//
//   node examples/speech.mjs [recording.wav] [silero_vad.onnx]
//
// A recording has one channel of 16,000 samples a second, 16 bits each. The one beside this program is a sentence by
// Jane Austen, read for LibriVox, in the public domain. The model comes with the npm package @ricky0123/vad-web, which
// the development of Seqloom installs; the PyPI package silero-vad has the same one.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { interop, tensor } from 'seqloom'

const beside = (path) => fileURLToPath(new URL(path, import.meta.url))
const recording = process.argv[2] || beside('speech/recording.wav')
const model = process.argv[3] || beside('../node_modules/@ricky0123/vad-web/dist/silero_vad_v6.onnx')
if (!existsSync(model)) {
  console.error(`SKIPPED: there is no ${model}; get it with npm install @ricky0123/vad-web`)
  process.exit(0)
}

const vad = await interop.loadOnnx(model, { constants: { sr: 16000 }, inputShapes: { input: [null, 576] } })
let state = tensor(new Float32Array(256), [1, 2, 128])

/** The probability that 512 samples are speech. The network reads them behind the 64 samples before. */
function probabilityOf(samples) {
  const [speech, next] = vad.predictSync([tensor(samples, [1, 576]), state])
  state = next
  return speech.data[0]
}

/** The samples of a WAV file, from -1 to 1. */
function samplesOf(file) {
  const bytes = readFileSync(file)
  for (let at = 12; at + 8 <= bytes.length; ) {
    const [name, size] = [bytes.toString('latin1', at, at + 4), bytes.readUInt32LE(at + 4)]
    const isFitting = () => bytes.readUInt16LE(at + 10) === 1 && bytes.readUInt32LE(at + 12) === 16000
    if (name === 'fmt ' && !isFitting()) break
    if (name === 'data') {
      const length = Math.min(size, bytes.length - at - 8) >> 1
      return Float32Array.from({ length }, (_, k) => bytes.readInt16LE(at + 8 + 2 * k) / 32768)
    }
    at += 8 + size + (size % 2)
  }
  throw new Error(`${file} is no WAV file with one channel of 16,000 samples a second`)
}

const samples = samplesOf(recording)
const probabilities = []
for (let start = 0; start < samples.length; start += 512) {
  const chunk = new Float32Array(576)
  chunk.set(samples.subarray(Math.max(start - 64, 0), start + 512), start === 0 ? 64 : 0)
  probabilities.push(probabilityOf(chunk))
}

// A column for each chunk of 32 ms.
const bars = probabilities.map((probability) => '▁▂▃▄▅▆▇█'[Math.min(7, Math.floor(8 * probability))])
console.log(bars.join(''))
// Speech begins where it is likely, and ends after a tenth of a second in which it is not.
let [from, last] = [undefined, 0]
for (const [chunk, probability] of [...probabilities, 0, 0, 0, 0].entries()) {
  if (probability >= 0.5) [from, last] = [from ?? chunk, chunk]
  if (from === undefined || chunk - last <= 3) continue
  console.log(`speech from ${(0.032 * from).toFixed(2)} s to ${(0.032 * (last + 1)).toFixed(2)} s`)
  from = undefined
}
