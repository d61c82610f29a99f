import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Configuration, configure, distributed, layers, loadModel, sequential } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runSource } from '../helpers/process.js'
import { type JobResult, type Launcher, launchers, type RankResult, start, train } from '../helpers/ranks.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-distributed-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0
const fresh = (name: string) => join(folder, `${name}-${count++}`)

const found = launchers()
const names = ['Open MPI', 'MPICH'] as const
const kinds = ['tokens', 'numbers', 'wide', 'deep', 'stream'] as const

/** The largest difference of weights, and of what the history has, as a share of it where that is large. */
function difference(a: RankResult, b: RankResult): number {
  const weights = a.weights.map((value, at) => Math.abs(value - (b.weights[at] ?? Number.NaN)))
  const history = Object.entries(a.history).flatMap(([name, values]) =>
    values.map((value, at) => Math.abs(value - (b.history[name]?.[at] ?? Number.NaN)) / Math.max(1, Math.abs(value))),
  )
  return Math.max(...weights, ...history)
}

const alone: Record<string, RankResult> = {}
beforeAll(async () => {
  if (found.length === 0) return
  for (const kind of kinds) alone[kind] = (await train(undefined, 1, kind)).ranks[0] as RankResult
}, 120_000)

/** The ranks of a job that must have come to its end. */
function ended({ code, stderr, ranks }: JobResult, size: number): RankResult[] {
  expect(code, stderr).toBe(0)
  expect(ranks.map(({ rank, size }) => [rank, size])).toEqual(Array.from({ length: size }, (_, rank) => [rank, size]))
  return ranks
}

