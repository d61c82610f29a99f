import { configure } from '../engine.js'
import { AbortError } from '../errors.js'
import { type TranslationRow, Translator, type TranslatorEpoch, type TranslatorProgress } from '../tasks/index.js'
import { checkFolder } from './folder.js'
import { interruptible } from './interrupt.js'
import { note, printJson } from './output.js'
import { reporter, type View } from './progress.js'
import { readTranslations } from './rows.js'

/** The options of `seqloom train translate`. */
export interface TrainTranslateOptions {
  readonly data: string
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
  readonly epochs: number
  readonly learningRate: number
  readonly scheduledSampling: number
  readonly validationSplit: number
  readonly seed: number
  readonly json: boolean
  readonly threads?: number
}

const view: View<TranslatorProgress, TranslatorEpoch> = {
  unit: 'sequences',
  progress: ({ loss }) => ({ loss }),
  epoch: ({ loss, valLoss }) => ({ loss, val_loss: valLoss }),
}

/** Trains a translator and saves the best model; an interrupt saves the best so far and then rejects with an AbortError. */
export async function trainTranslate(options: TrainTranslateOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  await checkFolder(options.out)
  const { cell, attention, layers, units, embedding, dropout, maxVocabulary, maxLength, seed } = options
  const { sourceTokenizer, targetTokenizer, lowercase } = options
  const translator = new Translator({
    ...{ cell, attention, layers, units, embedding, dropout, maxVocabulary, maxLength, seed },
    ...{ sourceTokenizer, targetTokenizer, lowercase },
  })
  await interruptible(async (signal) => {
    await trainAndSave(translator, await readTranslations(options), options, signal)
  })
}

async function trainAndSave(
  translator: Translator,
  rows: readonly TranslationRow[],
  options: TrainTranslateOptions,
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now()
  const { out, epochs, batchSize, learningRate, scheduledSampling, validationSplit } = options
  const show = reporter(options.json, view)
  const finished: TranslatorEpoch[] = []
  let interruption: AbortError | undefined
  try {
    await translator.train(rows, {
      ...{ epochs, batchSize, learningRate, scheduledSampling, validationSplit, signal },
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
  if (translator.ready) {
    await translator.save(out)
    finish(finished, options, interruption !== undefined, (performance.now() - started) / 1000)
  }
  if (interruption) throw interruption
}

function finish(
  finished: readonly TranslatorEpoch[],
  { json, out }: TrainTranslateOptions,
  interrupted: boolean,
  seconds: number,
) {
  const last = finished.at(-1)
  const best = finished.find(({ epoch }) => epoch === last?.best)
  if (json) {
    printJson({
      ...{ event: 'done', model: out, epochs: finished.length, best_epoch: best?.epoch },
      ...{ loss: best?.loss, val_loss: best?.valLoss, interrupted, seconds },
    })
    return
  }
  const kind = best?.valLoss === undefined ? 'training' : 'validation'
  const which = best
    ? `the model of epoch ${best.epoch} (${kind} loss ${(best.valLoss ?? best.loss).toFixed(4)})`
    : 'the model as it is'
  note(`${interrupted ? 'interrupted: ' : ''}saved ${which} in ${out}`)
}
