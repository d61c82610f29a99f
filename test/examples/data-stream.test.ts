import { expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

it('examples/data-stream.mjs learns from a compressed table', async () => {
  const { code, stdout, stderr } = await runExample('data-stream.mjs', ['60000'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/60000 rows.*MB compressed/)
  expect(stdout).toMatch(/at most \d+ MB more memory/)
  expect(stdout).toMatch(/in memory: the stream has \d+ % of that speed/)
  expect(Number(/held out: ([\d.]+) %/.exec(stdout)?.[1])).toBeGreaterThan(80)
}, 120_000)
