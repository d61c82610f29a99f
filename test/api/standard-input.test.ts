import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'

const program = fileURLToPath(new URL('../helpers/programs/standard-input.mjs', import.meta.url))

const lines = [
  'a,b,label',
  ...Array.from({ length: 500 }, (_, i) => `${Math.sin(i)},${Math.cos(i)},${i % 2 ? 'low' : 'high'}`),
]

/** Trains with what comes through a pipe in these parts. */
function trained(parts: readonly (string | Uint8Array)[], epochs = 1): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, String(epochs)], { stdio: ['pipe', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    child.on('error', reject)
    child.on('close', () => resolve(text.trim()))
    const send = (at: number) => {
      if (at === parts.length) child.stdin.end()
      else child.stdin.write(parts[at] as string, () => setTimeout(() => send(at + 1), 20))
    }
    send(0)
  })
}

describe('standard input through a pipe', () => {
  const whole = lines.join('\n')

  it('trains to the same bits, however it is cut into parts', async () => {
    const once = await trained([whole])
    expect(once).toMatch(/^[0-9a-f]{64}$/)
    const bytes = Buffer.from(whole)
    expect(await trained([bytes.subarray(0, 17), bytes.subarray(17, 5000), bytes.subarray(5000)])).toBe(once)
    const twice = await trained([whole], 2)
    expect(twice).toMatch(/^[0-9a-f]{64}$/)
    expect(twice).not.toBe(once)
  })

  it('may be compressed', async () => {
    const bytes = gzipSync(whole)
    expect(await trained([bytes.subarray(0, 1), bytes.subarray(1)])).toBe(await trained([whole]))
    expect(await trained([bytes.subarray(0, 40)])).toMatch(/^ERR_DATA: - cannot be decompressed/)
  })

  it.each([
    ['nothing', [], /^ERR_DATA: .*empty/],
    ['a header alone', ['a,b,label\n'], /^ERR_DATA: .*no rows in standard input/],
    ['a record that ends early', [`${whole}\n0.5`], /^ERR_DATA: -: line 502 has 1 field/],
    ['a quote that is never closed', [`${whole}\n"0.5,1,low`], /^ERR_DATA: .*line 502 is not closed/],
    ['half a character', ['a,b,label\n1,2,lo', Buffer.from([0xe2, 0x82])], /^ERR_DATA: .*line 2/],
    ['another column', [whole.replace('label', 'tag')], /^ERR_DATA: .*no column 'label'/],
  ])('is told when it holds %s', async (_, parts, message) => {
    expect(await trained(parts)).toMatch(message)
  })
})
