import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callbacks, data, layers, loadModel, optimizers, type Sequential, sequential, tensor, text } from 'seqloom'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { weightsOf } from '../helpers/streamed.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-full-'))
const disk = join(folder, 'disk')
mkdirSync(disk)
// Root of this container, or of one where mounting is allowed, gets a disk of a megabyte.
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]).status === 0

afterAll(() => {
  if (mounted) spawnSync('umount', ['-l', disk])
  rmSync(folder, { recursive: true, force: true })
})

/** Takes all of the disk but some kilobytes. */
function fill(left: number): void {
  try {
    writeFileSync(join(disk, 'filler'), new Uint8Array(2 ** 21))
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC')
  }
  writeFileSync(join(disk, 'filler'), new Uint8Array(Math.max(0, statSync(join(disk, 'filler')).size - left * 1024)))
}

const full = coded('ERR_IO', /no space left/i)
const names = () => readdirSync(disk, { recursive: true }).sort()
const rows = (count: number) => data.from(() => Array.from({ length: count }, (_, i) => ({ a: i, note: `row ${i}` })))

function model(): Sequential {
  const m = sequential([layers.dense({ units: 100, inputShape: [100] }), layers.dense({ units: 1 })], { seed: 1 })
  m.compile({ optimizer: optimizers.adam({ learningRate: 0.01 }), loss: 'meanSquaredError' })
  return m
}
const x = tensor(
  Float32Array.from({ length: 6400 }, (_, i) => Math.sin(i)),
  [64, 100],
)
const y = Array.from({ length: 64 }, (_, i) => Math.cos(i))

describe.skipIf(!mounted)('a disk that is full', () => {
  beforeEach(() => {
    for (const name of readdirSync(disk)) rmSync(join(disk, name), { recursive: true, force: true })
  })

  it.each(['rows.csv', 'rows.csv.gz', 'rows.jsonl', 'rows.parquet'])(
    'leaves the file that was there: %s',
    async (name) => {
      const path = join(disk, name)
      await data.write(rows(10), path)
      const before = readFileSync(path)
      fill(16)
      const found = names()
      await expect(data.write(rows(50_000), path, { overwrite: true })).rejects.toEqual(full)
      await expect(data.write(rows(50_000), join(disk, `new-${name}`))).rejects.toEqual(full)
      expect(names()).toEqual(found)
      expect(readFileSync(path)).toEqual(before)
      rmSync(join(disk, 'filler'))
      expect(await data.write(rows(20), path, { overwrite: true })).toBe(20)
    },
  )

  it('leaves the tokens that were there', async () => {
    const path = join(disk, 'text.tokens')
    const lines = (count: number) => data.from(() => Array.from({ length: count }, (_, i) => `line ${i} of a text`))
    const tokenizer = await text.subwordTokenizer(['line 0123456789 of a text'], { maxVocabulary: 300 })
    await data.writeTokens(lines(10), { tokenizer, file: path })
    const before = readFileSync(path)
    fill(16)
    const found = names()
    await expect(data.writeTokens(lines(50_000), { tokenizer, file: path })).rejects.toEqual(full)
    expect(names()).toEqual(found)
    expect(readFileSync(path)).toEqual(before)
  })

  it('ends a training, whose last backup is whole and goes on when there is room', async () => {
    const backupDir = join(disk, 'backup')
    const expected = model()
    await expected.fit(x, y, { epochs: 4, shuffle: false })
    const m = model()
    const backup = () => callbacks.backupAndRestore({ backupDir })
    const filling = { onEpochEnd: (epoch: number) => (epoch === 1 ? fill(20) : undefined) }
    await expect(m.fit(x, y, { epochs: 4, shuffle: false, callbacks: [backup(), filling] })).rejects.toEqual(full)
    rmSync(join(disk, 'filler'))
    const again = model()
    const epochs: number[] = []
    await again.fit(x, y, {
      epochs: 4,
      shuffle: false,
      callbacks: [backup(), { onEpochBegin: (epoch) => void epochs.push(epoch) }],
    })
    expect(epochs.length).toBeLessThan(4)
    expect(weightsOf(again)).toEqual(weightsOf(expected))
  })

  it('leaves the model that was saved, and the checkpoint', async () => {
    const [path, checkpoint] = [join(disk, 'model'), join(disk, 'checkpoint')]
    const m = model()
    await m.save(path)
    const before = weightsOf((await loadModel(path)) as Sequential)
    await m.fit(x, y, { callbacks: [callbacks.modelCheckpoint({ path: checkpoint })] as never })
    fill(20)
    const found = names()
    await expect(m.save(path)).rejects.toEqual(full)
    expect(names()).toEqual(found)
    expect(weightsOf((await loadModel(path)) as Sequential)).toEqual(before)
    const saved = weightsOf((await loadModel(checkpoint)) as Sequential)
    const saving = callbacks.modelCheckpoint({ path: checkpoint })
    await expect(m.fit(x, y, { callbacks: [saving] })).rejects.toEqual(full)
    expect(weightsOf((await loadModel(checkpoint)) as Sequential)).toEqual(saved)
  })
})
