import { configure } from '../engine.js'
import { AbortError } from '../errors.js'
import { type ClassifierEpoch, type ClassifierProgress, type LabelledText, TextClassifier } from '../tasks/index.js'
import { checkFolder } from './folder.js'
import { interruptible } from './interrupt.js'
import { note, printJson } from './output.js'
import { reporter, type View } from './progress.js'
import { readRows } from './rows.js'

/** The options of `seqloom train classify`. */
export interface TrainClassifyOptions {
  readonly data: string
  readonly text: string
  readonly label: string
  readonly out: string
  readonly cell: 'lstm' | 'gru' | 'simpleRNN'
  readonly bidirectional: boolean
  readonly layers: number
  readonly units: number
  readonly embedding: number
  readonly dropout: number
  readonly maxVocabulary: number
  readonly maxLength: number
  readonly batchSize: number
  readonly epochs: number
  readonly learningRate: number
  readonly validationSplit: number
  readonly seed: number
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

/** Trains a text classifier and saves the best model; an interrupt saves the best so far and then rejects with an AbortError. */
export async function trainClassify(options: TrainClassifyOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  await checkFolder(options.out)
  const { cell, bidirectional, layers, units, embedding, dropout, maxVocabulary, maxLength, seed } = options
  const classifier = new TextClassifier({
    ...{ cell, bidirectional, layers, units, embedding, dropout, maxVocabulary, maxLength, seed },
  })
  await interruptible(async (signal) => {
    await trainAndSave(classifier, await readRows(options), options, signal)
  })
}

async function trainAndSave(
  classifier: TextClassifier,
  rows: readonly LabelledText[],
  options: TrainClassifyOptions,
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now()
  const { out, epochs, batchSize, learningRate, validationSplit } = options
  const show = reporter(options.json, view)
  const finished: ClassifierEpoch[] = []
  let interruption: AbortError | undefined
  try {
    await classifier.train(rows, {
      ...{ epochs, batchSize, learningRate, validationSplit, signal },
      onProgress: (progress) => show.progress(progress),
      onEpoch: (epoch) => {
        finished.push(epoch)
        show.epoch(epoch)
      },
    })
  } catch (error) {
    if (!(error instanceof AbortError)) throw error
    interruption = error
  } finally {
    show.close()
  }
  if (classifier.ready) {
    await classifier.save(out)
    finish(finished, options, interruption !== undefined, (performance.now() - started) / 1000)
  }
  if (interruption) throw interruption
}

function finish(
  finished: readonly ClassifierEpoch[],
  options: TrainClassifyOptions,
  interrupted: boolean,
  seconds: number,
) {
  const last = finished.at(-1)
  const best = finished.find(({ epoch }) => epoch === last?.best)
  if (options.json) {
    printJson({
      event: 'done',
      model: options.out,
      epochs: finished.length,
      best_epoch: best?.epoch,
      loss: best?.loss,
      accuracy: best?.accuracy,
      val_loss: best?.valLoss,
      val_accuracy: best?.valAccuracy,
      interrupted,
      seconds,
    })
    return
  }
  const measured = best?.valAccuracy ?? best?.accuracy
  const kind = best?.valAccuracy === undefined ? 'training' : 'validation'
  const which = best
    ? `the model of epoch ${best.epoch} (${kind} accuracy ${measured?.toFixed(4)})`
    : 'the model as it is'
  note(`${interrupted ? 'interrupted: ' : ''}saved ${which} in ${options.out}`)
}
