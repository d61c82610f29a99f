import { expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

it('examples/reverse.mjs learns to write backwards', async () => {
  const { code, stdout, stderr } = await runExample('reverse.mjs', ['6'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(Number(/([\d.]+) % of the symbols/.exec(stdout)?.[1])).toBeGreaterThan(95)
}, 120_000)
