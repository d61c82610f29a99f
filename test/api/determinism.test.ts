import { backend } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { relativeError } from '../helpers/compare.js'
import { runProgram } from '../helpers/process.js'

interface Trained {
  simd: string
  threads: number
  loss: number[]
  weights: Record<string, string>
}

const train = (optimizer: 'adam' | 'sgd', env: Record<string, string>) =>
  runProgram<Trained>('train.mjs', [optimizer], { env })

function floats(base64: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer)
}

describe('one seed gives one result', () => {
  it('whatever the number of threads', async () => {
    const one = await train('adam', { SEQLOOM_THREADS: '1' })
    expect(one.threads).toBe(1)
    for (const threads of [2, 3]) {
      const more = await train('adam', { SEQLOOM_THREADS: String(threads) })
      expect(more.threads).toBe(threads)
      expect(more.weights).toEqual(one.weights)
      expect(more.loss).toEqual(one.loss)
    }
  })

  it('run after run', async () => {
    expect(await train('adam', {})).toEqual(await train('adam', {}))
  })

  it('nearly the same at every instruction set that the machine has', async () => {
    const scalar = await train('sgd', { SEQLOOM_SIMD: 'scalar' })
    expect(scalar.simd).toBe('scalar')
    const levels = backend().simdAvailable.filter((level: string) => level !== 'scalar')
    for (const level of levels) {
      const result = await train('sgd', { SEQLOOM_SIMD: level })
      expect(result.simd).toBe(level)
      expect(relativeError(result.loss, scalar.loss)).toBeLessThan(1e-5)
      for (const [name, values] of Object.entries(scalar.weights))
        expect(relativeError(floats(result.weights[name] ?? ''), floats(values)), `${level}: ${name}`).toBeLessThan(
          1e-4,
        )
    }
  })
})

describe('a wrong environment is an error, not a guess', () => {
  it.each([
    ['SEQLOOM_SIMD', 'bogus', /bogus/],
    ['SEQLOOM_SIMD', process.arch === 'x64' ? 'neon' : 'avx2', /SEQLOOM_SIMD|neon|avx2/],
    ['SEQLOOM_THREADS', '1.5', /1\.5/],
    ['SEQLOOM_THREADS', '1000000000', /SEQLOOM_THREADS/],
    ['SEQLOOM_THREADS', '0', /SEQLOOM_THREADS|threads/],
    ['SEQLOOM_THREADS', 'many', /many/],
    ['SEQLOOM_THREADS', '-2', /SEQLOOM_THREADS|threads/],
  ])('%s=%s', async (variable, value, pattern) => {
    const outcome = await runProgram<{ code: string; name: string; message: string }>('environment.mjs', [], {
      env: { [variable]: value },
    })
    expect(outcome.name).toBe('SeqloomError')
    expect(outcome.code).toMatch(/^ERR_(OPTION|UNSUPPORTED)$/)
    expect(outcome.message).toMatch(pattern)
    const used = await runProgram<Record<string, { code: string; message: string }>>('engine-use.mjs', [], {
      env: { [variable]: value },
    })
    // Importing is no use; every first use of a model is refused with the same words.
    expect(used).toEqual(
      Object.fromEntries(
        ['compile', 'predict', 'predictSync', 'session'].map((use) => [
          use,
          { code: outcome.code, message: outcome.message },
        ]),
      ),
    )
  })
})
