import { expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

it('examples/sequential-mnist.mjs reads digits line by line', async () => {
  const { code, stdout, stderr } = await runExample('sequential-mnist.mjs', ['2000', '3'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(Number(/^([\d.]+) % of 2000 digits/m.exec(stdout)?.[1])).toBeGreaterThan(60)
  expect(stdout.trim().split('\n').slice(-28).at(-1)).toMatch(/28 {2}\d \(\d+ %\)$/)
}, 120_000)

it('examples/stress.mjs learns where words are stressed', async () => {
  const { code, stdout, stderr } = await runExample('stress.mjs', ['3000', '3'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(Number(/held out: ([\d.]+) % of the sounds/.exec(stdout)?.[1])).toBeGreaterThan(80)
  expect(stdout).toMatch(/^P AH\d T EY\d T OW\d$/m)
}, 120_000)

it('examples/stories.mjs answers questions about new names', async () => {
  const { code, stdout, stderr } = await runExample('stories.mjs', ['600', '3'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(Number(/one supporting fact: ([\d.]+) %/.exec(stdout)?.[1])).toBeGreaterThan(30)
  expect(stdout).toMatch(/two supporting facts: [\d.]+ %/)
}, 120_000)
