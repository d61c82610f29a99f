import { expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

it('examples/moby-dick.mjs learns from three chapters', async () => {
  const { code, stdout, stderr } = await runExample('moby-dick.mjs', ['3', '8'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const losses = [...stdout.matchAll(/validation ([\d.]+) nats/g)].map(([, loss]) => Number(loss))
  expect(losses).toHaveLength(8)
  expect(losses[7]).toBeLessThan(2.9)
  expect(stdout).toMatch(/\nCall me [\s\S]{350,}/)
}, 120_000)
