import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

it('examples/cells.mjs draws what is trained and timed, goes on from what is done, and fills the page', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
  try {
    const [results, table, page] = ['cells.json', 'table.md', 'cells.md'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]
    const run = async (...more: string[]) => {
      const { code, stdout, stderr } = await runExample('cells.mjs', ['--quick', '--results', results, ...more])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      return stdout
    }
    await run('--cells', 'minGRU')
    await run('--cells', 'lstm,gruD', '--tasks', 'adding')
    await run('--cells', 'lstm,minGRU', '--tasks', 'adding', '--times')
    const stdout = await run('--cells', 'lstm,minGRU,gruD', '--tasks', 'adding', '--table', table)
    // Nothing was trained again.
    expect(stdout).not.toMatch(/seed 1/)
    const [, each = ''] = readFileSync(table, 'utf8').split('\nadding\n')
    const rows = each.match(/^\| (lstm|minGRU|gruD) .*$/gm) ?? []
    expect(rows).toHaveLength(3)
    for (const row of rows) {
      const [, name = '', right, , seeds, time, steps, weights, memory] = row.split('|').map((cell) => cell.trim())
      const number = (cell: string | undefined) => Number.parseFloat(cell as string)
      expect(number(right)).toBeGreaterThanOrEqual(0)
      expect([seeds, steps]).toEqual(['1', '10'])
      if (name === 'gruD') expect(time).toBe('–')
      else expect(number(time)).toBeGreaterThan(0)
      expect(Math.abs(number(weights) / 1500 - 1)).toBeLessThan(0.1)
      expect(number(memory)).toBeGreaterThan(20)
    }
    // The page, of whatever there is.
    copyFileSync('docs/cells.md', page)
    await run('--draw', '--table', page)
    const text = readFileSync(page, 'utf8')
    for (const name of ['glance', 'adding', 'copying', 'mnist', 'permuted', 'text']) {
      const [, drawn = ''] = text.split(`<!-- table ${name} -->`)
      expect(drawn.split('<!-- end -->')[0]).toMatch(/\| cell .*\n(\|.*\n)*\| minGRU \| [*\d]/)
    }
    expect(Object.keys(JSON.parse(readFileSync(results, 'utf8')))).toHaveLength(9)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 240_000)
