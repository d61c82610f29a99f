import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
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

  it('separates values as asked, and knows its files whatever separates them', async () => {
    const file = join(folder, 'log.csv')
    const rows = () => readFileSync(file, 'utf8').trimEnd().split('\n')
    const log = (separator: string, append = false) => callbacks.csvLogger({ file, separator, append })
    const { history } = await tokenClassifier().fit(tokens, labels, { epochs: 2, callbacks: log(';') })
    expect(rows()[0]).toBe('epoch;loss;accuracy;seconds')
    expect(
      rows()
        .slice(1)
        .map((line) => Number(line.split(';')[1])),
    ).toEqual(history.loss)
    const more = { epochs: 3, initialEpoch: 2 }
    await tokenClassifier().fit(tokens, labels, { ...more, callbacks: log(';', true) })
    expect(rows().map((line) => line.split(';')[0])).toEqual(['epoch', '1', '2', '3'])
    await expectCoded(
      () => tokenClassifier().fit(tokens, labels, { callbacks: log(',', true) }),
      'ERR_DATA',
      /epoch;loss/,
    )
    await tokenClassifier().fit(tokens, labels, { callbacks: log('\t') })
    expect(rows().map((line) => line.split('\t').length)).toEqual([4, 4])
    for (const separator of ['', ', ', '.', '1', 'e', '-', '"', '\n', 3]) {
      await expectCoded(() => log(separator as never), 'ERR_OPTION', /separator/)
    }
  })

  describe('in a training that is resumed', () => {
    const settings = { epochs: 5, batchSize: 1, shuffle: false }
    const epochs = (file: string) => read(file).map(([epoch]) => epoch)
    /** Lets a training end after an epoch's log, as if it had been killed before that epoch's backup. */
    const killed = (at: number) => ({
      onEpochEnd: (epoch: number) => {
        if (epoch === at) throw new Error('killed')
      },
    })
    const train = (file: string, more: object[] = [], append = false) =>
      tokenClassifier().fit(tokens, labels, {
        ...settings,
        callbacks: [
          callbacks.csvLogger({ file, append }),
          ...more,
          callbacks.backupAndRestore({ backupDir: join(folder, 'backup') }),
        ],
      })

    it('has every epoch once, with the values of one that was never stopped', async () => {
      const file = join(folder, 'log.csv')
      const { history } = await tokenClassifier().fit(tokens, labels, settings)
      await expect(train(file, [killed(2)])).rejects.toThrow('killed')
      expect(epochs(file)).toEqual(['epoch', '1', '2', '3'])
      await train(file)
      expect(epochs(file)).toEqual(['epoch', '1', '2', '3', '4', '5'])
      expect(
        read(file)
          .slice(1)
          .map(([, loss]) => Number(loss)),
      ).toEqual(history.loss)
    })

    it.each(['3,0.1', '3,0.1\n4', '3,0.1,1,0.25\n4,0.1,1,0.25\n', ''])(
      'takes back what a killed process left: %j',
      async (left) => {
        const file = join(folder, 'log.csv')
        const before = 'epoch,loss,accuracy,seconds\n1,9,0.5,0.25\n2,8,0.5,0.25\n'
        writeFileSync(file, before)
        await expect(train(file, [killed(2)], true)).rejects.toThrow('killed')
        const lines = readFileSync(file, 'utf8').split('\n')
        writeFileSync(file, `${lines.slice(0, 5).join('\n')}\n${left}`)
        await train(file, [], true)
        expect(epochs(file)).toEqual(['epoch', '1', '2', '1', '2', '3', '4', '5'])
        expect(readFileSync(file, 'utf8').startsWith(before)).toBe(true)
      },
    )

    it('keeps lines that are not its own, and says so', async () => {
      const file = join(folder, 'log.csv')
      await expect(train(file, [killed(2)])).rejects.toThrow('killed')
      const content = `${readFileSync(file, 'utf8')}1,0.5,0.5,0.25\n`
      writeFileSync(file, content)
      await expectCoded(() => train(file), 'ERR_DATA', /other lines behind the 2/)
      expect(readFileSync(file, 'utf8')).toBe(content)
    })

    it('begins a log again that is gone', async () => {
      const file = join(folder, 'log.csv')
      await expect(train(file, [killed(2)])).rejects.toThrow('killed')
      rmSync(file)
      await train(file)
      expect(epochs(file)).toEqual(['epoch', '3', '4', '5'])
    })
  })

  it.each(['name,price\na,1\n', 'epoch,loss\n1,0.5\n', 'epoch,loss,seconds\n1,0.5,2\nmy notes\n', 'precious'])(
    'leaves a file that it did not write: %j',
    async (content) => {
      const file = join(folder, 'log.csv')
      writeFileSync(file, content)
      let trained = false
      const seen = {
        onEpochBegin: () => {
          trained = true
        },
      }
      const fit = () => tokenClassifier().fit(tokens, labels, { callbacks: [callbacks.csvLogger({ file }), seen] })
      await expectCoded(fit, 'ERR_IO', /log\.csv.*no log of a training/)
      expect(readFileSync(file, 'utf8')).toBe(content)
      expect(trained).toBe(false)
    },
  )

  it('takes a file: URL', async () => {
    const file = pathToFileURL(join(folder, 'a b.csv'))
    for (const given of [file, file.href]) {
      await tokenClassifier().fit(tokens, labels, { callbacks: callbacks.csvLogger({ file: given }) })
      expect(read(join(folder, 'a b.csv'))).toHaveLength(2)
      rmSync(file)
    }
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
