import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callbacks } from 'seqloom'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { tokenClassifier } from '../helpers/models.js'
import { runSource } from '../helpers/process.js'

const [tokens, labels] = [
  [[1, 2, 3], [4], [5, 6], [7]],
  [0, 1, 2, 0],
]
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe('callbacks.progress', () => {
  it('reports epochs, batches, losses, time and time left', async () => {
    const seen: Record<string, number>[] = []
    const report = callbacks.progress((at) => void seen.push(at))
    const { history } = await tokenClassifier().fit(tokens, labels, {
      epochs: 3,
      batchSize: 2,
      validationSplit: 0.5,
      callbacks: report,
    })
    const ends = seen.filter((at) => at.val_loss !== undefined)
    expect(ends.map(({ epoch, epochs, batch, batches }) => [epoch, epochs, batch, batches])).toEqual([
      [1, 3, 1, 1],
      [2, 3, 1, 1],
      [3, 3, 1, 1],
    ])
    expect(ends.map(({ loss }) => loss)).toEqual(history.loss)
    expect(ends.at(-1)?.eta).toBe(0)
    for (const at of seen) {
      expect(at.eta).toBeGreaterThanOrEqual(0)
      expect(at.seconds).toBeGreaterThan(0)
      expect(at.accuracy).toBeGreaterThanOrEqual(0)
    }
  })

  it('makes fit reject with what it throws, and takes functions only', async () => {
    const fail = callbacks.progress(() => {
      throw new Error('enough')
    })
    await expect(tokenClassifier().fit(tokens, labels, { callbacks: fail })).rejects.toThrow('enough')
    await expectCoded(() => callbacks.progress({} as never), 'ERR_OPTION', /function/)
  })
})

describe('callbacks.csvLogger', () => {
  const read = (file: string) =>
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split(','))

  it('writes a line for every epoch, with a header', async () => {
    const file = join(folder, 'deep', 'log.csv')
    const options = { epochs: 2, validationSplit: 0.5, callbacks: callbacks.csvLogger({ file }) }
    const { history } = await tokenClassifier().fit(tokens, labels, options)
    const [header, ...lines] = read(file)
    expect(header).toEqual(['epoch', 'loss', 'accuracy', 'val_loss', 'val_accuracy', 'seconds'])
    expect(lines.map(([epoch]) => epoch)).toEqual(['1', '2'])
    expect(lines.map(([, loss]) => Number(loss))).toEqual(history.loss)
    await tokenClassifier().fit(tokens, labels, options)
    expect(read(file)).toHaveLength(3)
  })

  it('goes on in a file when asked, if it has these columns', async () => {
    const file = join(folder, 'log.csv')
    const m = tokenClassifier()
    const log = callbacks.csvLogger({ file, append: true })
    await m.fit(tokens, labels, { callbacks: log })
    await m.fit(tokens, labels, { epochs: 3, initialEpoch: 1, callbacks: log })
    expect(read(file).map(([epoch]) => epoch)).toEqual(['epoch', '1', '2', '3'])
    writeFileSync(file, 'mine\n')
    await expectCoded(() => m.fit(tokens, labels, { callbacks: log }), 'ERR_DATA', /mine/, /log\.csv/)
    expect(readFileSync(file, 'utf8')).toBe('mine\n')
  })

  it('says what it cannot write', async () => {
    writeFileSync(join(folder, 'file'), '')
    const log = callbacks.csvLogger({ file: join(folder, 'file', 'log.csv') })
    await expectCoded(() => tokenClassifier().fit(tokens, labels, { callbacks: log }), 'ERR_IO', /log\.csv/)
    await expectCoded(() => callbacks.csvLogger({} as never), 'ERR_OPTION', /file/)
  })
})

describe('verbose', () => {
  const program = (options: string) => `
    import { layers, sequential } from 'seqloom'
    const m = sequential([layers.lstm({ units: 2, inputShape: [null, 1] }), layers.dense({ units: 1 })], { seed: 1 })
    m.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
    await m.fit([[[1], [2]], [[2], [3]], [[3], [4]], [[4], [5]]], [[1], [2], [3], [4]], { epochs: 2, ${options} })
  `

  it.each(['1', '2', 'true'])('%s tells of every epoch on stderr, where there is no terminal', async (verbose) => {
    const { code, stdout, stderr } = await runSource(program(`validationSplit: 0.5, verbose: ${verbose}`))
    const line = (epoch: number) =>
      `epoch ${epoch}/2  loss \\d+\\.\\d{4}  val_loss \\d+\\.\\d{4}  \\d+\\.\\d s  \\d+ batches/s\n`
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toMatch(new RegExp(`^${line(1)}${line(2)}$`))
  })

  it('0 is the default and says nothing; others are refused', async () => {
    expect(await runSource(program('verbose: 0'))).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(await runSource(program(''))).toMatchObject({ code: 0, stdout: '', stderr: '' })
    await expectCoded(() => tokenClassifier().fit(tokens, labels, { verbose: 3 as never }), 'ERR_OPTION', /verbose/)
  })
})
