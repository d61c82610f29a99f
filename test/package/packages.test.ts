import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, it } from 'vitest'
// @ts-expect-error a script of the project, in plain JavaScript
import { glibcFloor } from '../../scripts/glibc-floor.mjs'
// @ts-expect-error a script of the project, in plain JavaScript
import { absoluteLinks, limit } from '../../scripts/pack.mjs'
import { platformPackage } from './helpers/installation.js'
import { execute, projectRoot, start } from './helpers/run.js'

const modules = join(inject('installed'), 'node_modules')
const main = inject('packed').find(({ name }) => name === 'seqloom')
const tool = (name: string) => join(projectRoot, 'node_modules/.bin', name)

it('publint has nothing to say', async () => {
  expect(await execute([tool('publint'), 'run', String(main?.path), '--strict'], projectRoot)).toContain('All good')
})

it('types are right for ESM, CommonJS and older resolution', async () => {
  const { code, stdout } = await start([tool('attw'), String(main?.path), '--format', 'ascii'], projectRoot)
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('No problems found') })
})

it(`no package takes more than ${limit / 1e6} MB`, () => {
  for (const { name, unpackedSize } of inject('packed')) expect(unpackedSize, name).toBeLessThanOrEqual(limit)
})

it('each platform package holds one addon, the licences, and those of what is linked into it', () => {
  const files = readdirSync(join(modules, platformPackage().name)).sort()
  const addon = files.find((file) => file.endsWith('.node'))
  const texts = ['LICENSE', 'LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'THIRD-PARTY-LICENSES.txt']
  expect(files).toEqual([...texts, addon, 'package.json'].sort())
  const notices = readFileSync(join(modules, platformPackage().name, 'THIRD-PARTY-LICENSES.txt'), 'utf8')
  for (const crate of ['tokenizers', 'safetensors', 'serde_json', 'napi']) {
    expect(notices).toMatch(new RegExp(`^${crate} \\d+\\.\\d+\\.\\d+: `, 'm'))
  }
})

it('the main package holds no addon and names every platform as optional, at its own version', () => {
  const manifest = JSON.parse(readFileSync(join(modules, 'seqloom/package.json'), 'utf8'))
  expect(readdirSync(join(modules, 'seqloom/dist/native')).filter((file) => file.endsWith('.node'))).toEqual([])
  expect(Object.keys(manifest.optionalDependencies)).toHaveLength(8)
  expect(new Set(Object.values(manifest.optionalDependencies))).toEqual(new Set([manifest.version]))
  expect(manifest.scripts).toBeUndefined()
})

it('every relative link of the README leads to a file of the package, or to the repository where that is known', () => {
  const folder = join(modules, 'seqloom')
  const text = readFileSync(join(folder, 'README.md'), 'utf8')
  const links = [...text.matchAll(/\]\((?![a-z]+:|#)([^)#]+)/g)].map(([, path]) => String(path))
  expect(links).toContain('docs/guide.md')
  expect(links).toContain('docs/benchmark.svg')
  for (const link of links) expect(existsSync(join(folder, link)), link).toBe(true)

  const absolute: string = absoluteLinks(text, 'https://example.org/they/seqloom', '1.2.3')
  expect(absolute).toContain('](https://example.org/they/seqloom/blob/v1.2.3/docs/guide.md#tasks)')
  expect(absolute).toContain('](https://example.org/they/seqloom/raw/v1.2.3/docs/benchmark.svg)')
  expect(absolute).not.toMatch(/\]\((?!https?:|#)/)
})

it('nothing that is installed has an install script', () => {
  const installed = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8'))
  const names = Object.keys(installed.packages)
  expect(names).toContain('node_modules/seqloom')
  expect(names.filter((name) => installed.packages[name].hasInstallScript)).toEqual([])
  for (const name of names) {
    const { scripts = {} } = JSON.parse(readFileSync(join(modules, '..', name, 'package.json'), 'utf8'))
    expect(
      Object.keys(scripts).filter((script) => /^(pre|post)?install$/.test(script)),
      name,
    ).toEqual([])
    expect(existsSync(join(modules, '..', name, 'binding.gyp')), name).toBe(false)
  }
})

it.runIf(platformPackage().name.endsWith('-gnu'))(`the addon needs no newer glibc than ${glibcFloor}`, async () => {
  const addon = readdirSync(join(modules, platformPackage().name)).find((file) => file.endsWith('.node')) ?? ''
  const versions = await execute(['readelf', '-VW', join(modules, platformPackage().name, addon)], projectRoot)
  const needed = [...versions.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor))
  console.log(`needed glibc: 2.${Math.max(...needed)}`)
  expect(needed).not.toEqual([])
  expect(Math.max(...needed)).toBeLessThanOrEqual(Number(glibcFloor.split('.')[1]))
})