describe.each(names)('ranks of %s', (name) => {
  const launcher = found.find((other) => other.name === name) as Launcher
  const missing = launcher === undefined
  if (missing) it.skip(`needs ${name}: apt install ${name === 'MPICH' ? 'mpich' : 'openmpi-bin'}`, () => undefined)

  it.skipIf(missing).each(kinds)(
    'train as one process does, the same bits in every run: %s',
    async (kind) => {
      for (const size of [2, 4]) {
        const ranks = ended(await train(launcher, size, kind), size)
        for (const rank of ranks) {
          expect(difference(alone[kind] as RankResult, rank)).toBeLessThan(1e-6)
          expect(rank.hash).toBe(ranks[0]?.hash)
          expect(rank.epoch).toEqual(alone[kind]?.epoch)
        }
        const again = ended(await train(launcher, size, kind), size)
        expect(again.map(({ hash }) => hash)).toEqual(ranks.map(({ hash }) => hash))
      }
    },
    180_000,
  )

  it.skipIf(missing)('decide once for all', async () => {
    const stopped = ended(await train(launcher, 2, 'tokens', { wrong: { rank: 1, what: 'stop' } }), 2)
    expect(stopped.map(({ epoch }) => epoch)).toEqual([
      [0, 1],
      [0, 1],
    ])
    // What only one rank changes is changed back to what rank 0 has.
    for (const what of ['rate', 'weights']) {
      const ranks = ended(await train(launcher, 2, 'tokens', { wrong: { rank: 1, what } }), 2)
      for (const rank of ranks) expect(difference(alone.tokens as RankResult, rank)).toBeLessThan(1e-6)
    }
    const changed = ended(await train(launcher, 2, 'tokens', { wrong: { rank: 0, what: 'rate' } }), 2)
    expect(changed.map(({ learningRate }) => learningRate)).toEqual([0.5, 0.5])
  })

  it.skipIf(missing)(
    'all end with an error when one of them dies, fails or goes',
    async () => {
      for (const what of ['kill', 'exit', 'throw', 'uncaught', 'rejected', 'data', 'label', 'model', 'optimizer']) {
        const { code, stderr, ranks } = await train(launcher, 2, 'tokens', { wrong: { rank: 1, what } })
        expect(code, what).not.toBe(0)
        expect(ranks.map(({ rank }) => rank)).not.toContain(0)
        if (what === 'throw') expect(stderr).toMatch(/ERR_STATE[\s\S]*|Rank 1 has failed: Error: no luck/)
        if (what === 'exit') expect(stderr).toContain('Rank 1 has ended while rank 0 waits for it')
        if (what === 'data') expect(stderr).toContain('rank 1 trains with other data than rank 0')
        if (what === 'label') expect(stderr).toContain('rank 1 trains with other data than rank 0')
        if (what === 'uncaught' || what === 'rejected') expect(stderr).toContain('no luck')
        if (what === 'model' || what === 'optimizer')
          expect(stderr).toContain('rank 1 trains another model than rank 0')
      }
      // How many rows a stream has is known at its end.
      const fewer = await train(launcher, 2, 'stream', { wrong: { rank: 1, what: 'fewer' } })
      expect(fewer.code).not.toBe(0)
      expect(fewer.ranks).toEqual([])
      expect(fewer.stderr).toContain('all ranks must train on the same data')
    },
    300_000,
  )

  it.skipIf(missing)('end when the launcher is interrupted; the last backup is whole', async () => {
    const backupDir = fresh('backup')
    const wrong = { rank: 1, what: 'interrupt', epoch: 2 }
    const { code, ranks } = await train(launcher, 2, 'tokens', { backupDir, wrong })
    expect(code).not.toBe(0)
    expect(ranks).toEqual([])
    await loadModel(backupDir)
    const [resumed] = ended(await train(launcher, 2, 'tokens', { backupDir }), 2)
    expect(difference(alone.tokens as RankResult, resumed as RankResult)).toBeLessThan(1e-6)
  })

  it.skipIf(missing)('go on from a backup with another number of them, rank 0 alone writing', async () => {
    const [backupDir, csv] = [fresh('backup'), `${fresh('log')}.csv`]
    const killed = await train(launcher, 2, 'tokens', { backupDir, csv, wrong: { rank: 1, what: 'kill', epoch: 2 } })
    expect(killed.code).not.toBe(0)
    await loadModel(backupDir)
    for (const rank of ended(await train(launcher, 4, 'tokens', { backupDir, csv }), 4)) {
      expect(difference(alone.tokens as RankResult, rank)).toBeLessThan(1e-6)
      expect(rank.epoch).toEqual([0, 1, 2, 3])
    }
    const lines = readFileSync(csv, 'utf8').trim().split('\n')
    expect(lines.map((line) => line.split(',')[0])).toEqual(['epoch', '1', '2', '3', '4'])
  })

  it.skipIf(missing)('all end with an error when rank 0 cannot write; the last backup stays', async () => {
    const backupDir = fresh('backup')
    const wrong = { rank: 0, what: 'full' }
    const { code, stderr, ranks } = await train(launcher, 2, 'tokens', { backupDir, wrong })
    expect(code).not.toBe(0)
    expect(ranks).toEqual([])
    expect(stderr).toContain('ERR_IO')
    rmSync(join(backupDir, '.model.json.tmp'), { recursive: true })
    const [resumed] = ended(await train(launcher, 2, 'tokens', { backupDir }), 2)
    expect(difference(alone.tokens as RankResult, resumed as RankResult)).toBeLessThan(1e-6)
  })

  const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
  it.skipIf(missing || !isRoot)(
    'all end with an error when the disk of rank 0 is full; the last backup is whole',
    async () => {
      const disk = fresh('disk')
      mkdirSync(disk)
      if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk]).status !== 0) return
      try {
        const backupDir = join(disk, 'backup')
        const { code, stderr, ranks } = await train(launcher, 2, 'wide', {
          backupDir,
          wrong: { rank: 0, what: 'fill', disk },
        })
        expect(code).not.toBe(0)
        expect(ranks).toEqual([])
        expect(stderr).toMatch(/ERR_IO[\s\S]*ENOSPC|ENOSPC[\s\S]*ERR_IO/)
        rmSync(join(disk, 'filled'))
        await loadModel(backupDir)
        const [resumed] = ended(await train(launcher, 2, 'wide', { backupDir }), 2)
        expect(difference(alone.wide as RankResult, resumed as RankResult)).toBeLessThan(1e-6)
      } finally {
        spawnSync('umount', [disk])
      }
    },
  )

  it.skipIf(missing)('train a task from the command line', async () => {
    const file = join(folder, 'texts.csv')
    const words = ['good', 'bad', 'fine', 'poor', 'nice', 'ugly']
    const line = (_: unknown, i: number) => `${words[i % 6]} ${words[(i * 5) % 6]} day,${i % 2 === 0 ? 'yes' : 'no'}`
    writeFileSync(file, `text,label\n${Array.from({ length: 60 }, line).join('\n')}\n`)
    const run = async (out: string, size: number) => {
      const flags = ['--out', out, '--units', '8', '--embedding', '8', '--epochs', '3', '--seed', '1', '--json']
      const cli = ['dist/cli/main.js', 'train', 'classify', '--data', file, ...flags]
      const { code, stdout, stderr } = await start(size > 1 ? launcher : undefined, size, cli)
      expect(code, stderr).toBe(0)
      return stdout
        .trim()
        .split('\n')
        .map((text) => JSON.parse(text) as { readonly event: string; readonly loss: number })
    }
    const [one, two] = [await run(fresh('one'), 1), await run(fresh('two'), 2)]
    expect(two.map(({ event }) => event)).toEqual(['epoch', 'epoch', 'epoch', 'done'])
    for (const [at, { loss }] of one.entries()) expect(two[at]?.loss).toBeCloseTo(loss, 5)
  })

  it.skipIf(missing)('make steps of their own and average the weights', async () => {
    const fit = { distributed: { averageEvery: 3 }, epochs: 12 }
    const ranks = ended(await train(launcher, 2, 'wide', { fit }), 2)
    const again = ended(await train(launcher, 2, 'wide', { fit }), 2)
    expect(new Set([...ranks, ...again].map(({ hash }) => hash)).size).toBe(1)
    const [{ history }] = ranks as [RankResult]
    expect(history.loss?.length).toBe(ranks[1]?.history.loss?.length)
    expect(history.loss?.at(-1)).toBeLessThan(history.loss?.[0] as number)
  })

  it.skipIf(missing)('train with states in bfloat16', async () => {
    const optimizer = { stateDtype: 'bfloat16' }
    const ranks = ended(await train(launcher, 2, 'tokens', { optimizer, wrong: { rank: 1, what: 'weights' } }), 2)
    expect(ranks.map(({ hash }) => hash)).toEqual(Array(2).fill(ranks[0]?.hash))
    const fit = { distributed: { averageEvery: 3 }, epochs: 8 }
    const averaged = ended(await train(launcher, 2, 'tokens', { optimizer, fit }), 2)
    expect(averaged.map(({ hash }) => hash)).toEqual(Array(2).fill(averaged[0]?.hash))
    for (const { history } of [...ranks, ...averaged]) {
      expect(history.loss?.at(-1)).toBeLessThan(history.loss?.[0] as number)
    }
  })

  it.skipIf(missing)('share the cores of their machine', async () => {
    const ranks = ended(await train(launcher, 2, 'numbers', { fit: { epochs: 1 } }), 2)
    for (const { threads } of ranks) expect(threads).toBeGreaterThanOrEqual(1)
    const chosen = ended(await train(launcher, 2, 'numbers', { fit: { epochs: 1 }, env: { SEQLOOM_THREADS: '3' } }), 2)
    expect(chosen.map(({ threads }) => threads)).toEqual([3, 3])
  })
})

