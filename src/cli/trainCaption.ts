import { namingLines } from '../data/table.js'
import { configure } from '../engine.js'
import { saving } from '../tasks/captioner/saved.js'
import { Captioner } from '../tasks/index.js'
import { ifGiven } from './arguments.js'
import { backupFolder } from './folder.js'
import { interruptible } from './interrupt.js'
import type { Size } from './pictures.js'
import { lossView } from './progress.js'
import { readCaptions } from './rows.js'
import { finishWithLoss, trainAndSave } from './trainAndSave.js'

/** The options of `seqloom train caption`. */
export interface TrainCaptionOptions {
  readonly data: string
  readonly delimiter?: string
  readonly encoding?: string
  readonly image: string
  readonly caption: string
  readonly out: string
  readonly size?: Size
  readonly patchSize: number
  readonly patchStride?: number
  readonly frontLayers: number
  readonly annotationSize: number
  readonly units: number
  readonly embedding: number
  readonly dropout: number
  readonly attentionPenalty: number
  readonly tokenizer: 'word' | 'character'
  readonly lowercase: boolean
  readonly maxVocabulary: number
  readonly maxLength: number
  readonly batchSize: number
  readonly epochs?: number
  readonly learningRate?: number
  readonly validationSplit?: number
  readonly seed: number
  readonly resume: boolean
  readonly force: boolean
  readonly json: boolean
  readonly threads?: number
}

/** Trains a captioner and saves the best model; an interrupt saves the best so far, if it replaces no finished one, leaves a backup to go on from, and rejects with an AbortError. */
export async function trainCaption(options: TrainCaptionOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  const backupDir = await backupFolder(options, saving.kind)
  const { patchSize, patchStride = patchSize, frontLayers, annotationSize, units, embedding, dropout } = options
  const { attentionPenalty, tokenizer, lowercase, maxVocabulary, maxLength, seed } = options
  const captioner = new Captioner({
    ...{ patchSize, patchStride, frontLayers, annotationSize, units, embedding, dropout, attentionPenalty },
    ...{ tokenizer, lowercase, maxVocabulary, maxLength, seed },
  })
  await interruptible(async (signal) => {
    const read = await readCaptions(options, signal)
    const { epochs, batchSize, learningRate, validationSplit } = options
    const given = {
      ...ifGiven({ epochs, validationSplit, learningRate }),
      batchSize,
      backupDir,
      resume: options.resume,
      signal,
    }
    await trainAndSave(
      captioner,
      options,
      lossView('images'),
      (listeners) => namingLines(read, captioner.train(read.rows, { ...given, ...listeners })),
      (trained) => finishWithLoss(trained, options),
    )
  })
}
