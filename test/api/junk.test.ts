import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { entries } from '../helpers/entries.js'
import { junk, places, replaced } from '../helpers/junk.js'

/** What ends as it should, whatever it was given: nothing, or an error with a code. */
async function isCoded(call: () => unknown): Promise<boolean> {
  try {
    await call()
    return true
  } catch (error) {
    const { name, code } = error as { name?: unknown; code?: unknown }
    return name === 'SeqloomError' && typeof code === 'string' && code !== 'ERR_NATIVE'
  }
}

describe('any value in any place of the arguments', () => {
  const before = process.cwd()
  let folder: string

  // Some values are names of files that can be written.
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'seqloom-junk-'))
    process.chdir(folder)
  })

  afterAll(() => {
    process.chdir(before)
    rmSync(folder, { recursive: true, force: true })
  })

  it('ends in a result or in an error with a code', async () => {
    const wrong: string[] = []
    for (const { name, args, call } of await entries()) {
      for (const path of places(args)) {
        for (const [kind, value] of Object.entries(junk)) {
          const given = replaced(args, path, value())
          const coded = await isCoded(() => (call as (...args: unknown[]) => unknown)(...given))
          if (!coded) wrong.push(`${name}: ${kind} at ${path.join('.')}`)
        }
      }
    }
    expect(wrong).toEqual([])
  }, 900_000)
})
