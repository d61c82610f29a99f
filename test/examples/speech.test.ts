import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { interop, type Tensor, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const models = at('node_modules/@ricky0123/vad-web/dist')
const recorded = JSON.parse(readFileSync(at('test/fixtures/published/speech.json'), 'utf8')) as Record<string, number[]>

/** The recording in pieces; the last one is filled up with silence. */
function chunks(size: number): Float32Array[] {
  const bytes = readFileSync(at('examples/speech/recording.wav'))
  const samples = new Int16Array(new Uint8Array(bytes.subarray(44)).buffer)
  return Array.from({ length: Math.ceil(samples.length / size) }, (_, piece) =>
    Float32Array.from({ length: size }, (_, k) => (samples[piece * size + k] ?? 0) / 32768),
  )
}

function expectRecorded(found: readonly number[], expected: readonly number[] | undefined): void {
  expect(found.length).toBe(expected?.length)
  for (const [chunk, probability] of found.entries()) {
    expect(Math.abs(probability - (expected?.[chunk] as number)), `chunk ${chunk}`).toBeLessThan(1e-5)
  }
}

describe('Silero VAD, as others published it, gives what onnxruntime gives for a recording', () => {
  it('in the version of today', async () => {
    const vad = await interop.loadOnnx<Tensor[]>(join(models, 'silero_vad_v6.onnx'), {
      constants: { sr: 16000 },
      inputShapes: { input: [null, 576] },
    })
    let state: Tensor = tensor(new Float32Array(256), [1, 2, 128])
    let before = new Float32Array(64)
    const found = chunks(512).map((chunk) => {
      const [speech, next] = vad.predictSync([
        tensor(Float32Array.of(...before, ...chunk), [1, 576]),
        state,
      ]) as Tensor[]
      before = chunk.slice(-64)
      state = next as Tensor
      return speech?.data[0] as number
    })
    expectRecorded(found, recorded.v6)
    vad.dispose()
  })

  it('and in an old one, with other layers and states', async () => {
    const vad = await interop.loadOnnx<Tensor[]>(join(models, 'silero_vad_legacy.onnx'), {
      constants: { sr: 16000 },
      inputShapes: { input: [null, 1536] },
    })
    let states: Tensor[] = [1, 2].map(() => tensor(new Float32Array(128), [1, 2, 64]))
    const found = chunks(1536).map((chunk) => {
      const [speech, ...next] = vad.predictSync([tensor(chunk, [1, 1536]), ...states]) as Tensor[]
      states = next
      return speech?.data[0] as number
    })
    expectRecorded(found, recorded.legacy)
    vad.dispose()
  })
})

it('examples/speech.mjs says where the speech is, and what it needs', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
  try {
    const { code, stdout, stderr } = await runExample('speech.mjs')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^[▁▂▃▄▅▆▇█]{94}\nspeech from \d\.\d\d s to \d\.\d\d s\n/)
    const text = join(folder, 'text.wav')
    writeFileSync(text, 'no sound')
    const wrong = await runExample('speech.mjs', [text])
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/text\.wav is no WAV file/) })
    const missing = await runExample('speech.mjs', ['', join(folder, 'none.onnx')])
    expect(missing).toMatchObject({ code: 0, stdout: '', stderr: expect.stringMatching(/^SKIPPED: .*none\.onnx/) })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 120_000)
