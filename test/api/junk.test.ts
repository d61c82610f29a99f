import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
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

/** Puts values of these kinds in places of the arguments, so many by chance. */
async function expectCoded(
  all: Awaited<ReturnType<typeof entries>>,
  kinds: readonly string[],
  numRuns: number,
): Promise<void> {
  const place = fc.constantFrom(...all.flatMap((entry) => places(entry.args).map((path) => ({ entry, path }))))
  await fc.assert(
    fc.asyncProperty(place, fc.constantFrom(...kinds), async ({ entry, path }, kind) => {
      const args = replaced(entry.args, path, junk[kind]?.())
      const coded = await isCoded(() => (entry.call as (...args: unknown[]) => unknown)(...args))
      expect(coded, `${entry.name}: ${kind} at ${path.join('.')}`).toBe(true)
    }),
    { numRuns },
  )
}

/** Kinds that throw when they are read. */
const throwing = /throws|revoked/

describe('any value in any place of the arguments', () => {
  it('ends in a result or in an error with a code', async () => {
    const kinds = Object.keys(junk).filter((kind) => !throwing.test(kind))
    await expectCoded(await entries(), kinds, 1500)
  }, 180_000)

  it('ends so for what throws when it is read', async () => {
    const kinds = Object.keys(junk).filter((kind) => throwing.test(kind))
    await expectCoded(await entries(), kinds, 1500)
  }, 180_000)
})
