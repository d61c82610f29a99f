import { readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { bare, bareJson, copyOfInstallation, platformPackage } from './helpers/installation.js'

const { name } = platformPackage()
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const install = `npm install --no-save ${name}@${version}`
const addonOf = (folder: string) => {
  const own = join(folder, 'node_modules', name)
  return join(own, JSON.parse(readFileSync(join(own, 'package.json'), 'utf8')).main)
}

const damages: Record<string, { damage: (folder: string) => void; says: readonly string[] }> = {
  'the platform package is absent': {
    damage: (folder) => rmSync(join(folder, 'node_modules', name), { recursive: true }),
    says: [`the package ${name} is not installed`, `\`${install}\``],
  },
  'the platform package is of another version': {
    damage: (folder) => {
      const path = join(folder, 'node_modules', name, 'package.json')
      writeFileSync(path, readFileSync(path, 'utf8').replace(`"version": "${version}"`, '"version": "0.0.9"'))
    },
    says: [`${name} has version 0.0.9, but seqloom has ${version}`, `\`${install}\``],
  },
  'only the package of another machine is installed': {
    damage: (folder) => {
      const other = `seqloom-${name.includes('arm64') ? 'linux-x64-gnu' : 'linux-arm64-gnu'}`
      renameSync(join(folder, 'node_modules', name), join(folder, 'node_modules', other))
    },
    says: [`the package ${name} is not installed (installed, but for another machine: seqloom-`, `\`${install}\``],
  },
  'a byte of the addon is altered': {
    damage: (folder) => {
      const bytes = readFileSync(addonOf(folder))
      bytes[bytes.length >> 1] = 255 - Number(bytes[bytes.length >> 1])
      writeFileSync(addonOf(folder), bytes)
    },
    says: ['is not the one that was published', `\`npm uninstall --no-save ${name} && ${install}\``],
  },
  'the addon is cut short': {
    damage: (folder) => truncateSync(addonOf(folder), 100_000),
    says: ['is not the one that was published', install],
  },
  'the addon is missing': {
    damage: (folder) => rmSync(addonOf(folder)),
    says: ['is missing', install],
  },
}

it.each(Object.keys(damages))('%s: ERR_NATIVE says so, and the command in one line', async (title) => {
  const folder = copyOfInstallation()
  damages[title]?.damage(folder)
  const failures = await bareJson<{ name: string; code: string; message: string }[]>(['node', 'load.cjs'], folder)
  expect(failures).toHaveLength(2)
  for (const failure of failures) {
    expect(failure).toMatchObject({ name: 'SeqloomError', code: 'ERR_NATIVE' })
    const machine = [process.platform, process.arch, `Node.js ${process.version}`]
    for (const text of [...machine, ...(damages[title]?.says ?? [])]) expect(failure.message).toContain(text)
    if (process.platform === 'linux') expect(failure.message).toMatch(/\((glibc|musl)/)
  }
  const command = await bare(['node_modules/.bin/seqloom', 'info'], folder)
  expect(command).toMatchObject({ code: 1, stdout: '' })
  expect(command.stderr.trim().split('\n')).toEqual([`seqloom: ERR_NATIVE: ${failures[0]?.message}`])
})
