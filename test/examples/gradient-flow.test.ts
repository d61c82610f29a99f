import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

it('examples/gradient-flow.mjs shows that a gate carries the gradient on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
  try {
    const file = join(folder, 'flow.svg')
    const { code, stdout, stderr } = await runExample('gradient-flow.mjs', [file])
    expect(code, stderr).toBe(0)
    const after99 = (name: string) => Number(new RegExp(`^${name} .*after 99 (\\S+) of`, 'm').exec(stdout)?.[1])
    expect(after99('simple RNN')).toBeLessThan(1e-6)
    expect(after99('LSTM')).toBeGreaterThan(100 * after99('simple RNN'))
    expect(after99('GRU, gate open')).toBeGreaterThan(0.01)
    expect(readFileSync(file, 'utf8').match(/<polyline/g)).toHaveLength(4)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
