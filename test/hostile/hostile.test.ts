import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const script = fileURLToPath(new URL('run.mjs', import.meta.url))

describe('altered files of every format', () => {
  it('give errors with a code, or work, in bounded time and memory', async () => {
    const child = spawn(process.execPath, [script, '--cases', '60', '--seed', '7', '--seconds', '20'], {
      stdio: 'pipe',
    })
    let report = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        report += text
      })
    }
    const code = await new Promise((resolve) => child.on('close', resolve))
    const lines = report.trimEnd().split('\n')
    for (const line of lines) expect(line).toMatch(/^\w+: 60 cases of seed 7: \{"coded":\d+,"works":\d+\}; /)
    expect(lines).toHaveLength(14)
    expect(code).toBe(0)
  }, 240_000)
})
