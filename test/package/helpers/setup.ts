import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { TestProject } from 'vitest/node'
// @ts-expect-error a script of the project, in plain JavaScript
import { pack } from '../../../scripts/pack.mjs'
import { bareCommand, execute, projectRoot } from './run.js'

/** What npm said of a package that was packed. */
export interface Packed {
  readonly name: string
  readonly path: string
  readonly size: number
  readonly unpackedSize: number
}

declare module 'vitest' {
  interface ProvidedContext {
    packed: Packed[]
    /** The folder in which the packages were installed; tests copy what they change. */
    installed: string
    /** Holds links to node and npm and nothing else that a program could run. */
    tools: string
    secondsToFirstEpoch: number
  }
}

/** Packs the project and installs the tarballs in an empty folder, without cargo, compiler or network. */
export default async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-package-'))
  const packed: Packed[] = await pack({ out: join(folder, 'tarballs') })
  const tools = join(folder, 'tools')
  linkTools(tools)
  await fillNpmCache(join(folder, 'dependencies'))

  const installed = join(folder, 'installed')
  mkdirSync(installed)
  writeFileSync(join(installed, 'package.json'), '{ "private": true }\n')
  cpSync(join(projectRoot, 'test/package/programs'), installed, { recursive: true })
  const start = performance.now()
  const paths = packed.map(({ path }) => path)
  await execute(bareCommand(tools, ['npm', 'install', '--ignore-scripts', '--offline', ...paths]), installed)
  await execute(bareCommand(tools, ['node', 'oneEpoch.mjs']), installed)
  const secondsToFirstEpoch = (performance.now() - start) / 1000

  for (const [name, value] of Object.entries({ packed, installed, tools, secondsToFirstEpoch })) {
    project.provide(name as 'packed', value as Packed[])
  }
  return () => rmSync(folder, { recursive: true, force: true })
}

function linkTools(tools: string): void {
  mkdirSync(tools)
  const binaries = join(process.execPath, '..')
  symlinkSync(process.execPath, join(tools, 'node'))
  symlinkSync(join(binaries, 'npm'), join(tools, 'npm'))
  for (const name of ['sh', 'env']) symlinkSync(name === 'env' ? '/usr/bin/env' : '/bin/sh', join(tools, name))
}

/** Sees to it that npm has what the package depends on at hand; our own packages are in no registry and are never asked for. */
async function fillNpmCache(folder: string): Promise<void> {
  const { dependencies } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'))
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }))
  await execute(['npm', 'install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'], folder)
}
