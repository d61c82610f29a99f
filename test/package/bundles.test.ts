import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { nodeFileTrace } from '@vercel/nft'
import { expect, inject, it, onTestFinished } from 'vitest'
import { bundles } from './helpers/bundlers.js'
import { bare, bareJson, copyOfInstallation, platformPackage } from './helpers/installation.js'

const trained = { accuracy: 1, same: true, code: 'ERR_OPTION' }

/** An empty folder beside the installation, in which no package can be seen; removed when the test ends. */
function elsewhere(): string {
  const folder = mkdtempSync(join(dirname(inject('installed')), 'elsewhere-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

it.each(Object.keys(bundles))(
  '%s: the bundle runs, where it was made and beside a copy of the engine',
  async (title) => {
    const { program, out, bundle } = bundles[title] as (typeof bundles)[string]
    const folder = copyOfInstallation()
    expect(await bundle(folder, program, out)).toEqual([])
    expect(await bareJson(['node', join('out', out)], folder)).toEqual(trained)

    const alone = elsewhere()
    cpSync(join(folder, 'out'), alone, { recursive: true })
    const { code, stderr } = await bare(['node', out], alone)
    expect(code).toBe(1)
    for (const text of ['ERR_NATIVE', platformPackage().name, 'external', 'copy']) expect(stderr).toContain(text)

    const installed = join(folder, 'node_modules', platformPackage().name)
    const engine = String(readdirSync(installed).find((name) => name.endsWith('.node')))
    cpSync(join(installed, engine), join(alone, engine))
    expect(await bareJson(['node', out], alone)).toEqual(trained)
  },
)

it('a bundle that is run as text, in a worker, finds the engine from the working folder', async () => {
  const { program, out, bundle } = bundles['esbuild, to CommonJS'] as (typeof bundles)[string]
  const folder = copyOfInstallation()
  await bundle(folder, program, out)
  const start = `new (require('worker_threads').Worker)(require('fs').readFileSync('out/${out}', 'utf8'), { eval: true })`
  expect(await bareJson(['node', '-e', start], folder)).toEqual(trained)
})

it.each(['train.mjs', 'train.cjs'])('the files that tracing finds %s to need are enough', async (program) => {
  const folder = copyOfInstallation()
  const { fileList } = await nodeFileTrace([join(folder, program)], { base: folder })
  const alone = elsewhere()
  for (const file of fileList) {
    mkdirSync(dirname(join(alone, file)), { recursive: true })
    cpSync(join(folder, file), join(alone, file))
  }
  expect(await bareJson(['node', program], alone)).toEqual(trained)
})
