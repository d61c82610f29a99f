import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const script = fileURLToPath(new URL('run.mjs', import.meta.url))

describe('altered models of every kind', () => {
  it('give errors with a code, or work, in bounded time and memory', async () => {
    const child = spawn(process.execPath, [script, '--alterations', '300', '--seed', '7', '--seconds', '20'], {
      stdio: 'pipe',
    })
    let report = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        report += text
      })
    }
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect(report).toMatch(/^300 alterations: \{"coded":\d+,"works":\d+\}$/m)
    expect(code).toBe(0)
  }, 120_000)
})
