import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

it('examples/cells.mjs writes a table for each task, and goes on from what is done', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
  try {
    const [results, table] = [join(folder, 'cells.json'), join(folder, 'cells.md')]
    const run = async (...more: string[]) => {
      const { code, stdout, stderr } = await runExample('cells.mjs', ['--quick', '--results', results, ...more])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      return stdout
    }
    await run('--cells', 'minGRU')
    await run('--cells', 'lstm,gruD', '--tasks', 'adding')
    const stdout = await run('--cells', 'lstm,minGRU,gruD', '--tasks', 'adding', '--table', table)
    // Nothing was trained again.
    expect(stdout).not.toMatch(/seed 1/)
    const rows = readFileSync(table, 'utf8').match(/^\| (lstm|minGRU|gruD) .*$/gm) ?? []
    expect(rows).toHaveLength(3)
    for (const row of rows) {
      const [, , right, , time, steps, weights, memory] = row.split('|').map((each) => Number.parseFloat(each))
      expect(right).toBeGreaterThanOrEqual(0)
      expect(time).toBeGreaterThan(0)
      expect(steps).toBe(10)
      expect(Math.abs((weights as number) / 1500 - 1)).toBeLessThan(0.1)
      expect(memory).toBeGreaterThan(20)
    }
    expect(Object.keys(JSON.parse(readFileSync(results, 'utf8')))).toHaveLength(7)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 240_000)
