import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const beside = (file: string) => import(new URL(file, import.meta.url).href)
const { differences } = (await beside('compare.mjs')) as { differences: (ours: object, theirs: object) => string[] }
const { answer } = (await beside('ours.mjs')) as { answer: (given: unknown) => Promise<object> }
const folder = new URL('../fixtures/differential/', import.meta.url)

interface Recorded {
  readonly family: string
  readonly name: string
  readonly given: unknown
  readonly theirs: object
}

describe('what other programs computed is what we compute', () => {
  for (const file of readdirSync(folder)) {
    const recorded: Recorded[] = JSON.parse(readFileSync(new URL(file, folder), 'utf8'))
    it.each(recorded.map((each, at) => [`${each.family} ${each.name} ${at}`, each] as const))(
      `${file.replace('.json', '')}: %s`,
      async (_, { given, theirs }) => {
        expect(differences(await answer(given), theirs)).toEqual([])
      },
    )
  }
})
