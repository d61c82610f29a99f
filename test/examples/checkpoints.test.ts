import { expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

it('examples/checkpoints.mjs takes less memory and comes to the same loss', async () => {
  const { code, stdout, stderr } = await runExample('checkpoints.mjs', ['300', '32'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const lines = [...stdout.matchAll(/said (\d+); [\d.]+ s a step; loss (\S+)/g)]
  expect(lines).toHaveLength(4)
  expect(new Set(lines.map(([, , loss]) => loss)).size).toBe(1)
  expect(Number(lines[2]?.[1])).toBeLessThan(0.75 * Number(lines[0]?.[1]))
}, 60_000)
