import { namingLines } from '../data/table.js'
import { configure } from '../engine.js'
import { saving } from '../tasks/classifier/saved.js'
import { type ClassifierEpoch, type ClassifierProgress, type LabelWeights, TextClassifier } from '../tasks/index.js'
import { ifGiven } from './arguments.js'
import { backupFolder } from './folder.js'
import { interruptible } from './interrupt.js'
import { printJson } from './output.js'
import type { View } from './progress.js'
import { readRows } from './rows.js'
import { noteSaved, type Trained, trainAndSave } from './trainAndSave.js'

/** The options of `seqloom train classify`. */
export interface TrainClassifyOptions {
  readonly data: string
  readonly delimiter?: string
  readonly encoding?: string
  readonly text: string
  readonly label: string
  readonly out: string
  readonly cell: 'lstm' | 'gru' | 'simpleRNN'
  readonly bidirectional: boolean
  readonly layers: number
  readonly units: number
  readonly embedding: number
  readonly dropout: number
  readonly tokens: 'word' | 'character' | 'subword'
  readonly maxVocabulary?: number
  readonly maxLength: number
  readonly batchSize: number
  readonly epochs?: number
  readonly learningRate: number
  readonly validationSplit?: number
  readonly classWeight?: LabelWeights
  readonly seed: number
  readonly resume: boolean
  readonly force: boolean
  readonly json: boolean
  readonly threads?: number
}

const view: View<ClassifierProgress, ClassifierEpoch> = {
  unit: 'sequences',
  progress: ({ loss, accuracy }) => ({ loss, accuracy }),
  epoch: ({ loss, accuracy, valLoss, valAccuracy }) => ({
    ...{ loss, accuracy },
    ...{ val_loss: valLoss, val_accuracy: valAccuracy },
  }),
}

/** Trains a text classifier and saves the best model; an interrupt saves the best so far, if it replaces no finished one, leaves a backup to go on from, and rejects with an AbortError. */
export async function trainClassify(options: TrainClassifyOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  const { cell, bidirectional, layers, units, embedding, dropout, tokens, maxVocabulary, maxLength, seed } = options
  const classifier = new TextClassifier({
    ...{ cell, bidirectional, layers, units, embedding, dropout, tokens, maxLength, seed },
    ...(maxVocabulary !== undefined && { maxVocabulary }),
  })
  const backupDir = await backupFolder(options, saving.kind)
  await interruptible(async (signal) => {
    const read = await readRows({ ...options, signal })
    const { epochs, batchSize, learningRate, validationSplit, classWeight } = options
    const given = {
      ...ifGiven({ epochs, validationSplit, classWeight }),
      batchSize,
      learningRate,
      backupDir,
      resume: options.resume,
      signal,
    }
    await trainAndSave(
      classifier,
      options,
      view,
      (listeners) => namingLines(read, classifier.train(read.rows, { ...given, ...listeners })),
      (trained) => finish(trained, options),
    )
  })
}

function finish(trained: Trained<ClassifierEpoch>, options: TrainClassifyOptions): void {
  const { last, best, interrupted, saved, seconds } = trained
  if (options.json) {
    printJson({
      event: 'done',
      model: options.out,
      epochs: last?.epoch ?? 0,
      best_epoch: last?.best,
      loss: best?.loss,
      accuracy: best?.accuracy,
      val_loss: best?.valLoss,
      val_accuracy: best?.valAccuracy,
      interrupted,
      saved,
      seconds,
    })
    return
  }
  const measured = best?.valAccuracy ?? best?.accuracy
  const kind = best?.valAccuracy === undefined ? 'training' : 'validation'
  noteSaved(last, best && `${kind} accuracy ${measured?.toFixed(4)}`, trained, options.out)
}
