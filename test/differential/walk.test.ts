import { describe, expect, it } from 'vitest'

interface Walked {
  readonly chosen: readonly unknown[]
  readonly faults: readonly string[]
}

const { entries } = (await import(new URL('walk.mjs', import.meta.url).href)) as {
  entries: (peer: string, only?: string[]) => Walked
}

describe('everything that has a name is compared with other programs, or says why not', () => {
  it.each(['keras', 'pytorch', 'tfjs'])('%s', (peer) => {
    const { chosen, faults } = entries(peer)
    expect(faults).toEqual([])
    expect(chosen.length).toBeGreaterThan(20)
  })
})
