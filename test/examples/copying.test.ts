import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

it('examples/copying.mjs: a grid and a stack of equal size learn to repeat three symbols', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
  try {
    const file = join(folder, 'copying.svg')
    const { code, stdout, stderr } = await runExample('copying.mjs', ['3', '3', '1', file])
    expect(code, stderr).toBe(0)
    const numbers = (name: string) => {
      const found = new RegExp(`^${name} +seed 1 +(\\d+) weights +([\\d.]+) %`, 'm').exec(stdout)
      return { weights: Number(found?.[1]), right: Number(found?.[2]) }
    }
    const [grid, stack] = [numbers('Grid LSTM'), numbers('stacked LSTM')]
    expect(Math.abs(grid.weights / stack.weights - 1)).toBeLessThan(0.05)
    expect(grid.right).toBeGreaterThan(99)
    expect(stack.right).toBeGreaterThan(80)
    expect(readFileSync(file, 'utf8').match(/<polyline/g)).toHaveLength(2)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 120_000)
