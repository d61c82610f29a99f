import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const script = fileURLToPath(new URL('../../scripts/parity.mjs', import.meta.url))

describe('docs/parity.md', () => {
  it('is what the calls give', { timeout: 300_000 }, async () => {
    const { stderr } = await promisify(execFile)(process.execPath, [script, '--check'])
    expect(stderr).toBe('')
  })
})