describe('distributed', () => {
  it('is one process where no launcher has started it', () => {
    expect(distributed()).toEqual({ rank: 0, size: 1 })
  })

  it('says what to install where there is no MPI', async () => {
    const source = `import { distributed, layers, sequential } from 'seqloom'
      const codes = []
      try { distributed() } catch (error) { codes.push(error.code, error.message) }
      const m = sequential([layers.dense({ units: 1, inputShape: [1] })])
      m.compile({ optimizer: 'sgd', loss: 'mse' })
      await m.fit([[1], [2]], [[1], [2]], { distributed: true }).catch((error) => codes.push(error.code))
      await m.fit([[1], [2]], [[1], [2]], { distributed: false })
      console.log(JSON.stringify(codes))`
    const env = { SEQLOOM_DISTRIBUTED: 'mpi', SEQLOOM_MPI_LIBRARY: '/nowhere/libmpi.so' }
    const { stdout, stderr } = await runSource(source, { env })
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual(['ERR_UNSUPPORTED', expect.stringContaining('openmpi-bin'), 'ERR_UNSUPPORTED'])
  })

  it('refuses other engines, workers and options that are none', async () => {
    expect(() => configure({ distributed: 'gloo' } as unknown as Configuration)).toThrow(/'mpi' or false/)
    const m = sequential([layers.dense({ units: 1, inputShape: [1] })])
    m.compile({ optimizer: 'sgd', loss: 'mse' })
    for (const wrong of [2, 'mpi', { averageEvery: 0 }, { every: 2 }]) {
      await expect(m.fit([[1]], [[1]], { distributed: wrong as never })).rejects.toMatchObject({ code: 'ERR_OPTION' })
    }
    const source = `import { distributed } from 'seqloom'
      try { distributed() } catch (error) { console.log(error.code) }`
    const { stdout } = await runSource(source, { env: { SEQLOOM_DISTRIBUTED: 'gloo' } })
    expect(stdout).toBe('ERR_OPTION\n')
  })
})
