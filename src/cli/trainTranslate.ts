import { namingLines } from '../data/table.js'
import { configure } from '../engine.js'
import { SeqloomError } from '../errors.js'
import { Translator } from '../tasks/index.js'
import { saving } from '../tasks/translator/saved.js'
import { ifGiven } from './arguments.js'
import { backupFolder } from './folder.js'
import { interruptible } from './interrupt.js'
import { lossView } from './progress.js'
import { readTranslations } from './rows.js'
import { finishWithLoss, trainAndSave } from './trainAndSave.js'

/** The options of `seqloom train translate`. */
export interface TrainTranslateOptions {
  readonly data: string
  readonly delimiter?: string
  readonly encoding?: string
  readonly source: string
  readonly target: string
  readonly out: string
  readonly cell: 'lstm' | 'gru'
  readonly attention: 'luong' | 'bahdanau'
  readonly layers: number
  readonly units: number
  readonly embedding: number
  readonly dropout: number
  readonly sourceTokenizer: 'word' | 'character'
  readonly targetTokenizer: 'word' | 'character'
  readonly lowercase: boolean
  readonly maxVocabulary: number
  readonly maxLength: number
  readonly batchSize: number
  readonly epochs?: number
  readonly learningRate?: number
  readonly scheduledSampling: number
  readonly validationSplit?: number
  readonly seed: number
  readonly resume: boolean
  readonly force: boolean
  readonly json: boolean
  readonly threads?: number
}

/** Trains a translator and saves the best model; an interrupt saves the best so far, if it replaces no finished one, leaves a backup to go on from, and rejects with an AbortError. */
export async function trainTranslate(options: TrainTranslateOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  if (options.resume && options.scheduledSampling > 0) {
    throw new SeqloomError('ERR_OPTION', '--resume does not go with --scheduled-sampling, which makes no backups')
  }
  const backupDir = await backupFolder(options, saving.kind)
  const { cell, attention, layers, units, embedding, dropout, maxVocabulary, maxLength, seed } = options
  const { sourceTokenizer, targetTokenizer, lowercase } = options
  const translator = new Translator({
    ...{ cell, attention, layers, units, embedding, dropout, maxVocabulary, maxLength, seed },
    ...{ sourceTokenizer, targetTokenizer, lowercase },
  })
  await interruptible(async (signal) => {
    const read = await readTranslations({ ...options, signal })
    const { epochs, batchSize, learningRate, scheduledSampling, validationSplit } = options
    const given = { ...ifGiven({ epochs, validationSplit, learningRate }), batchSize, scheduledSampling, signal }
    // A backup holds no guesses.
    const backup = scheduledSampling > 0 ? {} : { backupDir, resume: options.resume }
    await trainAndSave(
      translator,
      options,
      lossView('sequences'),
      (listeners) => namingLines(read, translator.train(read.rows, { ...given, ...backup, ...listeners })),
      (trained) => finishWithLoss(trained, options),
    )
  })
}
