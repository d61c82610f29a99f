import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { bare, bareJson, copyOfInstallation } from './helpers/installation.js'

it('workers train and are ended in the middle, beside the main thread', async () => {
  const { losses } = await bareJson<{ losses: number[] }>(['node', 'workers.mjs'])
  expect(losses).toHaveLength(3)
  expect(new Set(losses).size).toBe(1)
})

it('two copies of the package train in one process', async () => {
  const folder = copyOfInstallation()
  cpSync(join(folder, 'node_modules'), join(folder, 'other/node_modules'), { recursive: true, verbatimSymlinks: true })
  const { apart, losses } = await bareJson<{ apart: boolean; losses: number[] }>(['node', 'twoCopies.mjs'], folder)
  expect(apart).toBe(true)
  expect(losses).toHaveLength(4)
  expect(new Set(losses).size).toBe(1)
})

it('a process that exits while training ends with its own code', async () => {
  expect(await bare(['node', 'exits.mjs', 'exit'])).toMatchObject({ code: 3, signal: null })
})

it('a process that throws while training ends as any other', async () => {
  const { code, signal, stderr } = await bare(['node', 'exits.mjs', 'throw'])
  expect({ code, signal }).toEqual({ code: 1, signal: null })
  expect(stderr).toContain('thrown while training')
})

it.each(['SIGTERM', 'SIGINT'])('a process that gets %s while training ends by it', async (signal) => {
  const ended = await bare(['node', 'exits.mjs', signal])
  // Within namespaces and shells a signal may come out as its code.
  expect([ended.signal, ended.code]).toContain(ended.signal === null ? { SIGTERM: 143, SIGINT: 130 }[signal] : signal)
})
