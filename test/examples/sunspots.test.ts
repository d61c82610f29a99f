import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

it('examples/sunspots.mjs forecasts a made-up cycle, and says when it has no data', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
  try {
    const file = join(folder, 'months.csv')
    const rows = Array.from({ length: 800 }, (_, t) => `${t},${60 + 50 * Math.sin(t / 5) + 4 * Math.sin(t * 78.2)}`)
    writeFileSync(file, ['Month,Sunspots', ...rows].join('\n'))
    const { code, stdout, stderr } = await runExample('sunspots.mjs', [file, '10'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(Number(/Forecaster .*, ([-\d.]+) % lower/.exec(stdout)?.[1])).toBeGreaterThan(10)
    expect(stdout).toMatch(/intervals cover \d+\.\d %/)
    const missing = await runExample('sunspots.mjs', [join(folder, 'none.csv')])
    expect(missing).toMatchObject({ code: 0, stdout: '', stderr: expect.stringMatching(/^SKIPPED: .*none\.csv/) })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 120_000)
