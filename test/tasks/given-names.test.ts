import { data, layers, sequential, tasks } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

describe('what a newcomer gives instead of rows', () => {
  it('is told how files are read, where the name of one is given', async () => {
    const cure = /not 'sales\.csv'; data\.csv, data\.jsonLines and the like read files/
    const trainings: readonly { train(rows: never): Promise<unknown> }[] = [
      new tasks.TextClassifier(),
      new tasks.SequenceTagger(),
      new tasks.Translator(),
      new tasks.QuestionAnswerer(),
      new tasks.Captioner(),
      new tasks.Transcriber(),
      new tasks.LanguageEncoder(),
      new tasks.Forecaster(),
      new tasks.Forecaster({ time: 'date' }),
    ]
    for (const task of trainings)
      await expect(task.train('sales.csv' as never)).rejects.toThrow(coded('ERR_DATA', cure))
    await expect(new tasks.Translator().train(5 as never)).rejects.toThrow(coded('ERR_DATA', /not 5$/))
  })

  it('is no text that a generator learns letter by letter', async () => {
    const cure = (name: string) => coded('ERR_DATA', new RegExp(`'${name}' names a file; data\\.text reads files`))
    const generator = new tasks.TextGenerator({ units: 4, embedding: 4, layers: 1 })
    await expect(generator.train('novels/moby.txt')).rejects.toThrow(cure('novels/moby.txt'))
    await expect(generator.train('moby.txt.gz')).rejects.toThrow(cure('moby.txt.gz'))
    await generator.train('read it in moby.txt', { epochs: 1, validationSplit: 0 })
    await expect(generator.evaluate('moby.txt')).rejects.toThrow(cure('moby.txt'))
  })

  it('has columns of other names', async () => {
    const table = data.from([{ en: 'a dog', de: 'ein Hund' }])
    const named = /must be \{ source, target \}.*, not \{ en: 'a dog', de: 'ein Hund' \}/
    await expect(new tasks.Translator().train(table as never)).rejects.toThrow(coded('ERR_DATA', named))
    const frames = /must be \{ frames, text \}.*, not \{ frames: a Float32Array, transcript: 'la' \}/
    const sung = data.from([{ frames: new Float32Array(2), transcript: 'la' }])
    await expect(new tasks.Transcriber().train(sung as never)).rejects.toThrow(coded('ERR_DATA', frames))
    const m = sequential([layers.dense({ units: 1, inputShape: [2] })])
    m.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
    const cells = /got an object with 'en', 'de'; name its columns as x and y, as in data\.csv\(file, \{ x: /
    await expect(m.fit(table as never)).rejects.toThrow(coded('ERR_DATA', cells))
  })
})
