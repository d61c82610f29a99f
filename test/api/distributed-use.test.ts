import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { type Launcher, launchers, start, use } from '../helpers/ranks.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-distributed-use-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0
const fresh = (name: string) => join(folder, `${name}-${count++}`)
const found = launchers()

/** What each rank found. */
async function foundBy(launcher: Launcher | undefined, size: number, what: string, given: object = {}) {
  const { code, stderr, ranks } = await use(launcher, size, what, given)
  expect(code, stderr).toBe(0)
  expect(ranks.length).toBe(size)
  return ranks.map((rank) => rank.found as Record<string, unknown>)
}

/** Expects numbers that are the same but for the order of their sums. */
function expectClose(one: unknown, other: unknown): void {
  const numbers = (value: unknown): number[] =>
    typeof value === 'number'
      ? [value]
      : typeof value === 'object' && value
        ? Object.values(value).flatMap(numbers)
        : []
  const [a, b] = [numbers(one), numbers(other)]
  expect(b.length).toBe(a.length)
  for (const [at, value] of a.entries())
    expect(Math.abs((b[at] as number) - value)).toBeLessThan(1e-6 * Math.max(1, Math.abs(value)))
}

describe.each(['Open MPI', 'MPICH'] as const)('ranks of %s', (name) => {
  const launcher = found.find((other) => other.name === name)
  if (!launcher) {
    it.skip(`needs ${name}: apt install ${name === 'MPICH' ? 'mpich' : 'openmpi-bin'}`, () => undefined)
    return
  }

  /** Expects all ranks to end with an error, rank 0 without a result. */
  async function expectEnd(what: string, message: RegExp): Promise<void> {
    const { code, stderr, ranks } = await use(launcher, 2, 'wrong', { what, folder: fresh('model') })
    expect(code, what).not.toBe(0)
    expect(stderr).toMatch(message)
    expect(ranks.map(({ rank }) => rank)).not.toContain(0)
  }

  it('predict rows and streams as one process does, bit for bit', async () => {
    for (const [size, sequences] of [
      [2, false],
      [3, true],
    ] as const) {
      for (const found of await foundBy(launcher, size, 'predict', { sequences })) {
        for (const [name, pair] of Object.entries(found)) {
          const [alone, together] = pair as unknown[]
          expect(together, name).toEqual(alone)
        }
      }
    }
  })

  it('evaluate rows and streams as one process does', async () => {
    for (const size of [2, 3]) {
      const ranks = await foundBy(launcher, size, 'evaluate')
      expect(ranks).toEqual(ranks.map(() => ranks[0]))
      for (const pair of Object.values(ranks[0] as object)) expectClose(pair[0], pair[1])
    }
  })

  it('read only their share of what can be read anywhere', async () => {
    for (const { read, values } of await foundBy(launcher, 3, 'share')) {
      // A third of 2310 rows, and blocks of the first ones, which tell what comes, and of the last.
      expect(read).toBeLessThan(2310 / 3 + 3 * 256)
      const [alone, shared] = values as unknown[]
      expectClose(alone, shared)
    }
  })

  it('train on rows of which each rank makes its share alone, as one process does', async () => {
    type Found = Record<string, { readonly made: number }>
    const rows = 31 * 12 + 1
    const [alone] = (await foundBy(undefined, 1, 'own', { rows })) as Found[]
    const ranks = (await foundBy(launcher, 3, 'own', { rows })) as Found[]
    expect(ranks.map((found) => Object.keys(found))).toEqual(
      ranks.map(() => ['array', 'generator', 'stream', 'shuffled', 'batches']),
    )
    for (const found of ranks) {
      for (const [name, { made, ...trained }] of Object.entries(found)) {
        const { made: _, ...expected } = alone?.[name] ?? {}
        expectClose(expected, trained)
        // Beside the share, in each of four epochs, whoever asks what comes makes some blocks of rows, once. What cannot be
        // opened again, and batches, are made by all.
        if (name === 'array' || name === 'generator' || name === 'shuffled') {
          expect(made, name).toBeLessThan(rows / 3 + 14 + rows / 4)
        }
      }
    }
    // The number of a row is that among all rows.
    const { ranks: refused } = await use(launcher, 2, 'own', { rows, wrong: true })
    expect(refused.map(({ found }) => found).join()).toMatch(/\brow 40\b/)
  }, 240_000)

  it('work for themselves in callbacks and where rows are read, and keep the order of calls', async () => {
    const ranks = await foundBy(launcher, 2, 'callbacks')
    expect(ranks.map(({ seen }) => seen)).toEqual([[expect.any(Number), 'ERR_STATE'], ['ERR_STATE']])
    expect(ranks[0]?.loss).toBe(ranks[1]?.loss)
    expect(ranks[0]?.concurrent).toEqual(ranks[1]?.concurrent)
  })

  it('answer and measure with a task, each trained for itself', async () => {
    const [alone] = await foundBy(undefined, 1, 'task')
    for (const ranks of await foundBy(launcher, 2, 'task')) {
      expect(ranks.array).toEqual(alone?.array)
      expect(ranks.stream).toEqual(alone?.stream)
      expectClose(alone?.evaluated, ranks.evaluated)
    }
  })

  it.each(['csv', 'parquet'])('write predictions in order, by rank 0: %s', async (ending) => {
    const [one, two] = [`${fresh('one')}.${ending}`, `${fresh('two')}.${ending}`]
    await foundBy(undefined, 1, 'task', { out: one })
    expect(await foundBy(launcher, 3, 'task', { out: two })).toEqual(Array(3).fill({ count: 700, read: 700 }))
    expect(readFileSync(two).equals(readFileSync(one))).toBe(true)
  })

  it('save by rank 0 alone, which the others do not wait for', async () => {
    const out = fresh('saved')
    for (const { loss, weights, expected } of await foundBy(launcher, 2, 'saved', { out })) {
      expect(loss).toBeGreaterThan(0)
      expect(weights).toEqual(expected)
    }
  })

  it('do not begin where one of them runs another version', async () => {
    const program = join(folder, 'version.mjs')
    // The last rank is told what the engine of another version tells.
    writeFileSync(
      program,
      `import { createRequire } from 'node:module'
      const rank = Number(process.env.OMPI_COMM_WORLD_RANK ?? process.env.PMI_RANK)
      if (rank === 1) {
        const native = createRequire(process.argv[2])(process.argv[3])
        native.beginMpi(JSON.stringify({ version: '0.0.9', place: 'elsewhere' }))
        native.endMpi(1)
      } else {
        const { distributed } = await import(process.argv[2])
        distributed()
      }`,
    )
    const index = fileURLToPath(new URL('../../dist/index.mjs', import.meta.url))
    const native = join(dirname(index), 'native')
    const addon = join(native, readdirSync(native).find((name) => name.endsWith('.node')) as string)
    const { code, stderr } = await start(launcher, 2, [program, index, addon], { SEQLOOM_DISTRIBUTED: 'mpi' })
    expect(code).not.toBe(0)
    expect(stderr).toContain('rank 1 runs version 0.0.9 of Seqloom, rank 0 version')
  })

  it('train a text generator, whose states belong to the rows', async () => {
    const [alone] = await foundBy(undefined, 1, 'generator')
    for (const size of [2, 4]) for (const rank of await foundBy(launcher, size, 'generator')) expectClose(alone, rank)
  })

  it('train a model to which nobody has given a seed', async () => {
    const ranks = await foundBy(launcher, 2, 'unseeded')
    expect(ranks[1]).toEqual(ranks[0])
  })

  it("drop out what one process with rank 0's seed drops", async () => {
    const [alone] = await foundBy(undefined, 1, 'dropped', { seeds: [3] })
    for (const rank of await foundBy(launcher, 2, 'dropped', { seeds: [3, 8] })) expectClose(alone, rank)
  })

  it('share the trials of a search', async () => {
    for (const given of [{}, { method: 'halving' }, { fails: true }]) {
      const [alone] = await foundBy(undefined, 1, 'search', given)
      const ranks = await foundBy(launcher, 2, 'search', given)
      for (const rank of ranks) expect({ ...rank, told: alone?.told }).toEqual(alone)
      expect(ranks[0]?.told).toBe(ranks[1]?.told)
    }
  })

  it('go on with a search that was killed, with another number of them', async () => {
    const kept = fresh('search')
    const [alone] = await foundBy(undefined, 1, 'search', { method: 'halving' })
    const killed = await use(launcher, 2, 'search', { method: 'halving', folder: kept, kill: 1 })
    expect(killed.code).not.toBe(0)
    expect(existsSync(join(kept, 'search.json'))).toBe(true)
    for (const rank of await foundBy(launcher, 3, 'search', { method: 'halving', folder: kept })) {
      expect({ ...rank, told: alone?.told }).toEqual(alone)
    }
  })

  it('all end with an error that tells what is wrong', async () => {
    const messages = {
      data: /ERR_DATA[\s\S]*predict: rank 1 has another number of rows/,
      'fewer in a stream': /ERR_DATA[\s\S]*predict: rank 1 has another number of rows \(60, not 77\)/,
      'fewer of a generator': /ERR_DATA[\s\S]*predict: rank 1 has another number of rows \(60, not 77\)/,
      'fewer to evaluate': /ERR_DATA[\s\S]*evaluate: rank 1 has another number of rows \(60, not 77\)/,
      throws: /no luck/,
      goes: /Rank 1 has ended while rank 0 waits for it/,
      other: /calls (evaluate|predict) where this one calls/,
      stdin: /ERR_UNSUPPORTED[\s\S]*standard input reaches rank 0 alone/,
      averageEvery: /ERR_UNSUPPORTED[\s\S]*leave averageEvery out/,
    }
    for (const [what, message] of Object.entries(messages)) await expectEnd(what, message)
  }, 240_000)

  it('all end with an error where their weights differ, or where rank 0 cannot write', async () => {
    const messages = {
      'weights to predict': /ERR_DATA[\s\S]*predict: rank 1 has other weights than rank 0/,
      'weights to predict a stream': /ERR_DATA[\s\S]*predict: rank 1 has other weights than rank 0/,
      'weights to evaluate': /ERR_DATA[\s\S]*evaluate: rank 1 has other weights than rank 0/,
      'weights to evaluate a stream': /ERR_DATA[\s\S]*evaluate: rank 1 has other weights than rank 0/,
      write: /ERR_IO[\s\S]*nowhere/,
    }
    for (const [what, message] of Object.entries(messages)) await expectEnd(what, message)
  })

  it('end with an error when one of them keeps the others waiting for longer than is allowed', async () => {
    const begun = performance.now()
    const env = { SEQLOOM_DISTRIBUTED_TIMEOUT: '2' }
    const { code, stderr, ranks } = await use(launcher, 2, 'wrong', { what: 'hangs' }, env)
    expect(code).not.toBe(0)
    expect(ranks).toEqual([])
    expect(stderr).toMatch(
      /Rank 0 has waited \d+ seconds for other ranks, more than SEQLOOM_DISTRIBUTED_TIMEOUT allows/,
    )
    expect(performance.now() - begun).toBeLessThan(28_000)
    const { stderr: refused } = await use(launcher, 2, 'wrong', {}, { SEQLOOM_DISTRIBUTED_TIMEOUT: 'soon' })
    expect(refused).toMatch(/must be a whole number of seconds, at least 1/)
  })

  it('label a table from the command line', async () => {
    const file = join(folder, `texts-${count++}.csv`)
    const words = ['good', 'bad', 'fine', 'poor', 'nice', 'ugly']
    const line = (_: unknown, i: number) => `${words[i % 6]} ${words[(i * 5) % 6]} day,${i % 2 === 0 ? 'yes' : 'no'}`
    writeFileSync(file, `text,label\n${Array.from({ length: 600 }, line).join('\n')}\n`)
    const run = async (size: number, ...args: string[]) => {
      const { code, stdout, stderr } = await start(size > 1 ? launcher : undefined, size, ['dist/cli/main.js', ...args])
      expect(code, stderr).toBe(0)
      return stdout
    }
    const [out, one, two] = [fresh('model'), `${fresh('one')}.parquet`, `${fresh('two')}.parquet`]
    await run(1, 'train', 'classify', '--data', file, '--out', out, '--units', '8', '--epochs', '2', '--seed', '1')
    await run(1, 'predict', '--model', out, '--data', file, '--out', one)
    await run(2, 'predict', '--model', out, '--data', file, '--out', two)
    expect(readFileSync(two).equals(readFileSync(one))).toBe(true)
    expect(await run(2, 'predict', '--model', out, '--data', file)).toBe(
      await run(1, 'predict', '--model', out, '--data', file),
    )
    const evaluated = ['evaluate', '--model', out, '--data', file, '--json']
    expectClose(JSON.parse(await run(1, ...evaluated)), JSON.parse(await run(2, ...evaluated)))
    const lines = await start(launcher, 2, ['dist/cli/main.js', 'predict', '--model', out])
    expect(lines.code).not.toBe(0)
    expect(lines.stderr).toContain('standard input reaches rank 0 alone')
  })
})
