import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { configure } from '../engine.js'
import { SeqloomError } from '../errors.js'
import { type GeneratorEpoch, TextGenerator, type TokenUnit } from '../tasks/index.js'
import { checkFolder } from './folder.js'
import { interruptible } from './interrupt.js'
import { note, printJson } from './output.js'
import { lossView } from './progress.js'
import { type Trained, trainAndSave } from './trainAndSave.js'

/** The options of `seqloom train generate`. */
export interface TrainGenerateOptions {
  readonly data: string
  readonly out: string
  readonly tokens: TokenUnit
  readonly cell: 'lstm' | 'gru' | 'simpleRNN'
  readonly layers: number
  readonly units: number
  readonly embedding: number
  readonly dropout: number
  readonly tied: boolean
  readonly maxVocabulary?: number
  readonly time: number
  readonly batchSize: number
  readonly epochs: number
  readonly learningRate: number
  readonly validationSplit: number
  readonly seed: number
  readonly resume: boolean
  readonly json: boolean
  readonly threads?: number
}

/** Trains a text generator and saves the best model; an interrupt saves the best so far, leaves a backup to go on from, and rejects with an AbortError. */
export async function trainGenerate(options: TrainGenerateOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  const { out, data, resume } = options
  await checkFolder(out)
  const { tokens, cell, layers, units, embedding, dropout, tied, maxVocabulary, seed } = options
  const generator = new TextGenerator({
    ...{ tokens, cell, layers, units, embedding, dropout, tied, seed },
    ...(maxVocabulary === undefined ? {} : { maxVocabulary }),
  })
  const backupDir = join(out, 'backup')
  if (!resume) await rm(backupDir, { recursive: true, force: true })
  await interruptible(async (signal) => {
    const text = await read(data)
    const { epochs, batchSize, time, learningRate, validationSplit } = options
    const given = { epochs, batchSize, time, learningRate, validationSplit, backupDir, signal }
    await trainAndSave(
      generator,
      options,
      lossView('tokens'),
      (listeners) => generator.train(text, { ...given, ...listeners }),
      (trained) => finish(trained, options),
    )
  })
}

function finish(
  { last, best, interrupted, seconds }: Trained<GeneratorEpoch>,
  { out, json }: TrainGenerateOptions,
): void {
  if (json) {
    const { loss, valLoss } = best ?? {}
    const epochs = last?.epoch ?? 0
    printJson({
      ...{ event: 'done', model: out, epochs, best_epoch: last?.best, loss, val_loss: valLoss, interrupted, seconds },
    })
    return
  }
  const which = last ? `the model of epoch ${last.best}` : 'the model as it is'
  const goOn = interrupted ? '; --resume goes on' : ''
  note(`${interrupted ? 'interrupted: ' : ''}saved ${which} in ${out}${goOn}`)
}

async function read(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new SeqloomError('ERR_IO', `cannot read ${path}: ${(cause as Error).message}`, { cause })
  })
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new SeqloomError('ERR_DATA', `${path} is no text in UTF-8`, { cause })
  }
}
