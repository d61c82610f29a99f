import { readText } from '../data/textFile.js'
import { configure } from '../engine.js'
import { saving } from '../tasks/generator/saved.js'
import { TextGenerator, type TokenUnit } from '../tasks/index.js'
import { ifGiven } from './arguments.js'
import { backupFolder } from './folder.js'
import { interruptible } from './interrupt.js'
import { lossView } from './progress.js'
import { finishWithLoss, trainAndSave } from './trainAndSave.js'

/** The options of `seqloom train generate`. */
export interface TrainGenerateOptions {
  readonly data: string
  readonly encoding?: string
  readonly out: string
  readonly tokens: TokenUnit
  readonly cell: 'lstm' | 'gru' | 'simpleRNN'
  readonly layers: number
  readonly units: number
  readonly embedding: number
  readonly dropout: number
  readonly tied: boolean
  readonly maxVocabulary?: number
  readonly time?: number
  readonly batchSize?: number
  readonly epochs?: number
  readonly learningRate: number
  readonly validationSplit?: number
  readonly seed: number
  readonly resume: boolean
  readonly force: boolean
  readonly json: boolean
  readonly threads?: number
}

/** Trains a text generator and saves the best model; an interrupt saves the best so far, if it replaces no finished one, leaves a backup to go on from, and rejects with an AbortError. */
export async function trainGenerate(options: TrainGenerateOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  const { data } = options
  const { tokens, cell, layers, units, embedding, dropout, tied, maxVocabulary, seed } = options
  const generator = new TextGenerator({
    ...{ tokens, cell, layers, units, embedding, dropout, tied, seed },
    ...(maxVocabulary === undefined ? {} : { maxVocabulary }),
  })
  const backupDir = await backupFolder(options, saving.kind)
  await interruptible(async (signal) => {
    const text = await readText(data, { ...options, signal })
    const { epochs, batchSize, time, learningRate, validationSplit } = options
    const given = {
      ...ifGiven({ epochs, batchSize, time, validationSplit }),
      learningRate,
      backupDir,
      resume: options.resume,
      signal,
    }
    await trainAndSave(
      generator,
      options,
      lossView('tokens'),
      (listeners) => generator.train(text, { ...given, ...listeners }),
      (trained) => finishWithLoss(trained, options),
    )
  })
}
