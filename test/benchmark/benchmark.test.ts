import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const main = fileURLToPath(new URL('../../benchmark/main.mjs', import.meta.url))
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'seqloom-benchmark-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** Runs the benchmark on a machine without peers. */
function bench(...args: string[]) {
  const env = { ...process.env, PEERS_DIR: join(folder, 'peers') }
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', env })
}

/** The objects of a file of one object of JSON a line. */
function readLines(file: string): Record<string, unknown>[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

describe('the benchmark', () => {
  it('writes a row for each number of threads, prints a table, and names a peer that is not installed', () => {
    const json = join(folder, 'rows.json')
    const ratios = join(folder, 'ratios.json')
    const { status, stdout, stderr } = bench(
      ...['--suite', 'layers', '--only', 'rnn (16, 64, 64) infer', '--peers', 'seqloom,pytorch'],
      ...['--rounds', '1', '--threads', '2', '--peak', '100', '--json', json, '--ratios', ratios],
    )
    expect(status, stderr).toBe(0)
    expect(stderr).toMatch(/pytorch is not installed/)
    expect(stdout).toMatch(/^rnn \(16, 64, 64\) infer: seqloom@1 [\d.]+ ms, seqloom@2 [\d.]+ ms$/m)
    expect(stdout).toMatch(/^peer time \/ ours/m)

    const rows = readLines(json)
    expect(rows.map(({ threads }) => threads)).toEqual([1, 2])
    for (const row of rows) {
      expect(row).toEqual({
        suite: 'layers',
        engine: 'seqloom',
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        model: 'rnn (16, 64, 64)',
        kind: 'rnn',
        op: 'infer',
        batch: 16,
        time: 64,
        input: 64,
        hidden: 64,
        threads: expect.any(Number),
        rounds: 1,
        msMin: expect.any(Number),
        msMedian: row.msMin,
        gflops: expect.closeTo((2 * 16 * 64 * 64 * 128) / Number(row.msMin) / 1e6, 6),
        peakShare: expect.closeTo(Number(row.gflops) / (100 * Number(row.threads)), 6),
      })
    }
    expect(readLines(ratios)).toMatchObject([{ peer: 'seqloom', peerThreads: 1, threads: 2, bound: false }])
  })

  it('trains a whole model', () => {
    const { status, stdout, stderr } = bench(
      ...['--suite', 'models', '--only', 'classifier RNN', '--peers', 'seqloom', '--rounds', '1', '--threads', '1'],
    )
    expect(status, stderr).toBe(0)
    expect(stdout).toMatch(/^classifier RNN \(20000, 64, 32, 1, 16, 50\) train: seqloom@1 [\d.]+ ms$/m)
  })

  it.each([
    [['--suite', 'nothing'], /no suite named nothing; there are layers, models/],
    [['--only', 'nothing'], /no case of layers has nothing in its name/],
    [['--rounds', '0'], /--rounds takes a whole number of at least 1/],
    [['--speed', '9'], /speed/],
  ])('refuses %j', (args, message) => {
    const { status, stderr } = bench(...args)
    expect(status).toBe(2)
    expect(stderr).toMatch(message)
  })
})
