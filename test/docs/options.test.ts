import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { seqloom } from '../helpers/cli.js'

const root = fileURLToPath(new URL('../../', import.meta.url))

it('what is written from the declarations of tasks is fresh', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/generate/tasks.mjs', '--check'], {
    cwd: root,
    encoding: 'utf8',
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

describe('the flags of docs/options.md', () => {
  const page = readFileSync(`${root}docs/options.md`, 'utf8')
  const flagsOf = (table: string) => {
    const [, rows = ''] = page.split(new RegExp(`^## ${table}$`, 'm'))
    return Array.from(rows.split(/^## /m)[0]?.matchAll(/`(--[a-z-]+)[ `]/g) ?? [], ([, flag]) => flag as string)
  }

  it.each([
    ['train classify', ['TextClassifierOptions', 'TrainClassifierOptions'], 20],
    ['train translate', ['TranslatorOptions', 'TrainTranslatorOptions'], 20],
    ['train caption', ['CaptionerOptions', 'TrainDecoderOptions'], 20],
    ['train generate', ['TextGeneratorOptions', 'TrainGeneratorOptions'], 16],
    ['train forecast', ['ForecasterOptions', 'TrainForecasterOptions'], 20],
    ['translate', ['WriteOptions'], 4],
  ])('are those that `%s --help` tells', async (command, tables, least) => {
    const flags = tables.flatMap(flagsOf)
    expect(flags.length).toBeGreaterThanOrEqual(least)
    const { stdout } = await seqloom([...command.split(' '), '--help'])
    for (const flag of flags) expect(stdout).toMatch(new RegExp(`^ +${flag}\\b`, 'm'))
  })
})
